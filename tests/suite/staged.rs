//! Volumes that come one by one, and objects that lie in the staging folder until all are there: nothing in that folder is believed for
//! lying there.

use std::fs;
use std::io;
use std::path::PathBuf;

use sealift::import::authenticate::{Approvals, Judgement, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_objects::{Silent, Verified, Workspace, verify_objects};
use sealift::model::{Code, Digest, Refusal, Stop};

use crate::people::{self, ANN};
use crate::raw_bundle::{Edits, RawBundle, noise};

/// Files small and large, as they are and encoded, over volumes of two segments: whatever has three of them crosses volumes.
fn bundle() -> RawBundle {
    let digits = hex::encode(noise(3, 10_000)).into_bytes();
    let mut this = RawBundle {
        roots: vec![(1, people::sealed_root(&people::root_without_approval(), &[ANN]))],
        segments_per_volume: Some(2),
        ..RawBundle::sample()
    };
    this.files.push(("digits.txt".to_owned(), digits));
    this
}

fn content(bundle: &RawBundle, name: &str) -> Vec<u8> {
    let found = bundle.files.iter().find(|(own, _)| own == name);
    found.unwrap().1.clone()
}

/// A staging folder to which volumes are brought.
struct Desk {
    staging: tempfile::TempDir,
    volumes: Vec<Vec<u8>>,
    threads: usize,
}

impl Desk {
    fn new(bundle: &RawBundle, edits: &Edits) -> Self {
        Self {
            staging: tempfile::tempdir().unwrap(),
            volumes: bundle.build(edits),
            threads: 2,
        }
    }

    fn bring(&self, numbers: &[usize]) -> Result<Verified, Stop> {
        let workspace = Workspace {
            staging: self.staging.path().to_owned(),
            store: None,
            threads: self.threads,
            progress: &Silent,
        };
        let trusted = people::pinned(&people::root_without_approval());
        let judgement = Judgement {
            root: &trusted,
            now: people::now(),
            memory: None,
            approvals: Approvals::Needed,
            revocations: None,
        };
        let inputs = numbers.iter().map(|number| {
            let volume = self.volumes[number - 1].clone();
            Input::Stream(Box::new(io::Cursor::new(volume)))
        });
        let opened = open(inputs.collect())?;
        verify_objects(authenticate(opened, &judgement).result?, &workspace)
    }

    /// Brings all volumes but the last, each in a run of its own.
    fn bring_all_but_the_last(&self) {
        for number in 1..self.volumes.len() {
            assert!(matches!(self.bring(&[number]), Ok(Verified::Incomplete(_))), "{number}");
        }
    }

    fn bring_the_last(&self) -> Result<Verified, Stop> {
        self.bring(&[self.volumes.len()])
    }

    fn all(&self) -> Vec<usize> {
        (1..=self.volumes.len()).collect()
    }

    /// Where an object lies once it is verified.
    fn staged(&self, digest: &Digest) -> PathBuf {
        let digits = digest.hex();
        self.staging
            .path()
            .join("objects")
            .join(&digits[..1])
            .join(&digits[1..])
    }

    /// Where an object's stored bytes lie until all of them are there.
    fn stored(&self, digest: &Digest) -> PathBuf {
        self.staging.path().join("stored").join(digest.hex())
    }

    /// The volumes that count as verified.
    fn marks(&self) -> usize {
        fs::read_dir(self.staging.path().join("volumes")).unwrap().count()
    }

    #[track_caller]
    fn holds_all_of(&self, bundle: &RawBundle) {
        for (name, content) in &bundle.files {
            let staged = fs::read(self.staged(&Digest::of(content))).unwrap();
            assert!(staged == *content, "{name} is another");
        }
    }
}

#[track_caller]
fn taken(result: Result<Verified, Stop>) {
    match result {
        Ok(Verified::Intact(_)) => {}
        Ok(Verified::Incomplete(incomplete)) => panic!("{incomplete:?}"),
        Err(stop) => panic!("{stop:?}"),
    }
}

#[track_caller]
fn refused(result: Result<Verified, Stop>) -> Refusal {
    match result {
        Err(Stop::Refused(mut refusals)) => refusals.remove(0),
        Err(Stop::Unable(unable)) => panic!("{unable:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn volumes_may_come_in_any_order_and_in_several_runs() {
    let bundle = bundle();
    let desk = || Desk::new(&bundle, &Edits::default());
    let together = desk();
    assert_eq!(together.volumes.len(), 5);
    taken(together.bring(&together.all()));
    together.holds_all_of(&bundle);
    let backwards = desk();
    let mut order = backwards.all();
    order.reverse();
    taken(backwards.bring(&order));
    backwards.holds_all_of(&bundle);
    let one_by_one = desk();
    one_by_one.bring_all_but_the_last();
    taken(one_by_one.bring_the_last());
    one_by_one.holds_all_of(&bundle);
    // Each may come again, as after a run that was cut off behind its last volume.
    for number in one_by_one.all() {
        taken(one_by_one.bring(&[number]));
    }
    one_by_one.holds_all_of(&bundle);
    assert_eq!(
        fs::read_dir(one_by_one.staging.path().join("stored")).unwrap().count(),
        0
    );
    // Somebody always does the work.
    let alone = Desk { threads: 0, ..desk() };
    alone.bring_all_but_the_last();
    taken(alone.bring_the_last());
    alone.holds_all_of(&bundle);
}

/// What came in earlier runs is hashed again before it is believed; then all volumes are asked for again.
#[test]
fn what_was_changed_while_it_waited_is_refused() {
    let bundle = bundle();
    for name in ["large.bin", "digits.txt", "readme.txt", "noise.bin"] {
        let digest = Digest::of(&content(&bundle, name));
        let desk = Desk::new(&bundle, &Edits::default());
        desk.bring_all_but_the_last();
        // Some may have been in the last volume alone, and are not there yet.
        let path = [desk.stored(&digest), desk.staged(&digest)]
            .into_iter()
            .find(|path| path.is_file());
        let Some(path) = path else { continue };
        let mut bytes = fs::read(&path).unwrap();
        bytes[7] ^= 1;
        fs::write(&path, bytes).unwrap();
        let refusal = refused(desk.bring_the_last());
        assert_eq!(refusal.code, Code::DigestMismatch, "{name}");
        let named = digest.hex();
        assert!(refusal.subject.contains(&named[2..]), "{name}: {}", refusal.subject);
        assert_eq!(desk.marks(), 0, "{name}");
        taken(desk.bring(&desk.all()));
        desk.holds_all_of(&bundle);
    }
}

#[test]
fn what_has_gone_while_it_waited_is_missed() {
    let bundle = bundle();
    let (mut cut, mut missed) = (0, 0);
    for name in ["large.bin", "digits.txt", "readme.txt", "noise.bin", "empty"] {
        let digest = Digest::of(&content(&bundle, name));
        let desk = Desk::new(&bundle, &Edits::default());
        desk.bring_all_but_the_last();
        if desk.stored(&digest).is_file() {
            // Bytes that a file lacks cannot be read; nothing is said of the others.
            fs::write(desk.stored(&digest), b"").unwrap();
            assert!(desk.bring_the_last().is_err(), "{name}");
            cut += 1;
        } else if desk.staged(&digest).is_file() {
            fs::remove_file(desk.staged(&digest)).unwrap();
            let refusal = refused(desk.bring_the_last());
            assert_eq!(refusal.code, Code::ObjectMissing, "{name}");
            assert_eq!(refusal.hint.as_deref(), Some("give all volumes again"));
            assert_eq!(desk.marks(), 0, "{name}");
            missed += 1;
        }
    }
    assert!(cut >= 1 && missed >= 1, "{cut} {missed}");
}

/// Edits that sign an object under a digest that its content does not have; each of its segments is as signed.
fn misnamed(content: &[u8]) -> Edits {
    let right = Digest::of(content).hex();
    let mut wrong = right.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    let (names, text) = ((right[2..].to_owned(), wrong[2..].to_owned()), (right, wrong));
    Edits {
        catalog_text: Some(Box::new(move |bytes| {
            let changed = String::from_utf8(bytes.clone()).unwrap().replace(&text.0, &text.1);
            *bytes = changed.into_bytes();
        })),
        members: Some(Box::new(move |volumes| {
            for member in volumes.iter_mut().flatten() {
                member.name = member.name.replace(&names.0, &names.1);
            }
        })),
        ..Edits::default()
    }
}

#[test]
fn an_object_whose_segments_are_right_and_whose_content_is_another_is_refused() {
    for segments_per_volume in [None, Some(2)] {
        let bundle = RawBundle {
            segments_per_volume,
            ..bundle()
        };
        for name in ["large.bin", "digits.txt", "readme.txt"] {
            let desk = Desk::new(&bundle, &misnamed(&content(&bundle, name)));
            let refusal = refused(desk.bring(&desk.all()));
            assert_eq!(refusal.code, Code::DigestMismatch, "{name} {segments_per_volume:?}");
            assert_eq!(refusal.reason, "its content is not what its name says");
            let found = Digest::of(&content(&bundle, name)).to_string();
            assert_eq!(refusal.found, Some(found));
        }
    }
}

/// Each that differs is told, and by the member that does.
#[test]
fn what_differs_on_the_medium_is_named_member_by_member() {
    let bundle = RawBundle {
        segments_per_volume: None,
        ..bundle()
    };
    let names =
        ["large.bin", "digits.txt", "noise.bin"].map(|name| Digest::of(&content(&bundle, name)).hex()[2..].to_owned());
    let edits = Edits {
        members: Some(Box::new(move |volumes| {
            for member in volumes.iter_mut().flatten() {
                let is_meant = member.name.ends_with(".000001") || member.name.ends_with(&names[2]);
                if is_meant && names.iter().any(|name| member.name.contains(name)) {
                    member.data[0] ^= 1;
                }
            }
        })),
        ..Edits::default()
    };
    let desk = Desk::new(&bundle, &edits);
    let Err(Stop::Refused(refusals)) = desk.bring(&desk.all()) else {
        panic!("it was taken");
    };
    assert_eq!(refusals.len(), 3, "{refusals:?}");
    for refusal in refusals {
        assert_eq!(refusal.code, Code::DigestMismatch);
        assert_eq!(refusal.reason, "it does not have the digest that the catalog lists");
        assert!(refusal.subject.starts_with("objects/"), "{}", refusal.subject);
    }
}

/// More small members than one buffer holds, and segments that are larger than it.
#[test]
fn what_does_not_fit_a_buffer_is_taken_in_pieces() {
    let mut many = RawBundle {
        segment_size: 64 << 10,
        segments_per_volume: None,
        ..bundle()
    };
    for number in 0..40 {
        many.files.push((format!("{number}.bin"), noise(100 + number, 40_000)));
    }
    let mut large = RawBundle {
        segment_size: 2 << 20,
        segments_per_volume: Some(1),
        ..bundle()
    };
    large.files.push(("long.bin".to_owned(), noise(7, 5 << 20)));
    large
        .files
        .push(("long.txt".to_owned(), hex::encode(noise(8, 3 << 20)).into_bytes()));
    for bundle in [many, large] {
        let desk = Desk::new(&bundle, &Edits::default());
        taken(desk.bring(&desk.all()));
        desk.holds_all_of(&bundle);
    }
}

#[test]
fn what_cannot_be_written_is_told_and_no_bundle_is_intact_without_it() {
    let bundle = RawBundle {
        segments_per_volume: None,
        ..bundle()
    };
    for name in ["noise.bin", "readme.txt", "large.bin", "digits.txt"] {
        let desk = Desk::new(&bundle, &Edits::default());
        // A folder where the file belongs.
        fs::create_dir_all(desk.staged(&Digest::of(&content(&bundle, name))).join("x")).unwrap();
        match desk.bring(&desk.all()) {
            Err(Stop::Unable(unable)) => assert!(unable.what.starts_with("cannot write "), "{unable:?}"),
            Err(Stop::Refused(refusals)) => panic!("{name}: {refusals:?}"),
            Ok(_) => panic!("{name}: it was taken"),
        }
    }
}

/// An artifact must be what its ecosystem says: the bytes alone are not enough.
#[test]
fn a_file_that_is_no_package_is_not_taken_for_one() {
    let edits = Edits {
        records: Some(Box::new(|records| {
            for record in records
                .iter_mut()
                .filter(|record| record["artifact"]["file"] == "noise.bin")
            {
                record["artifact"]["ecosystem"] = "cargo".into();
                record["artifact"]["file"] = "set-1.0.0.crate".into();
                record["artifact"]["version"] = "1.0.0".into();
            }
            // Artifacts stand in their order.
            records.sort_by_key(|record| {
                (
                    record.get("artifact").is_some(),
                    record["artifact"]["ecosystem"] != "cargo",
                )
            });
        })),
        ..Edits::default()
    };
    let desk = Desk::new(&bundle(), &edits);
    let refusal = refused(desk.bring(&desk.all()));
    assert!(refusal.subject.contains("set"), "{refusal:?}");
}
