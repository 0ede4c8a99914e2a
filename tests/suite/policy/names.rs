//! Which names look like others, in each ecosystem, and which real ones do not.

use sealift::policy::Fixtures;

use super::{ECOSYSTEMS, policy};

/// The codes about new names beside names that are popular.
fn found(ecosystem: &str, popular: &[&str], name: &str) -> String {
    let list: Vec<String> = popular.iter().map(|name| format!("{name:?}")).collect();
    let text = format!(
        "schema: sealift-policy-tests/1\nnow: \"2026-11-21T12:00:00Z\"\npopular: {{ {ecosystem}: [{}] }}\ntests:\n  - {{ name: one, \
         artifact: \"{ecosystem}/{name}@1\", expect: allow }}\n",
        list.join(", ")
    );
    let lines = format!(
        "ecosystems: {{{ecosystem}: {{evidence: none, min_age_days: 0}}}}\nnames: {{first_seen: allow, similar: review}}\n"
    );
    let outcomes = Fixtures::from_yaml(&text)
        .unwrap()
        .run(&policy(&lines), &ECOSYSTEMS)
        .unwrap();
    let hits = outcomes[0].decision.hits.iter();
    let similar = hits.filter(|hit| hit.code.name() == "similar-name");
    similar.map(|hit| hit.message.clone()).collect()
}

#[test]
fn names_that_pass_for_others_are_held() {
    for (ecosystem, popular, name, why) in [
        // A letter less of five.
        ("npm", "axios", "axio", "an edit away"),
        ("npm", "react", "reac", "an edit away"),
        ("pypi", "numpy", "nump", "an edit away"),
        ("cargo", "serde", "serd", "an edit away"),
        ("cargo", "tokio", "toki", "an edit away"),
        // Two of twelve.
        ("pypi", "scikit-image", "scikitimag", "an edit away"),
        // A scope that is left out, or another's.
        ("npm", "@azure/core-tracing", "core-tracing", "but for its scope"),
        ("npm", "@azure/core-tracing", "@evil/core-tracing", "but for its scope"),
        ("npm", "lodash", "@evil/lodash", "but for its scope"),
        ("npm", "ms", "@evil/ms", "but for its scope"),
        ("npm", "@babel/core", "@babel-core/core", "but for its scope"),
        ("npm", "@babel/core", "@babeljs/core", "but for its scope"),
        ("npm", "@angular/core", "@ng-angular/core", "but for its scope"),
        // npm has had both.
        ("npm", "JSONStream", "jsonstream", "in case only"),
        ("npm", "jsonstream", "JSONStream", "in case only"),
        ("npm", "JSONStream", "jsonstreams", "an edit away"),
        (
            "maven",
            "com.fasterxml.jackson.core:jackson-databind",
            "org.fasterxml.jackson.core:jackson-databind",
            "first word of its group",
        ),
        (
            "maven",
            "io.netty:netty-all",
            "com.netty:netty-all",
            "first word of its group",
        ),
        ("maven", "org.json:json", "Org.json:json", "in case only"),
    ] {
        let message = found(ecosystem, &[popular], name);
        assert!(
            message.contains(&format!("`{popular}`")) && message.contains(why),
            "{name}: {message}"
        );
    }
}

#[test]
fn real_names_beside_real_names_are_not() {
    let npm = [
        "@angular-devkit/core",
        "@angular/cli",
        "@angular/common",
        "@angular/core",
        "@azure/core-http",
        "@azure/core-tracing",
        "@babel/core",
        "@babel/types",
        "@nestjs/common",
        "@nestjs/core",
        "@sentry/types",
        "@types/node",
        "@typescript-eslint/types",
        "axios",
        "chai",
        "express",
        "lodash",
        "react",
    ];
    for name in [
        // Typings of another's package.
        "@types/lodash",
        "@types/express",
        // Whoever has a scope that is known.
        "@nestjs/axios",
        "@sentry/react",
        "@babel/parser",
        "@azure/core-client",
        // Words that stand under many scopes, or are short.
        "types",
        "@acme/types",
        "core",
        "@acme/core",
        "cli",
        "koa",
        "chalk",
        "react-dom",
        "lodash-es",
        "express-session",
    ] {
        assert_eq!(found("npm", &npm, name), "", "{name}");
    }
    for (ecosystem, popular, name) in [
        // A typing is no package's original.
        ("npm", &["@types/express"][..], "express"),
        // One project, however it is written.
        ("pypi", &["Flask", "ruamel.yaml"], "flask"),
        ("pypi", &["Flask", "ruamel.yaml"], "ruamel-yaml"),
        ("cargo", &["serde_json"], "serde-json"),
        // One owner of the domain, and other words.
        (
            "maven",
            &["com.fasterxml.jackson.core:jackson-databind"],
            "com.fasterxml.jackson.core:jackson-core",
        ),
        ("maven", &["org.slf4j:slf4j-api"], "org.apache.logging.log4j:log4j-api"),
        ("maven", &["junit:junit"], "org.junit.jupiter:junit-jupiter"),
        (
            "maven",
            &["javax.servlet:javax.servlet-api"],
            "jakarta.servlet:jakarta.servlet-api",
        ),
        ("cargo", &["rand", "time"], "tim"),
    ] {
        assert_eq!(found(ecosystem, popular, name), "", "{name}");
    }
}
