//! Whatever takes untrusted bytes by that name is fed by a target under `tests/fuzz`.

use std::fs;
use std::path::Path;

/// What no target names, each with its reason.
const REACHED: &[(&str, &str)] = &[
    ("bounded_size", "two numbers, no bytes"),
    ("is_ecdsa_der", "the targets of keys and raw signatures reach it"),
    ("Chain::judge_with", "`Chain::judge` is the same without a bundle"),
    ("Chain::manifests", "reads what `Chain::judge` reads"),
    ("Root::read", "`TrustedRoot` reads by it"),
];

/// The functions of a file that the library offers and whose first argument is called untrusted: `name`, or `Type::name`.
fn takers(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut owner = None;
    let mut found = Vec::new();
    let lines: Vec<&str> = code.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("impl") {
            let name = line.trim_end_matches(" {").rsplit(' ').next().unwrap_or_default();
            owner = Some(name.split('<').next().unwrap_or_default().to_owned());
        } else if *line == "}" {
            owner = None;
        }
        let Some((_, rest)) = line
            .trim_start()
            .split_once("pub fn ")
            .filter(|(before, _)| before.is_empty())
        else {
            continue;
        };
        let Some((name, arguments)) = rest.split_once('(') else {
            continue;
        };
        let first = match arguments.trim() {
            "" => lines.get(at + 1).map_or("", |next| next.trim()),
            own => own,
        };
        if first.starts_with("untrusted") {
            let name = name.split('<').next().unwrap_or_default();
            found.push(
                owner
                    .as_ref()
                    .map_or(name.to_owned(), |owner| format!("{owner}::{name}")),
            );
        }
    }
    found
}

#[test]
fn whatever_takes_untrusted_bytes_is_named_by_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |folder: &str| -> Vec<String> {
        walkdir::WalkDir::new(root.join(folder))
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
            .map(|entry| fs::read_to_string(entry.path()).unwrap())
            .collect()
    };
    let targets = read("tests/fuzz").concat();
    let takers: Vec<String> = read("src").iter().flat_map(|text| takers(text)).collect();
    assert!(
        takers.len() > 15 && takers.contains(&"Review::read".to_owned()),
        "{takers:?}"
    );
    for name in &takers {
        let is_reached = REACHED.iter().any(|(reached, _)| reached == name);
        // A function of a room is called by the room's name, or under the name that the room gives it.
        let is_named = [format!("{name}("), format!("{}_definitions(", name)]
            .iter()
            .any(|call| targets.contains(call));
        assert!(
            is_named != is_reached,
            "{name}: named {is_named}, and listed as reached {is_reached}"
        );
    }
    for (name, _) in REACHED {
        assert!(takers.iter().any(|taker| taker == name), "{name} is gone");
    }
}
