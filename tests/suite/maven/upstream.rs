//! What repositories are asked.

use sealift::ecosystem::{Companions, Located, NewProof, UpstreamError, Wanted};
use sealift::model::{Algorithm, Claim, MultiHasher, ProofState};

use super::{artifact, maven, pom};
use crate::registry::Registry;

const ONE: &str = "https://one.example.com/m2/";
const TWO: &str = "https://two.example.com/m2";
const LIB: &str = "https://one.example.com/m2/org/example/lib/1.0/lib-1.0";

fn registry() -> Registry {
    Registry::default().at("maven", None, ONE).at("maven", None, TWO)
}

fn wanted(file: Option<&str>, claims: Vec<Claim>) -> Wanted {
    Wanted {
        ecosystem: "maven",
        name: "org.example:lib".to_owned(),
        version: "1.0".to_owned(),
        file: file.map(str::to_owned),
        claims,
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    }
}

fn claim(algorithm: Algorithm, bytes: &[u8]) -> Claim {
    let mut hasher = MultiHasher::new([algorithm]);
    hasher.update(bytes);
    let (_, claims) = hasher.finish();
    claims.into_iter().find(|claim| claim.algorithm() == algorithm).unwrap()
}

fn files(located: &[Located]) -> Vec<(&str, &str, Vec<Algorithm>)> {
    located
        .iter()
        .map(|located| {
            let algorithms = located.claims.iter().map(Claim::algorithm).collect();
            (located.file.as_str(), located.url.as_str(), algorithms)
        })
        .collect()
}

#[test]
fn a_digest_is_enough_to_ask_anybody() {
    let registry = registry();
    let digest = claim(Algorithm::Sha256, b"x");
    let located = maven()
        .locate(&wanted(Some("lib-1.0.jar"), vec![digest]), &registry)
        .unwrap();
    let urls: Vec<&str> = located.iter().map(|located| located.url.as_str()).collect();
    assert_eq!(
        urls,
        [format!("{LIB}.jar"), format!("{TWO}/org/example/lib/1.0/lib-1.0.jar")]
    );
    assert!(registry.asked().is_empty());
    assert!(matches!(
        maven().locate(&wanted(None, Vec::new()), &Registry::default()),
        Err(UpstreamError::NoUpstream { .. })
    ));
}

#[test]
fn without_a_digest_the_strongest_checksum_is_taken() {
    let (strong, middle, weak) = (
        claim(Algorithm::Sha512, b"x").hex(),
        claim(Algorithm::Sha256, b"x").hex(),
        claim(Algorithm::Sha1, b"x").hex(),
    );
    let jar = format!("{LIB}.jar");
    let locate = |registry: &Registry| {
        let located = maven()
            .locate(&wanted(Some("lib-1.0.jar"), Vec::new()), registry)
            .unwrap();
        assert_eq!(located[0].url, jar);
        located.iter().map(|located| located.claims.clone()).collect::<Vec<_>>()
    };
    let all = registry()
        .with(&format!("{jar}.sha512"), strong.clone())
        .with(&format!("{jar}.sha256"), middle.clone())
        .with(&format!("{jar}.sha1"), weak.clone());
    assert_eq!(locate(&all), [vec![claim(Algorithm::Sha512, b"x")]]);
    assert_eq!(all.asked().len(), 1);
    let weaker = registry()
        .with(&format!("{jar}.sha512"), "<html>not found</html>")
        .failing(&format!("{jar}.sha256"), 403)
        .with(&format!("{jar}.sha1"), format!("{weak}  lib-1.0.jar\n"));
    assert_eq!(locate(&weaker), [vec![claim(Algorithm::Sha1, b"x")]]);
    // Nobody has one: each is a place to try.
    assert_eq!(locate(&registry()), [vec![], vec![]]);
    // The second repository has what the first has not.
    let second = registry().with(&format!("{TWO}/org/example/lib/1.0/lib-1.0.jar.sha1"), weak);
    let located = maven()
        .locate(&wanted(Some("lib-1.0.jar"), Vec::new()), &second)
        .unwrap();
    assert!(located.len() == 1 && located[0].url.starts_with(TWO));
    // An upstream that fails is not one that has none.
    let failing = registry().failing(&format!("{jar}.sha512"), 500);
    assert!(
        maven()
            .locate(&wanted(Some("lib-1.0.jar"), Vec::new()), &failing)
            .is_err()
    );
}

