//! Signed lists: checksums in every form, Helm's provenance, CPAN's checksums.

use base64::Engine as _;
use sealift::model::{Anchor, Claim, Doubt, Fault, Finding, Level, Material, MultiHasher, Outcome, ScopePattern};

use super::maker::{Maker, armor};
use super::signatures::one;
use crate::support::{DAY, anchor, artifact, judge};

const BORN: &str = "2024-01-01T00:00:00Z";
const SIGNED: &str = "2025-01-01T00:00:00Z";
const TOOL: &[u8] = b"the tool";
const GOOD: Outcome = Outcome::Confirmed(Level::Publisher);
const DIFFERS: Outcome = Outcome::Contradicted(Fault::SubjectDiffers);
const MALFORMED: Outcome = Outcome::Contradicted(Fault::Malformed);
const NO_LIST: Outcome = Outcome::Undecided(Doubt::UnknownFormat);

fn maker() -> Maker {
    Maker::new(1, BORN)
}

fn pinned() -> [Anchor; 1] {
    [anchor("publisher", maker().material())]
}

fn digest(name: &str, bytes: &[u8]) -> String {
    use sealift::model::Algorithm::{Sha1, Sha256, Sha384, Sha512};
    let mut hasher = MultiHasher::new([Sha1, Sha256, Sha384, Sha512]);
    hasher.update(bytes);
    let claims: Vec<Claim> = hasher.finish().1;
    claims
        .iter()
        .find(|claim| claim.algorithm().name() == name)
        .unwrap()
        .hex()
}

/// Judges a list with a signature beside it.
fn listed(list: &str) -> Finding {
    let artifact = artifact("files", "tool", "1", "tool-1.tar.gz", TOOL);
    let objects = vec![list.as_bytes().to_vec(), maker().sign(SIGNED, list.as_bytes())];
    one(judge("signed-checksums", objects, &artifact, TOOL, &pinned(), DAY))
}

#[test]
fn every_form_of_list_is_read() {
    let (short, middle, long) = (digest("sha256", TOOL), digest("sha384", TOOL), digest("sha512", TOOL));
    let other = digest("sha256", b"other");
    for list in [
        format!("{short}  tool-1.tar.gz\n"),
        format!("{short} *tool-1.tar.gz\n{other} *other.tar.gz\n"),
        format!("{short}  ./tool-1.tar.gz\n"),
        format!("{middle}  tool-1.tar.gz\n"),
        format!("{long}  tool-1.tar.gz\r\n"),
        format!("SHA256 (tool-1.tar.gz) = {short}\nSHA512 (tool-1.tar.gz) = {long}\n"),
        format!("# tool-1.tar.gz: 8 bytes\nSHA256 (tool-1.tar.gz) = {short}\nMD5 (tool-1.tar.gz) = 00\n"),
        format!("{}\n", short.to_uppercase()),
        format!("{short}  tool-1.tar.gz\n{other}  elsewhere/tool-1.tar.gz\n\\{other}  odd\\\\name\n"),
    ] {
        let finding = listed(&list);
        assert_eq!(finding.outcome, GOOD, "{list}: {}", finding.reason);
        assert_eq!(finding.kind, "signed-checksums");
    }
    assert_eq!(listed(&short).notes, ["the signed digest names no file"]);
}

