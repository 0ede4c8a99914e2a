//! What trust data changes against what stands, in words: for the persons who sign it, and for the journal of the import that takes it.
//!
//! Every key, certificate and log is told by its fingerprint, as [`describe`] shows it to whoever pins it: a line that names only the type would let one key take
//! another's place under its name.

use super::describe::describe;
use super::update::{certificates, revocations};
use crate::model::{Anchor, Digest, Material, Timestamp};
use crate::trust::TrustData;
use crate::trust::data::{identity_in_words, in_words, reach_in_words};

/// Says what a document changes against the one before: nothing where nothing changes, otherwise a line for each change.
///
/// `earlier` are the versions that stood before it, in any order, as far as they are known: an anchor that comes back under its name is told with
/// what the name stood for.
pub fn changes(old: Option<&TrustData>, new: &TrustData, earlier: &[TrustData]) -> Vec<String> {
    let none = Vec::new();
    let before = old.map_or(&none, |old| &old.anchors);
    let mut lines = Vec::new();
    // What goes is told first: a key that comes under the same name's like stands below it.
    for held in before.iter().filter(|held| new.anchor(&held.name).is_none()) {
        lines.push(format!("removes {}, {}", in_words(held), reach_in_words(held)));
        lines.extend(
            contents(held)
                .into_iter()
                .map(|line| format!("`{}` held {line}", held.name)),
        );
    }
    for anchor in &new.anchors {
        match before.iter().find(|held| held.name == anchor.name) {
            None => added(anchor, earlier, &mut lines),
            Some(held) if held != anchor => changed(held, anchor, &mut lines),
            Some(_) => {}
        }
    }
    lines
}

fn added(anchor: &Anchor, earlier: &[TrustData], lines: &mut Vec<String>) {
    let name = &anchor.name;
    lines.push(format!("adds {}, {}", in_words(anchor), reach_in_words(anchor)));
    lines.extend(
        contents(anchor)
            .into_iter()
            .map(|line| format!("`{name}` holds {line}")),
    );
    let last = earlier
        .iter()
        .filter_map(|data| Some((data.version, data.anchor(name)?)))
        .max_by_key(|(version, _)| *version);
    let Some((version, held)) = last.filter(|(_, held)| held.material != anchor.material) else {
        return;
    };
    lines.push(format!(
        "`{name}` stood for something else in version {version}: {}, {}",
        in_words(held),
        reach_in_words(held)
    ));
    lines.extend(contents(held).into_iter().map(|line| format!("`{name}` held {line}")));
}

/// What an anchor's material holds, a line for each key and each revocation in a certificate; an identity says all in the anchor's own line.
fn contents(anchor: &Anchor) -> Vec<String> {
    let mut lines = match describe(&anchor.material) {
        Ok(lines) => lines,
        Err(reason) => return vec![format!("what cannot be used: {reason}")],
    };
    if let Material::Openpgp(armored) = &anchor.material {
        let revoked = certificates(armored).map_or_else(|_| Vec::new(), |certificates| revocations(&certificates));
        lines.extend(revoked.iter().map(|one| format!("the revocation of {}", one.of)));
    }
    lines
}

fn changed(held: &Anchor, anchor: &Anchor, lines: &mut Vec<String>) {
    let name = &anchor.name;
    if held.material != anchor.material {
        material(held, anchor, lines);
    }
    for pattern in anchor.scope.iter().filter(|pattern| !held.scope.contains(pattern)) {
        lines.push(format!("`{name}` counts for {pattern} as well"));
    }
    for pattern in held.scope.iter().filter(|pattern| !anchor.scope.contains(pattern)) {
        lines.push(format!("`{name}` no longer counts for {pattern}"));
    }
    let suites = |suites: &[String]| match suites.is_empty() {
        true => "all".to_owned(),
        false => suites.join(", "),
    };
    let end = |time: Option<Timestamp>| time.map_or("none".to_owned(), |time| time.to_string());
    for (what, was, is) in [
        ("counts for the suites", suites(&held.suites), suites(&anchor.suites)),
        (
            "reaches the level",
            held.speaks_for.level().to_string(),
            anchor.speaks_for.level().to_string(),
        ),
        ("has the beginning", end(held.valid_from), end(anchor.valid_from)),
        ("has the end", end(held.valid_until), end(anchor.valid_until)),
    ] {
        if was != is {
            lines.push(format!("`{name}` {what} {is} where it was {was}"));
        }
    }
    if held.note != anchor.note {
        lines.push(format!("`{name}` has another note: {}", anchor.note));
    }
}

fn material(held: &Anchor, anchor: &Anchor, lines: &mut Vec<String>) {
    let name = &anchor.name;
    let (was, is) = (held.material.type_name(), anchor.material.type_name());
    if was != is {
        lines.push(format!("`{name}` becomes {is} where it was {was}"));
    }
    if let (Material::Identity(was), Material::Identity(is)) = (&held.material, &anchor.material) {
        lines.push(format!(
            "`{name}` names {} where it named {}",
            identity_in_words(is),
            identity_in_words(was)
        ));
        return;
    }
    let (before, after) = (contents(held), contents(anchor));
    let lost = before.iter().filter(|line| !after.contains(line));
    let told = lines.len();
    lines.extend(lost.map(|line| format!("`{name}` no longer holds {line}")));
    let gained = after.iter().filter(|line| !before.contains(line));
    lines.extend(gained.map(|line| format!("`{name}` holds {line}")));
    // Bindings, dates or order may differ while the keys are the same; of some types the lines above name no whole key, and only the digest tells.
    let is_same = lines.len() == told;
    if was == is && (is_same || !names_keys(&anchor.material)) {
        let digest = |anchor: &Anchor| Digest::of(anchor.material.text().unwrap_or_default().as_bytes());
        let keys = match names_keys(&anchor.material) {
            true => " of the same keys",
            false => "",
        };
        lines.push(format!(
            "`{name}` has other {is}{keys}: {} where it was {}",
            digest(anchor),
            digest(held)
        ));
    }
}

