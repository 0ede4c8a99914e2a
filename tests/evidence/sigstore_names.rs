//! Whom a certificate names, and which root counts for what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern, Signer};
use serde_json::json;

use crate::forge;
use crate::instance::*;
use crate::support::{anchor, time};

const fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

const PROVEN: Outcome = Outcome::Confirmed(Level::Provenance);

#[test]
fn a_certificate_names_one_person_once() {
    let instance = Instance::new();
    let with = |extensions: Vec<Vec<u8>>| {
        let signer = instance.signer(&Named {
            extensions,
            ..Named::default()
        });
        judge(&instance.stated(&provenance(), &signer, SIGNED), &instance.anchors())
    };
    let malformed = wrong(Fault::Malformed);
    expect(
        &with(vec![
            san(&[uri(SUBJECT), uri("https://x.example.com")]),
            field(8, ISSUER),
        ]),
        malformed,
    );
    let nobody = with(vec![field(8, ISSUER)]);
    expect(&nobody, malformed);
    assert!(nobody.reason.contains("names nobody"), "{}", nobody.reason);
    // A host's name is nobody's.
    let host = with(vec![san(&[forge::tlv(0x82, b"host.example.com")]), field(8, ISSUER)]);
    expect(&host, malformed);
    assert!(host.reason.contains("of a kind"), "{}", host.reason);
    // Without an identity provider the certificate's issuer stands in its place.
    let unprovided = with(vec![san(&[uri(SUBJECT)])]);
    expect(&unprovided, wrong(Fault::IdentityDiffers));
    assert!(unprovided.reason.contains("CN=Instance"), "{}", unprovided.reason);
    expect(
        &with(vec![san(&[uri(SUBJECT)]), field(8, ISSUER), field(8, ISSUER)]),
        malformed,
    );
    let old_differs = bare_field(1, "https://other.example.com");
    expect(
        &with(vec![san(&[uri(SUBJECT)]), field(8, ISSUER), old_differs]),
        malformed,
    );
    expect(&with(vec![san(&[uri(SUBJECT)]), bare_field(1, ISSUER)]), PROVEN);
    expect(
        &with(vec![san(&[uri(SUBJECT)]), field(8, ISSUER), bare_field(1, ISSUER)]),
        PROVEN,
    );
    // Older fields say the same as the newer ones, which win.
    let old = with(vec![
        san(&[uri(SUBJECT)]),
        field(8, ISSUER),
        bare_field(3, "abc"),
        bare_field(6, "refs/old"),
        field(14, "refs/new"),
    ]);
    let Some(Signer::Identity(identity)) = old.signers.first() else {
        panic!("{old:?}");
    };
    assert_eq!(
        (identity.fields["commit"].as_str(), identity.fields["ref"].as_str()),
        ("abc", "refs/new")
    );
    // A user's name (1.3.6.1.4.1.57264.1.7), and a name of another kind.
    let named_as = |tag: u8, arc: &str, text: &str| {
        let value = forge::tlv(0xa0, &forge::tlv(tag, text.as_bytes()));
        forge::tlv(0xa0, &[forge::oid(arc), value].concat())
    };
    let named = |arc: &str, text: &str| named_as(0x0c, arc, text);
    let user = |arc| with(vec![san(&[named(arc, "someone!example.com")]), field(8, ISSUER)]);
    let finding = user("1.3.6.1.4.1.57264.1.7");
    assert!(
        matches!(finding.signers.first(), Some(Signer::Identity(identity)) if identity.subject == "someone!example.com")
    );
    expect(&user("1.3.6.1.4.1.57264.1.9"), malformed);
    // IA5String, where UTF8String belongs.
    let other_text = named_as(0x16, "1.3.6.1.4.1.57264.1.7", "someone!example.com");
    expect(&with(vec![san(&[other_text]), field(8, ISSUER)]), malformed);
}

#[test]
fn a_root_that_cannot_be_used_is_named() {
    let instance = Instance::new();
    let bundle = instance.stated(&provenance(), &instance.signer(&Named::default()), SIGNED);
    let unusable = Anchor {
        name: "an old root".to_owned(),
        ..root_anchor(&json!({}))
    };
    let finding = judge(&bundle, &[unusable.clone(), pin(SUBJECT)]);
    expect(&finding, Outcome::Undecided(Doubt::NoAnchor));
    assert!(
        finding.reason.starts_with("anchor `an old root`: "),
        "{}",
        finding.reason
    );
    // One that can be used is enough.
    expect(
        &judge(&bundle, &[unusable, root_anchor(&instance.root()), pin(SUBJECT)]),
        PROVEN,
    );
}

#[test]
fn a_log_beside_a_key_is_asked_as_far_as_a_root_knows_it() {
    let instance = Instance::new();
    let key = forge::key();
    let hint = base64(forge::sha256(&forge::key_info(&key)));
    let bundle = instance.stated_by_key(&provenance(), &key, &hint, SIGNED);
    let pinned = anchor("the key", Material::PublicKey(key_pem(&key)));
    let root = root_anchor(&instance.root());
    let noted = |finding: &Finding, words: &str| finding.notes.iter().any(|note| note.contains(words));
    let unchecked = "its log entry was not checked";
    let finding = judge(&bundle, &[root.clone(), pinned.clone()]);
    assert!(!noted(&finding, unchecked), "{:?}", finding.notes);
    // A root that is for other names, or was not for that time, is as good as none.
    let elsewhere = Anchor {
        scope: vec![ScopePattern::new("files/other")],
        ..root.clone()
    };
    let later = Anchor {
        valid_from: Some(time(NOW)),
        ..root.clone()
    };
    for root in [elsewhere, later] {
        let finding = judge(&bundle, &[root, pinned.clone()]);
        expect(&finding, Outcome::Confirmed(Level::Publisher));
        assert!(noted(&finding, unchecked), "{:?}", finding.notes);
        assert_eq!(finding.anchors, ["the key"]);
    }
    // A clock that no root knows adds nothing, and is told.
    let mut stamped = bundle;
    let signature = stamped["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let signature = STANDARD.decode(signature).unwrap();
    stamped["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [instance.stamp(&signature, SIGNED_TEXT)]});
    let mut without = instance.root();
    without["timestampAuthorities"] = json!([]);
    for (root, told) in [(root, false), (root_anchor(&without), true)] {
        let finding = judge(&stamped, &[root, pinned.clone()]);
        expect(&finding, Outcome::Confirmed(Level::Publisher));
        let is_told = noted(&finding, "its timestamp is by an authority");
        assert_eq!(is_told, told, "{:?}", finding.notes);
    }
}
