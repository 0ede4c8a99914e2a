//! A bundle that was imported comes once more for what was decided since, as the last of its stream and of the root's epoch alone.

use sealift::import::authenticate::{Approvals, GapRule, Imported, Judgement, Memory, Position, Rest, authenticate};
use sealift::import::open::{Input, open};
use sealift::model::{Code, Digest, Stop, Timestamp};

use crate::people;
use crate::raw_bundle::{Edits, RawBundle};

/// A memory of one bundle that was imported.
struct Kept {
    last: Option<Position>,
    approval: Vec<u8>,
    rest: Rest,
}

impl Memory for Kept {
    fn last(&self, _stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.last)
    }

    fn numbered(&self, _stream: &str, _epoch: u64, _sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self.last.map(|last| last.manifest))
    }

    fn imported(&self, _manifest: &Digest) -> Result<Option<Imported>, Stop> {
        Ok(Some(Imported {
            at: people::now(),
            generation: Some(1),
        }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(None)
    }

    fn gap_rule(&self) -> GapRule {
        GapRule::Refuse
    }

    fn kept_approvals(&self, _manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(vec![self.approval.clone()])
    }

    fn rest(&self, _manifest: &Digest) -> Result<Rest, Stop> {
        Ok(self.rest)
    }
}

#[test]
fn what_was_decided_is_taken_from_the_last_bundle_of_the_roots_epoch() {
    let bundle = RawBundle::sample();
    let volume = bundle.build(&Edits::default()).swap_remove(0);
    let manifest = bundle.manifest_digest();
    let at = |manifest: Digest| Position {
        epoch: 1,
        sequence: 1,
        manifest,
    };
    let code = |last: Option<Position>, rest: Rest, epoch: u64| {
        let mut root = people::root();
        root.epoch = epoch;
        let root = people::pinned(&root);
        let memory = Kept {
            last,
            approval: crate::vectors::approval(&manifest, people::APPROVER),
            rest,
        };
        let opened = open(vec![Input::Stream(Box::new(std::io::Cursor::new(volume.clone())))]).unwrap();
        let judgement = Judgement {
            root: &root,
            now: people::now(),
            memory: Some(&memory),
            approvals: Approvals::Needed,
            revocations: None,
        };
        match authenticate(opened, &judgement).result {
            Ok(_) => None,
            Err(Stop::Refused(refusals)) => Some((refusals[0].code, refusals[0].hint.is_some())),
            Err(Stop::Unable(unable)) => panic!("{unable:?}"),
        }
    };
    let own = Some(at(manifest));
    assert_eq!(code(own, Rest::Decided, 1), None);
    let refused = |is_hinted: bool| Some((Code::AlreadyImported, is_hinted));
    assert_eq!(code(own, Rest::Nothing, 1), refused(false));
    assert_eq!(code(own, Rest::Waits, 1), refused(true));
    // A newer one has come, none is known, or the root has begun a new epoch.
    assert_eq!(code(Some(at(Digest::of(b"newer"))), Rest::Decided, 1), refused(true));
    assert_eq!(code(None, Rest::Decided, 1), refused(true));
    assert_eq!(code(own, Rest::Decided, 2), refused(true));
}