/// Whether the lines that describe a material name each of its keys by a whole fingerprint.
const fn names_keys(material: &Material) -> bool {
    !matches!(
        material,
        Material::SigstoreRoot(_) | Material::TufRoot(_) | Material::NpmKeys(_) | Material::NoteKey(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ScopePattern, SpeaksFor};

    const ED25519: [&str; 2] = [
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=\n-----END PUBLIC KEY-----\n",
    ];

    fn anchor(name: &str, key: usize) -> Anchor {
        Anchor {
            material: Material::PublicKey(ED25519[key].to_owned()),
            name: name.to_owned(),
            note: "read over the phone".to_owned(),
            scope: vec![ScopePattern::new("go/*")],
            speaks_for: SpeaksFor::Registry,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        }
    }

    fn sample(version: u64) -> TrustData {
        let mut data = TrustData::empty(version, Timestamp::from_seconds(0));
        data.put(anchor("b", 0));
        data.put(anchor("a", 0));
        data
    }

    fn shown(key: usize) -> String {
        describe(&Material::PublicKey(ED25519[key].to_owned()))
            .unwrap()
            .remove(0)
    }

    #[test]
    fn every_change_is_told_with_fingerprints() {
        let old = sample(1);
        let mut new = sample(2);
        assert_eq!(changes(Some(&old), &new, &[]), Vec::<String>::new());
        new.remove("a");
        new.put(anchor("c", 1));
        let b = &mut new.anchors[0];
        b.scope = vec![ScopePattern::new("npm/*")];
        b.valid_from = Some(Timestamp::from_seconds(0));
        b.valid_until = Some(Timestamp::from_seconds(1));
        b.speaks_for = SpeaksFor::Publisher;
        b.suites = vec!["stable".to_owned()];
        b.note = "from the site".to_owned();
        b.material = Material::PublicKey(ED25519[1].to_owned());
        assert_ne!(shown(0), shown(1));
        assert_eq!(
            changes(Some(&old), &new, &[]),
            [
                "removes `a` (public-key) for go/*, reaches the level registry",
                &format!("`a` held {}", shown(0)),
                &format!("`b` no longer holds {}", shown(0)),
                &format!("`b` holds {}", shown(1)),
                "`b` counts for npm/* as well",
                "`b` no longer counts for go/*",
                "`b` counts for the suites stable where it was all",
                "`b` reaches the level publisher where it was registry",
                "`b` has the beginning 1970-01-01T00:00:00Z where it was none",
                "`b` has the end 1970-01-01T00:00:01Z where it was none",
                "`b` has another note: from the site",
                "adds `c` (public-key) for go/*, reaches the level registry",
                &format!("`c` holds {}", shown(1)),
            ]
        );
        assert_eq!(changes(None, &sample(1), &[]).len(), 4);
    }

    #[test]
    fn a_name_that_comes_back_is_told_with_what_it_stood_for() {
        let first = sample(1);
        let mut second = sample(2);
        second.remove("a");
        let mut third = second.clone();
        third.version = 3;
        third.put(anchor("a", 1));
        let lines = changes(Some(&second), &third, &[second.clone(), first.clone()]);
        let expected =
            "`a` stood for something else in version 1: `a` (public-key) for go/*, reaches the level registry";
        assert_eq!(lines[2..], [expected.to_owned(), format!("`a` held {}", shown(0))]);
        // The same again is nothing else.
        third.put(anchor("a", 0));
        assert_eq!(changes(Some(&second), &third, &[first]).len(), 2);
    }

    #[test]
    fn another_text_of_the_same_key_is_told() {
        let (old, mut new) = (sample(1), sample(2));
        new.anchors[0].material = Material::PublicKey(format!("{}\n", ED25519[0]));
        let lines = changes(Some(&old), &new, &[]);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].contains("other public-key of the same keys: sha256:"),
            "{lines:?}"
        );
        // The key hash of a note's key has 32 bits, and the line of a log none of its key.
        let (mut old, mut new) = (sample(1), sample(2));
        old.anchors[0].material = Material::NoteKey("example.com+01234567+AAAA".to_owned());
        new.anchors[0].material = Material::NoteKey("example.com+01234567+AAAB".to_owned());
        let lines = changes(Some(&old), &new, &[]);
        assert!(lines.last().unwrap().contains("other note-key: sha256:"), "{lines:?}");
        let identity = |subject: &str| {
            Material::Identity(crate::model::IdentityPattern {
                issuer: "https://issuer.example.com".to_owned(),
                subject: Some(subject.to_owned()),
                ..Default::default()
            })
        };
        let (mut old, mut new) = (sample(1), sample(2));
        old.anchors[0].material = identity("one@example.com");
        new.anchors[0].material = identity("two@example.com");
        assert_eq!(
            changes(Some(&old), &new, &[]),
            [
                "`a` names subject two@example.com by https://issuer.example.com where it named subject one@example.com by \
                 https://issuer.example.com"
            ]
        );
    }
}
