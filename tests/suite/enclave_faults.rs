//! An enclave whose memory or whose folders cannot be read: what was to be done for it is not taken for done.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroU32;
use std::path::Path;

use rusqlite::Connection;
use sealift::enclave::Enclave;
use sealift::model::{Stop, Timestamp};
use sealift::policy::Retention;
use sealift::repository::Sweep;
use sealift::retention::{self, Item, Looking};
use sealift::statement::{Holds, Renewals};

use crate::enclave::{Until, import, new_enclave};

fn sweep(enclave: &Enclave) -> Result<(), Stop> {
    let keep = NonZeroU32::new(1).unwrap();
    let swept = enclave.sweep(
        keep,
        &BTreeSet::new(),
        Sweep::Remove,
        Timestamp::from_seconds(1_700_000_200),
    );
    swept.map(drop)
}

/// Changes state.db beside whoever has it open.
fn change(folder: &Path, script: &str) {
    let connection = Connection::open(folder.join("state.db")).unwrap();
    connection.execute_batch(script).unwrap();
}

#[test]
fn a_sweep_forgets_what_is_gone_or_says_that_it_could_not() {
    let refuse_removal = "CREATE TRIGGER fault BEFORE DELETE ON paths BEGIN SELECT RAISE(FAIL, 'fault'); END";
    for (script, is_done) in [
        ("", true),
        (refuse_removal, false),
        ("ALTER TABLE paths RENAME TO others", false),
        ("UPDATE paths SET path = CAST(X'FF' AS TEXT)", false),
    ] {
        let (folder, mut enclave) = new_enclave();
        import(&mut enclave, 1, "a", "1", "one", Until::Switched);
        // A path that clients find no more.
        fs::remove_file(folder.path().join("repository/files/a/1/a.tar")).unwrap();
        change(folder.path(), script);
        assert_eq!(sweep(&enclave).is_ok(), is_done, "{script}");
    }
}

fn over(folder: &Path, enclave: &Enclave) -> Result<Vec<Item>, Stop> {
    let (renewals, holds) = (Renewals::default(), Holds::default());
    let looking = Looking {
        folder,
        ledger: &enclave.ledger,
        store: enclave.repository.store(),
        roots: &[],
        revocations: None,
        renewals: &renewals,
        holds: &holds,
        retention: &Retention {
            approval_days: None,
            artifact_days: Some(1),
            capsule_days: None,
            proof_days: Some(1),
            refusal_days: None,
            report_days: None,
            review_days: None,
        },
    };
    retention::over(&looking, Timestamp::from_seconds(1_700_000_000).plus_days(30))
}

#[test]
fn what_is_over_is_known_or_it_is_said() {
    let (folder, mut enclave) = new_enclave();
    import(&mut enclave, 1, "a", "1", "one", Until::Switched);
    assert!(over(folder.path(), &enclave).unwrap().is_empty());
    // A folder stands where a person's decision should.
    let reviews = folder.path().join("reviews");
    fs::create_dir_all(reviews.join("x/000001.dsse.json")).unwrap();
    assert!(over(folder.path(), &enclave).is_err());
    fs::remove_dir_all(&reviews).unwrap();
    change(folder.path(), "ALTER TABLE presence RENAME TO others");
    assert!(over(folder.path(), &enclave).is_err());
}
