//! Authenticate before parse: how far the reader gets before the signature is confirmed, byte for byte.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealift::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use sealift::import::authenticate::{Approvals, Judgement, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_objects::{Progress, Silent, Verified, Workspace, verify_objects};
use sealift::model::{Code, Digest, Refusal, Stop, Unable};
use sealift::trust::{Revocation, Revocations, Revoked, TrustedRoot};

use crate::people;
use crate::raw_bundle::{Edits, RawBundle};

/// A judgement by whoever knows nothing but the root.
fn judgement(root: &TrustedRoot) -> Judgement<'_> {
    Judgement {
        root,
        now: people::now(),
        memory: None,
        approvals: Approvals::Needed,
        revocations: None,
    }
}

/// A medium that counts what is read from it, and holds no byte back.
struct Counted {
    bytes: io::Cursor<Vec<u8>>,
    read: Arc<AtomicUsize>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.read.fetch_add(count, Ordering::SeqCst);
        Ok(count)
    }
}

fn position(volume: &[u8], name: &str) -> usize {
    volume
        .chunks(512)
        .position(|block| block.starts_with(name.as_bytes()) && block[257..262] == *b"ustar")
        .unwrap()
        * 512
}

/// Runs all steps over a stream; gives the first code and how many bytes were read.
fn run(bytes: Vec<u8>) -> (Option<Code>, usize) {
    let (refusal, read) = read(bytes);
    (refusal.map(|refusal| refusal.code), read)
}

/// The same with the whole refusal.
fn read(bytes: Vec<u8>) -> (Option<Refusal>, usize) {
    let read = Arc::new(AtomicUsize::new(0));
    let stream = Counted {
        bytes: io::Cursor::new(bytes),
        read: Arc::clone(&read),
    };
    let root = people::pinned(&people::root_without_approval());
    let staging = tempfile::tempdir().unwrap();
    let workspace = Workspace {
        staging: staging.path().to_owned(),
        store: None,
        threads: 2,
        progress: &Silent,
    };
    let result = open(vec![Input::Stream(Box::new(stream))])
        .and_then(|opened| authenticate(opened, &judgement(&root)).result)
        .and_then(|authenticated| verify_objects(authenticated, &workspace).map(|_| ()));
    let refusal = match result {
        Ok(()) => None,
        Err(Stop::Refused(mut refusals)) => Some(refusals.swap_remove(0)),
        Err(Stop::Unable(unable)) => panic!("{unable:?}"),
    };
    (refusal, read.load(Ordering::SeqCst))
}

fn bundle() -> RawBundle {
    let root = people::sealed_root(&people::root_without_approval(), &[people::ANN]);
    RawBundle {
        roots: vec![(1, root)],
        ..RawBundle::sample()
    }
}

#[test]
fn nothing_behind_the_envelopes_is_read_before_the_signature() {
    let bad = bundle()
        .build(&Edits {
            signers: Some(vec![99]),
            ..Edits::default()
        })
        .swap_remove(0);
    let catalog = position(&bad, "catalog.ndjson.zst");
    let (code, read) = run(bad);
    assert_eq!(code, Some(Code::ExportSignatureInvalid));
    // The header behind the roots is looked at to see that the roots are over; nothing of the catalog itself.
    assert!(
        read <= catalog + 512,
        "{read} bytes were read, and the catalog begins at {}",
        catalog + 512
    );
}

#[test]
fn no_object_is_read_before_the_catalogs_digest() {
    let mut volume = bundle().build(&Edits::default()).swap_remove(0);
    let catalog = position(&volume, "catalog.ndjson.zst");
    volume[catalog + 512 + 20] ^= 1;
    let mark = position(&volume, "volume/");
    let (code, read) = run(volume);
    assert_eq!(code, Some(Code::DigestMismatch));
    assert!(read <= mark, "{read} bytes were read, and the catalog ends at {mark}");
}

#[test]
fn a_good_stream_is_read_once_to_its_end() {
    let volume = bundle().build(&Edits::default()).swap_remove(0);
    let length = volume.len();
    assert_eq!(run(volume), (None, length));
}

