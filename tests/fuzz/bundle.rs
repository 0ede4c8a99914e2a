//! Our own format: as it comes on media, and behind the seal, where everything but one part is right and sealed.

use std::cell::RefCell;
use std::io::Cursor;
use std::rc::Rc;

use sealift::bundle::frame;
use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::import::authenticate::{Approvals, Judgement, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_objects::{Silent, Verified, Workspace, verify_objects};
use sealift::model::Stop;
use sealift::trust::TrustedRoot;

use crate::driver::{Parts, Target};
use crate::people;
use crate::raw_bundle::{Edits, RawBundle};

/// The catalog's, the manifest's and the root's bounds are below; zstd's window is not counted.
const MAX_BYTES: usize = 48 << 20;

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "bundle/volumes".to_owned(),
            rounds: 250,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let one = RawBundle::sample().build(&Edits::default());
                vec![one, RawBundle::two_volumes().build(&Edits::default())]
            }),
            read: Box::new(|parts| {
                let right = RawBundle::sample().build(&Edits::default()).concat().len();
                // The seal covers all of a volume: only the whole one is intact, or two of one bundle.
                if read(parts.to_vec()) && parts.concat().len() < right {
                    panic!("a bundle that is not whole is taken as whole");
                }
            }),
        },
        Target {
            name: "bundle/sealed".to_owned(),
            rounds: 800,
            max_bytes: MAX_BYTES,
            seeds: Box::new(sealed),
            read: Box::new(|parts| {
                if let [layer, bytes, ..] = parts {
                    let layer = layer.first().copied().unwrap_or_default();
                    read(RawBundle::sample().build(&edit(layer % LAYERS, bytes.clone())));
                }
            }),
        },
        Target {
            name: "bundle/frame".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let noise = crate::raw_bundle::noise(1, 5000);
                [b"".to_vec(), b"carried\n".repeat(1000), noise]
                    .map(|content| vec![frame::encode(&content).unwrap()])
                    .to_vec()
            }),
            read: Box::new(|parts| {
                for size in [0, 5000, 8000] {
                    let mut got = 0;
                    let decoded = frame::decode(parts[0].as_slice(), size, |bytes| {
                        got += bytes.len() as u64;
                        assert!(got <= size, "more than was stated");
                        Ok(())
                    });
                    assert!(decoded.is_err() || got == size, "less than was stated");
                }
            }),
        },
        Target {
            name: "bundle/root".to_owned(),
            rounds: 500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                let mut next = people::root();
                next.version = 2;
                vec![
                    vec![people::root().write().unwrap()],
                    vec![next.write().unwrap()],
                    vec![people::sealed_root(&people::root(), &[people::ANN, people::BOB])],
                ]
            }),
            read: Box::new(|parts| {
                let signers = [people::ANN, people::BOB];
                let envelope = people::sealed(sealift::trust::Kind::Root, &parts[0], &signers).write();
                for untrusted in [&envelope, &parts[0]] {
                    if let Ok(root) = TrustedRoot::pinned(untrusted) {
                        let _ = root.check_fresh(people::now());
                    }
                    let _ = people::pinned(&people::root()).advance(untrusted);
                }
            }),
        },
        Target {
            name: "bundle/envelope".to_owned(),
            rounds: 2000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| {
                vec![
                    vec![people::sealed_root(&people::root(), &[people::ANN, people::BOB])],
                    vec![people::root().write().unwrap()],
                    vec![br#"{"a":[1,2,{"b":"\u00e9\n"}],"c":null,"d":-7,"e":true}"#.to_vec()],
                ]
            }),
            read: Box::new(|parts| {
                if let Ok(envelope) = Envelope::read(&parts[0]) {
                    // What is written again is read again as the same.
                    assert_eq!(Envelope::read(&envelope.write()).unwrap().pae(), envelope.pae());
                }
                if let Ok(value) = strict_json::read_canonical::<serde_json::Value>(&parts[0]) {
                    assert_eq!(strict_json::write(&value), parts[0], "two spellings are canonical");
                }
                let _ = strict_json::read::<serde_json::Value>(&parts[0]);
            }),
        },
    ]
}

const LAYERS: u8 = 4;

/// Puts bytes in a layer's place.
fn edit(layer: u8, bytes: Vec<u8>) -> Edits {
    let set = Some(Box::new(move |place: &mut Vec<u8>| place.clone_from(&bytes)) as Box<dyn Fn(&mut Vec<u8>)>);
    let mut edits = Edits::default();
    match layer {
        0 => edits.payload = set,
        1 => edits.catalog_text = set,
        2 => edits.catalog_frame = set,
        _ => edits.envelope = set,
    }
    edits
}

/// Each layer as it is right.
fn sealed() -> Vec<Parts> {
    (0..LAYERS)
        .map(|layer| {
            let right = Rc::new(RefCell::new(Vec::new()));
            let kept = Rc::clone(&right);
            let look =
                Some(Box::new(move |place: &mut Vec<u8>| kept.borrow_mut().clone_from(place))
                    as Box<dyn Fn(&mut Vec<u8>)>);
            let mut edits = Edits::default();
            match layer {
                0 => edits.payload = look,
                1 => edits.catalog_text = look,
                2 => edits.catalog_frame = look,
                _ => edits.envelope = look,
            }
            RawBundle::sample().build(&edits);
            vec![vec![layer], right.take()]
        })
        .collect()
}

/// Reads volumes as `verify` does; whether they are intact.
fn read(volumes: Vec<Vec<u8>>) -> bool {
    let staging = tempfile::tempdir().unwrap();
    let root = people::pinned(&people::root());
    let judgement = Judgement {
        root: &root,
        now: people::now(),
        memory: None,
        approvals: Approvals::StillToCome,
        revocations: None,
    };
    let workspace = Workspace {
        staging: staging.path().join("staging"),
        store: None,
        threads: 1,
        progress: &Silent,
    };
    let inputs = volumes
        .into_iter()
        .map(|volume| Input::Stream(Box::new(Cursor::new(volume))))
        .collect();
    let verified = open(inputs)
        .and_then(|opened| authenticate(opened, &judgement).result)
        .and_then(|authenticated| verify_objects(authenticated, &workspace));
    match verified {
        Ok(Verified::Intact(_)) => true,
        Ok(Verified::Incomplete(_)) => false,
        Err(Stop::Refused(refusals)) => {
            for refusal in &refusals {
                assert!(!refusal.subject.is_empty() && !refusal.reason.is_empty(), "{refusal:?}");
            }
            false
        }
        Err(Stop::Unable(unable)) => panic!("bad input is no failure of this run: {unable:?}"),
    }
}