#[test]
fn the_pom_says_what_stands_beside_it() {
    let weak = claim(Algorithm::Sha1, b"x").hex();
    for (rest, present, expected) in [
        ("", vec![".pom", ".jar"], vec!["pom", "jar"]),
        (
            "<packaging>bundle</packaging>",
            vec![".pom", ".jar"],
            vec!["pom", "jar"],
        ),
        ("<packaging>pom</packaging>", vec![".pom"], vec!["pom"]),
        ("<packaging>war</packaging>", vec![".pom", ".war"], vec!["pom", "war"]),
        ("<packaging>odd</packaging>", vec![".pom", ".jar"], vec!["pom", "jar"]),
        ("<packaging>odd</packaging>", vec![".pom", ".odd"], vec!["pom", "odd"]),
        // Without checksums: the file is tried, and its absence is an error then.
        ("", vec![], vec!["pom", "jar"]),
        ("<packaging>odd</packaging>", vec![], vec!["pom", "odd"]),
        (
            "<distributionManagement><relocation><groupId>x</groupId></relocation></distributionManagement>",
            vec![".pom"],
            vec!["pom"],
        ),
        (
            "<!-- do_not_remove: published-with-gradle-metadata -->",
            vec![".pom", ".jar", ".module"],
            vec!["pom", "jar", "module"],
        ),
        (
            "<!-- do_not_remove: published-with-gradle-metadata -->",
            vec![".pom", ".jar"],
            vec!["pom", "jar"],
        ),
        ("", vec![".pom", ".jar", ".module"], vec!["pom", "jar"]),
    ] {
        let mut registry = registry().with(&format!("{LIB}.pom"), pom("org.example", "lib", "1.0", rest));
        for ending in present {
            registry = registry.with(&format!("{LIB}{ending}.sha1"), weak.clone());
        }
        let located = maven().locate(&wanted(None, Vec::new()), &registry).unwrap();
        let found: Vec<&str> = files(&located)
            .iter()
            .map(|(file, url, _)| {
                assert_eq!(url.rsplit('/').next(), Some(*file));
                file.strip_prefix("lib-1.0.").unwrap()
            })
            .collect();
        assert_eq!(found, expected, "{rest}");
    }
    let none = maven().locate(&wanted(None, Vec::new()), &registry());
    assert!(matches!(none, Err(UpstreamError::NotListed { .. })));
    let broken = registry().with(&format!("{LIB}.pom"), "<html>");
    assert!(matches!(
        maven().locate(&wanted(None, Vec::new()), &broken),
        Err(UpstreamError::Malformed { .. })
    ));
}

/// The states of both kinds for each file, sorted by file.
fn states(companions: &Companions) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<_> = companions
        .proofs
        .iter()
        .map(|(file, proofs)| {
            let words = proofs.iter().map(|proof| match proof {
                NewProof::Present(kind, bytes) => format!("{kind} {}", String::from_utf8_lossy(&bytes[0])),
                NewProof::Without(proof) => {
                    assert_ne!(proof.state, ProofState::NotAsked);
                    format!("{} {}", proof.kind, proof.state.word())
                }
                NewProof::InDocument(..) => panic!("Maven's proofs are files"),
            });
            (file.clone(), words.collect())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn proofs_are_present_absent_or_not_served() {
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n";
    let own = |files: &[&str]| -> Vec<_> {
        files
            .iter()
            .map(|file| artifact("org.example:lib", "1.0", file, b"x"))
            .collect()
    };
    let ask = |registry: &Registry, files: &[&str]| {
        states(&maven().accompany("org.example:lib", &own(files), registry).unwrap())
    };
    let both = ["lib-1.0.jar", "lib-1.0.pom"];
    let signed = registry()
        .with(&format!("{LIB}.jar.asc"), SIGNATURE)
        .with(&format!("{LIB}.jar.sigstore.json"), "{\"mediaType\":\"x\"}");
    let expected = [
        (
            "lib-1.0.jar".to_owned(),
            vec![
                format!("openpgp {SIGNATURE}"),
                "sigstore {\"mediaType\":\"x\"}".to_owned(),
            ],
        ),
        (
            "lib-1.0.pom".to_owned(),
            vec!["openpgp absent".to_owned(), "sigstore absent".to_owned()],
        ),
    ];
    assert_eq!(ask(&signed, &both), expected);
    // Who gives none for any file of the name may hold them back.
    let not_served = vec!["openpgp not-served".to_owned(), "sigstore not-served".to_owned()];
    for bare in [
        registry(),
        registry().failing(&format!("{LIB}.jar.asc"), 403),
        registry()
            .with(&format!("{LIB}.jar.asc"), "<html>sign in</html>")
            .with(&format!("{LIB}.jar.sigstore.json"), "<html>"),
    ] {
        assert_eq!(ask(&bare, &both[..1]), [("lib-1.0.jar".to_owned(), not_served.clone())]);
    }
    // A bundle alone does not tell whether signatures are passed on.
    let bundled = registry().with(&format!("{LIB}.jar.sigstore.json"), "{}");
    assert_eq!(
        ask(&bundled, &both)[1].1,
        ["openpgp not-served".to_owned(), "sigstore absent".to_owned()]
    );
    // The place that the file came from is asked first.
    let signed = registry().with(&format!("{TWO}/org/example/lib/1.0/lib-1.0.jar.asc"), SIGNATURE);
    let mut fetched = own(&both[..1]);
    fetched[0].origin = format!("{TWO}/org/example/lib/1.0/lib-1.0.jar");
    maven().accompany("org.example:lib", &fetched, &signed).unwrap();
    assert!(signed.asked().iter().all(|url| url.starts_with(TWO)));

    for status in [429, 500, 503] {
        let failing = registry().failing(&format!("{LIB}.jar.asc"), status);
        assert!(
            maven().accompany("org.example:lib", &own(&both), &failing).is_err(),
            "{status}"
        );
    }
    assert!(matches!(
        maven().accompany("org.example:lib", &own(&both), &Registry::default()),
        Err(UpstreamError::NoUpstream { .. })
    ));
}