#[test]
fn every_flipped_byte_is_refused() {
    let volume = bundle().build(&Edits::default()).swap_remove(0);
    for at in (0..volume.len()).step_by(97) {
        let mut changed = volume.clone();
        changed[at] ^= 0x20;
        let (code, _) = run(changed);
        // The envelope's signature hint and base64's spare bits are the only bytes that nothing rests on.
        let in_envelope = at >= 512 && at < position(&volume, "roots/1.dsse.json");
        assert!(code.is_some() || in_envelope, "byte {at} may be changed");
    }
}

#[test]
fn a_cut_says_how_much_of_what_was_read_is_missing() {
    let volume = bundle().build(&Edits::default()).swap_remove(0);
    for name in ["manifest.dsse.json", "roots/1.dsse.json", "catalog.ndjson.zst"] {
        let start = position(&volume, name) + 512;
        let size = std::str::from_utf8(&volume[start - 512 + 124..][..11]).unwrap();
        let end = start + usize::from_str_radix(size, 8).unwrap();
        // In its data and in its padding.
        assert!(!end.is_multiple_of(512), "{name} has no padding");
        for (cut, missing) in [
            (start + 10, end - start - 10),
            (end + 1, end.next_multiple_of(512) - end - 1),
        ] {
            let (refusal, _) = read(volume[..cut].to_vec());
            let refusal = refusal.unwrap();
            assert_eq!(refusal.code, Code::ObjectMissing, "{name}");
            let told = (refusal.expected.unwrap(), refusal.found.unwrap());
            let wanted = (
                format!("at least {missing} bytes more"),
                format!("the end at byte {cut}"),
            );
            assert_eq!(told, wanted, "{name}");
        }
    }
}

#[test]
fn every_cut_is_refused() {
    let volume = bundle().build(&Edits::default()).swap_remove(0);
    for length in (0..volume.len()).step_by(1009) {
        let (code, _) = run(volume[..length].to_vec());
        assert!(code.is_some(), "a volume of {length} bytes is accepted");
    }
}

#[test]
fn a_file_that_is_written_to_while_it_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main-1.tar");
    std::fs::write(&path, bundle().build(&Edits::default()).swap_remove(0)).unwrap();
    let root = people::pinned(&people::root_without_approval());
    let run = |touch: bool| {
        let opened = open(vec![Input::Path(path.clone())]).unwrap();
        if touch {
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
        let staging = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            staging: staging.path().to_owned(),
            store: None,
            threads: 1,
            progress: &Silent,
        };
        verify_objects(authenticate(opened, &judgement(&root)).result.unwrap(), &workspace).map(|_| ())
    };
    run(false).unwrap();
    let Err(Stop::Refused(refusals)) = run(true) else {
        panic!("the change went unnoticed");
    };
    assert_eq!(refusals[0].code, Code::MediumChanged);
}

/// Ends the work at its second question.
struct Ended(AtomicUsize);

impl Progress for Ended {
    fn begin(&self, _phase: &'static str, _total: u64) {}

    fn advance(&self, _amount: u64) {}

    fn finish(&self) {}

    fn proceed(&self) -> Result<(), Stop> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(Unable::new("ended").into()),
        }
    }
}

#[test]
fn whoever_follows_the_reading_can_end_it() {
    let root = people::sealed_root(&people::root_without_approval(), &[people::ANN]);
    let two = RawBundle {
        roots: vec![(1, root)],
        ..RawBundle::two_volumes()
    };
    let trusted = people::pinned(&people::root_without_approval());
    for volume in two.build(&Edits::default()) {
        let staging = tempfile::tempdir().unwrap();
        let workspace = Workspace {
            staging: staging.path().to_owned(),
            store: None,
            threads: 2,
            progress: &Ended(AtomicUsize::new(0)),
        };
        let opened = open(vec![Input::Stream(Box::new(io::Cursor::new(volume)))]).unwrap();
        let result = verify_objects(authenticate(opened, &judgement(&trusted)).result.unwrap(), &workspace);
        let Err(Stop::Unable(unable)) = result else {
            panic!("the work went on");
        };
        assert_eq!(unable.what, "ended");
    }
}