#[test]
fn a_list_names_the_file_once_and_with_its_digest() {
    let (short, long) = (digest("sha256", TOOL), digest("sha512", TOOL));
    let other = digest("sha256", b"other");
    let weak = digest("sha1", TOOL);
    let name = "tool-1.tar.gz";
    for (list, expected) in [
        (format!("{other}  {name}\n"), DIFFERS),
        (format!("{short}  tool-2.tar.gz\n"), DIFFERS),
        (format!("{short}  elsewhere/{name}\n"), DIFFERS),
        (format!("{short}  ../{name}\n"), DIFFERS),
        (String::new(), DIFFERS),
        (other.clone(), DIFFERS),
        (format!("{short}  {name}\n{other}  {name}\n"), MALFORMED),
        (format!("{short}  {name}\n{short}  {name}\n"), MALFORMED),
        (format!("{short}  {name}\n{short}  ./{name}\n"), MALFORMED),
        (format!("{short}\n{other}  {name}\n"), MALFORMED),
        // One algorithm that fits does not outweigh one that does not.
        (
            format!("SHA256 ({name}) = {other}\nSHA512 ({name}) = {long}\n"),
            DIFFERS,
        ),
        (
            format!(
                "SHA512 ({name}) = {}\nSHA256 ({name}) = {short}\n",
                digest("sha512", b"other")
            ),
            DIFFERS,
        ),
        (format!("{weak}  {name}\n"), Outcome::Contradicted(Fault::Weak)),
        (format!("MD5 ({name}) = 00\n"), Outcome::Contradicted(Fault::Weak)),
        (
            format!("BLAKE2b ({name}) = 00\n"),
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
        (format!("release of {name}\n{short}  {name}\n"), NO_LIST),
        (
            format!("BLAKE2-b ({name}) = 00\n"),
            Outcome::Undecided(Doubt::UnknownAlgorithm),
        ),
        (format!(" ({name}) = 00\n"), NO_LIST),
        (format!("a release ({name}) = 00\n"), NO_LIST),
        (format!("{short} *\n"), NO_LIST),
        (format!("SHA256 ({name}) = xyz\n"), NO_LIST),
        (format!("{}  {name}\n", &short[1..]), NO_LIST),
        (format!("{}  {name}\n{short}  {name}\n", "z".repeat(40)), NO_LIST),
        (format!("  {name}\n{short}  {name}\n"), NO_LIST),
        (format!("{short}  {}\n", "x".repeat(6000)), NO_LIST),
    ] {
        let finding = listed(&list);
        assert_eq!(finding.outcome, expected, "{list}: {}", finding.reason);
    }
}

#[test]
fn a_list_is_read_only_if_somebody_known_signed_it() {
    let list = format!("{}  tool-1.tar.gz\n", digest("sha256", TOOL)).into_bytes();
    let artifact = artifact("files", "tool", "1", "tool-1.tar.gz", TOOL);
    let asked = |objects: Vec<Vec<u8>>, anchors: &[Anchor]| {
        one(judge("signed-checksums", objects, &artifact, TOOL, anchors, DAY)).outcome
    };
    let signature = armor(&maker().sign(SIGNED, &list)).into_bytes();
    assert_eq!(asked(vec![list.clone(), signature.clone()], &pinned()), GOOD);
    let lie = format!("{}  tool-1.tar.gz\n", digest("sha256", b"evil")).into_bytes();
    let wrong = asked(vec![lie, signature.clone()], &pinned());
    assert_eq!(wrong, Outcome::Contradicted(Fault::SignatureWrong));
    let stranger = [anchor("stranger", Maker::new(2, BORN).material())];
    let unknown = asked(vec![list.clone(), signature.clone()], &stranger);
    assert_eq!(unknown, Outcome::Undecided(Doubt::UnknownSigner));
    let mut elsewhere = pinned();
    elsewhere[0].scope = vec![ScopePattern::new("npm")];
    let out = asked(vec![list.clone(), signature.clone()], &elsewhere);
    assert_eq!(out, Outcome::Undecided(Doubt::OutOfScope));
    let incomplete = Outcome::Undecided(Doubt::Incomplete);
    assert_eq!(asked(vec![list.clone()], &pinned()), incomplete);
    assert_eq!(asked(Vec::new(), &pinned()), incomplete);
    assert_eq!(asked(vec![list.clone(), b"garbage".to_vec()], &pinned()), NO_LIST);
    let huge = asked(vec![vec![b'#'; (16 << 20) + 1], signature], &pinned());
    assert_eq!(huge, Outcome::Undecided(Doubt::TooLarge));
    // Signed by two: the stranger stays undecided.
    let two = vec![
        list.clone(),
        maker().sign(SIGNED, &list),
        Maker::new(2, BORN).sign(SIGNED, &list),
    ];
    let findings = judge("signed-checksums", two, &artifact, TOOL, &pinned(), DAY);
    assert_eq!(findings[0].outcome, GOOD);
    assert_eq!(findings[1].outcome, Outcome::Undecided(Doubt::UnknownSigner));
    // One signer in two signatures is one.
    let twice = vec![list.clone(), maker().sign(SIGNED, &list), maker().sign(BORN, &list)];
    assert_eq!(
        judge("signed-checksums", twice, &artifact, TOOL, &pinned(), DAY).len(),
        1
    );
}

#[test]
fn a_list_may_be_signed_by_any_scheme() {
    use ed25519_dalek::{Signer as _, SigningKey};
    let encode = |parts: &[&[u8]]| base64::engine::general_purpose::STANDARD.encode(parts.concat());
    let list = format!("{}  tool-1.tar.gz\n", digest("sha256", TOOL));
    let key = SigningKey::from_bytes(&[7; 32]);
    let number = [1; 8];
    let public = encode(&[b"Ed", &number, key.verifying_key().as_bytes()]);
    let made = encode(&[b"Ed", &number, &key.sign(list.as_bytes()).to_bytes()]);
    let signature = format!("untrusted comment: verify with tool.pub\n{made}\n").into_bytes();
    let artifact = artifact("files", "tool", "1", "tool-1.tar.gz", TOOL);
    let anchors = [anchor("signify", Material::SignifyKey(public))];
    let asked = |list: &str, anchors: &[Anchor]| {
        let objects = vec![list.as_bytes().to_vec(), signature.clone()];
        one(judge("signed-checksums", objects, &artifact, TOOL, anchors, DAY))
    };
    let finding = asked(&list, &anchors);
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert_eq!(finding.kind, "signed-checksums");
    let wrong = asked(&list.replace("tool-1", "tool-2"), &anchors).outcome;
    assert_eq!(wrong, Outcome::Contradicted(Fault::SignatureWrong));
    let long = format!("untrusted comment: {}\n{made}\n", "x".repeat(1 << 20)).into_bytes();
    let objects = vec![list.clone().into_bytes(), long];
    let finding = one(judge("signed-checksums", objects, &artifact, TOOL, &anchors, DAY));
    assert_eq!(
        finding.outcome,
        Outcome::Undecided(Doubt::TooLarge),
        "{}",
        finding.reason
    );
    // A wrong one by who signed well is told, and hides no good one.
    let damaged = encode(&[b"Ed", &number, &key.sign(b"other").to_bytes()]);
    let damaged = format!("untrusted comment: verify with tool.pub\n{damaged}\n").into_bytes();
    let wrong = Outcome::Contradicted(Fault::SignatureWrong);
    for (signatures, expected) in [
        ([&signature, &damaged], [GOOD, wrong]),
        ([&damaged, &signature], [wrong, GOOD]),
    ] {
        let objects = [vec![list.clone().into_bytes()], signatures.map(Vec::clone).to_vec()].concat();
        let findings = judge("signed-checksums", objects, &artifact, TOOL, &anchors, DAY);
        let found: Vec<Outcome> = findings.iter().map(|finding| finding.outcome).collect();
        assert_eq!(found, expected);
    }
    // Anchors of another scheme say nothing about it.
    assert_eq!(asked(&list, &pinned()).outcome, Outcome::Undecided(Doubt::NoAnchor));
}

fn chart(text: &str) -> Finding {
    let artifact = artifact("helm", "tool", "1.0.0", "tool-1.0.0.tgz", TOOL);
    let proof = maker().cleartext(SIGNED, text).into_bytes();
    one(judge("helm-provenance", vec![proof], &artifact, TOOL, &pinned(), DAY))
}

#[test]
fn provenance_is_about_one_chart() {
    let good = format!(
        "apiVersion: v1\ndescription: |\n  name: evil\nname: tool\nversion: \"1.0.0\"\n\n...\nfiles:\n  tool-1.0.0.tgz: sha256:{}\n",
        digest("sha256", TOOL)
    );
    let finding = chart(&good);
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert_eq!(
        finding.claims,
        [
            ("chart".to_owned(), "tool".to_owned()),
            ("chart-version".to_owned(), "1.0.0".to_owned())
        ]
    );
    for (from, to, expected) in [
        ("name: tool", "name: other", DIFFERS),
        ("\"1.0.0\"", "1.0.1", DIFFERS),
        ("  tool-1.0.0.tgz", "  tool-1.0.1.tgz", DIFFERS),
        (&digest("sha256", TOOL), &digest("sha256", b"evil"), DIFFERS),
        ("files:", "images:", DIFFERS),
        ("sha256:", "md5:", MALFORMED),
        ("...\n", "", MALFORMED),
        ("...\n", "...\nfiles:\n...\n", MALFORMED),
        ("name: tool", "name: tool\nname: tool", MALFORMED),
        ("name: tool\n", "", MALFORMED),
        ("version:", "aversion:", MALFORMED),
        ("files:\n", "files:\n  tool-1.0.0.tgz: sha256:00\n", MALFORMED),
        ("files:\n", "files:\n  - list\n", MALFORMED),
        ("files:\n", "files:\n  - name: tool\n", MALFORMED),
        ("files:\n", "files:\n   deeper: tool\n", MALFORMED),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        assert_eq!(chart(&broken).outcome, expected, "{to}");
    }
    let artifact = artifact("helm", "tool", "1.0.0", "tool-1.0.0.tgz", TOOL);
    let nothing = one(judge("helm-provenance", Vec::new(), &artifact, TOOL, &pinned(), DAY));
    assert_eq!(nothing.outcome, Outcome::Undecided(Doubt::Incomplete));
    let unsigned = one(judge(
        "helm-provenance",
        vec![good.into_bytes()],
        &artifact,
        TOOL,
        &pinned(),
        DAY,
    ));
    assert_eq!(unsigned.outcome, MALFORMED);
    assert!(unsigned.reason.contains("no signed text"), "{}", unsigned.reason);
}

fn folder(text: &str) -> Finding {
    let artifact = artifact("cpan", "EXAMPLE/Tool", "1.0", "Tool-1.0.tar.gz", TOOL);
    let proof = format!("0&&<<''; # also valid perl\n{}", maker().cleartext(SIGNED, text));
    one(judge(
        "cpan-checksums",
        vec![proof.into_bytes()],
        &artifact,
        TOOL,
        &pinned(),
        DAY,
    ))
}

#[test]
fn a_folders_checksums_are_about_its_author() {
    let good = format!(
        "# CHECKSUMS file\n$cksum = {{\n  'It\\'s-0.1.tar.gz' => {{\n    'size' => 1\n  }},\n  'Tool-1.0.tar.gz' => {{\n    'cpan_path' => 'E/EX/EXAMPLE',\n    'sha256' => '{}',\n    'size' => {}\n  }},\n  'patches' => {{\n    'isdir' => 1\n  }}\n}};\n__END__",
        digest("sha256", TOOL),
        TOOL.len()
    );
    let finding = folder(&good);
    // By whoever's anchor, it is the index operator who signs.
    assert_eq!(
        finding.outcome,
        Outcome::Confirmed(Level::Registry),
        "{}",
        finding.reason
    );
    assert_eq!(finding.claims[0].1, "E/EX/EXAMPLE");
    for (from, to, expected) in [
        ("E/EX/EXAMPLE", "E/EX/EXAMPLES", DIFFERS),
        ("E/EX/EXAMPLE", "A/AN/ANDK", DIFFERS),
        ("E/EX/EXAMPLE", "EXAMPLE", MALFORMED),
        ("E/EX/EXAMPLE", "E/OT/EXAMPLE", MALFORMED),
        (
            "    'cpan_path' => 'E/EX/EXAMPLE',\n",
            "",
            Outcome::Undecided(Doubt::Incomplete),
        ),
        ("'Tool-1.0.tar.gz'", "'Tool-1.1.tar.gz'", DIFFERS),
        (&digest("sha256", TOOL), &digest("sha256", b"evil"), DIFFERS),
        ("'sha256'", "'md5'", Outcome::Contradicted(Fault::Weak)),
        ("'patches'", "'Tool-1.0.tar.gz'", MALFORMED),
        ("'size' => 8", "'sha256' => 'x'", MALFORMED),
        ("$cksum", "$other", MALFORMED),
        ("'size' => 8", "'size' => `id`", MALFORMED),
        ("'size' => 8", "'size' => \"8\"", MALFORMED),
        ("'size' => 8", "'size' => ", MALFORMED),
        ("'size' => 8", "'size' => 'a\nb'", MALFORMED),
        ("'isdir' => 1", "'isdir' => {}", MALFORMED),
        ("__END__", "system 'id';", MALFORMED),
        ("};", "}", MALFORMED),
        ("It\\'s", "It\\n", MALFORMED),
    ] {
        let broken = good.replacen(from, to, 1);
        assert_ne!(broken, good);
        let finding = folder(&broken);
        assert_eq!(finding.outcome, expected, "{to}: {}", finding.reason);
    }
    // Whose folder it should be must be known.
    let artifact = artifact("cpan", "Tool", "1.0", "Tool-1.0.tar.gz", TOOL);
    let proof = maker().cleartext(SIGNED, &good).into_bytes();
    let finding = one(judge("cpan-checksums", vec![proof], &artifact, TOOL, &pinned(), DAY));
    assert_eq!(finding.outcome, Outcome::Undecided(Doubt::Incomplete));
}

#[test]
fn no_cut_of_a_folders_checksums_ends_the_run() {
    let good = "$cksum = {'a' => {'b' => 'c\\'', 'd' => 1,},};\n__END__";
    for length in 0..good.len() {
        assert!(!folder(&good[..length]).is_confirmed());
    }
    assert!(!folder(&"$cksum = {'a' => {".repeat(50_000)).is_confirmed());
}
