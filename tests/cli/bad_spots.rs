//! A rendering of which some part could not be written is no rendering: whatever write fails, it is told.

use std::fs;
use std::io::{self, Write};

use sealift::report::{Format, render};
use sealift::trust::folder::TrustFolder;

use crate::judged;
use crate::people;
use crate::reports::{rewritten_as, varied};

/// Takes everything but one write, as a medium does that has one bad spot.
struct BadSpot {
    at: usize,
    writes: usize,
}

impl Write for BadSpot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if self.writes == self.at {
            return Err(io::Error::other("a bad spot"));
        }
        Ok(bytes.len())
    }

    /// The last of all.
    fn flush(&mut self) -> io::Result<()> {
        self.write(b"").map(|_| ())
    }
}

#[test]
fn no_write_of_a_rendering_fails_unnoticed() {
    let world = judged::imported();
    rewritten_as(&world, "varied.ndjson", [0, 4, 6, 8, 9].into_iter().map(varied));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    let refused = world.path("en/reports/000002-unknown-refused.report.ndjson");
    let trust = TrustFolder::open(&world.path("en/trust")).unwrap();
    let key = people::key(people::STATION);
    for format in Format::ALL {
        for report in [&world.path("varied.ndjson"), &refused] {
            let tried = |at: usize| {
                let mut out = BadSpot { at, writes: 0 };
                let rendered = render(format, report, trust.roots(), None, Some(&key), &mut out);
                (rendered.map(|_| ()), out.writes)
            };
            let (whole, writes) = tried(0);
            whole.unwrap();
            // A page has thousands, most of them in a row.
            for at in (1..=writes).filter(|at| *at < 250 || at % 29 == 0 || at + 50 > writes) {
                let (rendered, _) = tried(at);
                let said = format!("{rendered:?}");
                let told = rendered.is_err() && said.contains("a bad spot");
                assert!(
                    told,
                    "{} of {}, write {at} of {writes}: {said}",
                    format.word(),
                    report.display()
                );
            }
        }
    }
}