#[test]
fn a_catalog_that_was_changed_while_it_waited_is_not_believed() {
    let root = people::sealed_root(&people::root_without_approval(), &[people::ANN]);
    let two = RawBundle {
        roots: vec![(1, root)],
        ..RawBundle::two_volumes()
    };
    let staging = tempfile::tempdir().unwrap();
    let trusted = people::pinned(&people::root_without_approval());
    let volumes = two.build(&Edits::default());
    let bring = |volume: &[u8]| {
        let workspace = Workspace {
            staging: staging.path().to_owned(),
            store: None,
            threads: 2,
            progress: &Silent,
        };
        let opened = open(vec![Input::Stream(Box::new(io::Cursor::new(volume.to_vec())))]).unwrap();
        verify_objects(authenticate(opened, &judgement(&trusted)).result.unwrap(), &workspace).unwrap()
    };
    assert!(matches!(bring(&volumes[0]), Verified::Incomplete(_)));
    // A whole catalog, and not the signed one.
    let other = sealift::bundle::frame::encode(b"").unwrap();
    std::fs::write(staging.path().join("catalog.ndjson.zst"), other).unwrap();
    assert!(matches!(bring(&volumes[1]), Verified::Intact(_)));
}

#[test]
fn a_folder_without_a_volume_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("main-1.approval-eve.dsse.json"), "{}").unwrap();
    let Err(Stop::Unable(unable)) = open(vec![Input::Path(folder.path().to_owned())]) else {
        panic!("a bundle without a volume was opened");
    };
    assert!(unable.hint.is_some_and(|hint| hint.contains("*.tar")));
}

#[test]
fn an_approval_is_read_up_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("main-1.tar"),
        bundle().build(&Edits::default()).swap_remove(0),
    )
    .unwrap();
    let approval = std::fs::File::create(folder.path().join("main-1.approval-eve.dsse.json")).unwrap();
    let open = || open(vec![Input::Path(folder.path().to_owned())]).map(|_| ());
    approval.set_len(MAX_MANIFEST_ENVELOPE_BYTES).unwrap();
    open().unwrap();
    approval.set_len(MAX_MANIFEST_ENVELOPE_BYTES + 1).unwrap();
    let Err(Stop::Refused(refusals)) = open() else {
        panic!("an approval over the limit was read");
    };
    assert_eq!(refusals[0].code, Code::PreauthLimitExceeded);
}

#[test]
fn what_a_revoked_key_sealed_and_what_was_voided_is_refused_before_its_catalog_is_read() {
    let volume = bundle().build(&Edits::default()).swap_remove(0);
    let root = people::pinned(&people::root_without_approval());
    let judged = |what: Option<Revoked>| {
        let mut document = Revocations::empty(1, people::now());
        document.revoked = what
            .into_iter()
            .map(|what| Revocation {
                invalid_since: None,
                reason: "stolen".to_owned(),
                what,
            })
            .collect();
        let judgement = Judgement {
            revocations: Some(&document),
            ..judgement(&root)
        };
        let stream = Input::Stream(Box::new(io::Cursor::new(volume.clone())));
        match authenticate(open(vec![stream]).unwrap(), &judgement).result {
            Ok(_) => None,
            Err(Stop::Refused(refusals)) => Some(refusals[0].code),
            Err(Stop::Unable(unable)) => panic!("{unable:?}"),
        }
    };
    assert_eq!(judged(None), None);
    assert_eq!(judged(Some(Revoked::Bundle(Digest::of(b"another")))), None);
    assert_eq!(
        judged(Some(Revoked::Key(people::id(people::EXPORTER).to_string()))),
        Some(Code::KeyRevoked)
    );
    assert_eq!(
        judged(Some(Revoked::Bundle(bundle().manifest_digest()))),
        Some(Code::BundleVoided)
    );
}
