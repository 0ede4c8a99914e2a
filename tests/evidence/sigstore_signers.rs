//! Whom a trusted root and an anchor know: an authority by its key, a clock by its number, a name by an anchor's scope; and which of
//! a bundle's times somebody vouched for.

use sealift::model::{Anchor, Doubt, Fault, Level, LogProof, Material, Outcome, ScopePattern, TimeSource};
use serde_json::{Value, json};

use crate::forge::{self, Holder, Says, extension, octets, seq, tlv};
use crate::instance::*;
use crate::support::anchor;

const UNKNOWN: Outcome = Outcome::Undecided(Doubt::UnknownSigner);
const PROVEN: Outcome = Outcome::Confirmed(Level::Provenance);
const BY_PUBLISHER: Outcome = Outcome::Confirmed(Level::Publisher);

fn good(instance: &Instance) -> Value {
    instance.stated(&provenance(), &instance.signer(&Named::default()), SIGNED)
}

fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

/// Adds a token of the instance's clock over some bytes.
fn stamp(bundle: &mut Value, instance: &Instance, signature: &[u8]) {
    bundle["verificationMaterial"]["timestampVerificationData"] =
        json!({"rfc3161Timestamps": [instance.stamp(signature, SIGNED_TEXT)]});
}

/// A good bundle whose time is a clock's alone: the log promised nothing.
fn stamped(instance: &Instance) -> Value {
    use base64::Engine as _;
    let mut bundle = good(instance);
    let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
    let signature = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
    stamp(&mut bundle, instance, &signature);
    entry(&mut bundle).as_object_mut().unwrap().remove("inclusionPromise");
    bundle
}

#[test]
fn authorities_of_one_name_are_told_apart_by_their_keys() {
    let with_key = |id: u8| {
        let mut instance = Instance::new();
        instance.authority = Holder::alone(&Says {
            more: vec![extension("2.5.29.14", false, &octets(&[id; 20]))],
            ..Says::authority("Instance")
        });
        instance
    };
    let (own, other) = (with_key(1), with_key(2));
    let mut named = Named::default();
    let issuer = seq(&[tlv(0x80, &[1; 20])]);
    named.extensions.push(extension("2.5.29.35", false, &issuer));
    let bundle = own.stated(&provenance(), &own.signer(&named), SIGNED);
    expect(&judge(&bundle, &own.anchors()), PROVEN);
    let mut root = own.root();
    root["certificateAuthorities"] = other.root()["certificateAuthorities"].take();
    expect(&judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]), UNKNOWN);
}

#[test]
fn a_clock_is_known_by_its_issuer_and_its_number() {
    let instance = Instance::new();
    let bundle = stamped(&instance);
    expect(&judge(&bundle, &instance.anchors()), PROVEN);
    for (issuer, serial) in [("Clocks", 78), ("Others", 77)] {
        let issuer = Holder::alone(&Says::authority(issuer));
        let clock = issuer.issue(&Says {
            name: "Clock",
            purposes: Some((true, &[forge::STAMP])),
            serial,
            ..Says::default()
        });
        let chain = [&clock, &issuer].map(|holder| json!({"rawBytes": base64(&holder.certificate)}));
        let mut root = instance.root();
        root["timestampAuthorities"][0]["certChain"] = json!({"certificates": chain});
        expect(&judge(&bundle, &[root_anchor(&root), pin(SUBJECT)]), UNKNOWN);
    }
}

/// Without a promise, an entry's time is signed by nobody.
#[test]
fn a_time_that_no_log_promised_is_not_the_logs() {
    let instance = Instance::new();
    let source = |bundle: &Value| {
        let finding = judge(bundle, &instance.anchors());
        expect(&finding, PROVEN);
        finding.signed_at.unwrap().source
    };
    let bundle = stamped(&instance);
    assert_eq!(source(&bundle), TimeSource::TimestampAuthority);
    assert_eq!(source(&good(&instance)), TimeSource::Log);
    // Nor does it say that a clock is behind.
    let mut late = bundle;
    stamp(&mut late, &instance, b"another signature");
    entry(&mut late)["integratedTime"] = (SIGNED + 86_400).to_string().into();
    expect(
        &judge(&late, &instance.anchors()),
        Outcome::Contradicted(Fault::TimeWrong),
    );
}

/// Only a key that the bundle names tells that a clock may be behind: another that begins later excuses nothing.
#[test]
fn a_key_that_begins_later_and_signed_nothing_excuses_nothing() {
    let instance = Instance::new();
    let mut forged = good(&instance);
    entry(&mut forged)["integratedTime"] = (SIGNED + 1).to_string().into();
    let later = json!({"start": "2026-11-20T13:00:00Z"});
    let mut log = Instance::listed(&Instance::new().log);
    log["publicKey"]["validFor"] = later.clone();
    let mut with_log = instance.root();
    with_log["tlogs"].as_array_mut().unwrap().push(log);
    let mut with_clock = instance.root();
    with_clock["timestampAuthorities"][0]["validFor"] = later;
    for root in [instance.root(), with_log, with_clock] {
        expect(
            &judge(&forged, &[root_anchor(&root), pin(SUBJECT)]),
            Outcome::Contradicted(Fault::LogWrong),
        );
    }
}

#[test]
fn of_several_entries_the_weakest_is_told() {
    let instance = Instance::new();
    let mut bundle = good(&instance);
    bundle["mediaType"] = V01.into();
    let certificate = bundle["verificationMaterial"]["certificate"].take();
    bundle["verificationMaterial"]["x509CertificateChain"] = json!({"certificates": [certificate]});
    let mut promised = entry(&mut bundle).clone();
    promised.as_object_mut().unwrap().remove("inclusionProof");
    let entries = bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
    entries.push(promised);
    let finding = judge(&bundle, &instance.anchors());
    expect(&finding, BY_PUBLISHER);
    assert_eq!(finding.log.unwrap().proof, LogProof::Promise);
}

#[test]
fn an_anchor_for_another_name_neither_forbids_nor_hides_one() {
    let instance = Instance::new();
    let root = root_anchor(&instance.root());
    let elsewhere = |mut anchor: Anchor| {
        anchor.name = "elsewhere".to_owned();
        anchor.scope = vec![ScopePattern::new("files/other")];
        anchor
    };
    // Somebody else, for a name that is not this one's.
    let other = elsewhere(pin("https://forge.example.com/evil/*"));
    expect(&judge(&good(&instance), &[root.clone(), other]), UNKNOWN);
    // The same key twice, first for another name.
    let key = forge::key();
    let bundle = instance.stated_by_key(&provenance(), &key, "", SIGNED);
    let pinned = anchor("the key", Material::PublicKey(key_pem(&key)));
    let finding = judge(&bundle, &[root, elsewhere(pinned.clone()), pinned]);
    expect(&finding, BY_PUBLISHER);
    assert_eq!(finding.anchors, ["the key", "the root"]);
}
