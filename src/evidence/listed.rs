//! Signed lists: who signed is judged first, and only then what the list says about an artifact is read and weighed.

use crate::model::{Algorithm, Artifact, Claim, Content, Doubt, Fault, Finding, MultiHasher, Outcome};

/// What a well signed list says about an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// It is about these bytes.
    Fits {
        /// What else it says.
        claims: Vec<(String, String)>,
        /// What it does not say.
        notes: Vec<String>,
    },
    /// It is about something else, or is no such list.
    Wrong(Fault, String),
    /// It cannot be read, or says too little.
    Open(Doubt, String),
}

impl Said {
    /// Not about this artifact.
    pub(crate) fn differs(reason: impl Into<String>) -> Self {
        Self::Wrong(Fault::SubjectDiffers, reason.into())
    }

    /// Not of its form.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Wrong(Fault::Malformed, reason.into())
    }
}

/// What the list says takes the place of each finding that its signature is good; the other findings stay.
pub(crate) fn weigh(mut findings: Vec<Finding>, said: &Said) -> Vec<Finding> {
    for finding in findings.iter_mut().filter(|finding| finding.is_confirmed()) {
        match said {
            Said::Fits { claims, notes } => {
                finding.claims.extend(claims.iter().cloned());
                finding.notes.extend(notes.iter().cloned());
            }
            Said::Wrong(fault, reason) => {
                finding.outcome = Outcome::Contradicted(*fault);
                finding.reason.clone_from(reason);
            }
            Said::Open(doubt, reason) => {
                finding.outcome = Outcome::Undecided(*doubt);
                finding.reason.clone_from(reason);
            }
        }
    }
    findings
}

/// Compares an artifact's bytes, from where its content stands, with a stated digest. `what` names the bytes in the reason.
pub(crate) fn compare(what: &str, stated: &Claim, artifact: &Artifact, content: &mut dyn Content) -> Result<(), Said> {
    let found = if stated.algorithm() == Algorithm::Sha256 {
        hex_of(artifact)
    } else {
        content.digest(stated.algorithm()).map_err(|_| unread())?.hex()
    };
    if found == stated.hex() {
        return Ok(());
    }
    Err(Said::differs(format!(
        "{what} should have {stated}, and has {}:{found}",
        stated.algorithm().name()
    )))
}

fn hex_of(artifact: &Artifact) -> String {
    artifact.digest.hex()
}

/// Hashes what is left of some content.
pub(crate) fn hash(algorithm: Algorithm, content: &mut dyn Content) -> Result<Claim, Said> {
    let mut hasher = MultiHasher::new([algorithm]);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.update(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(unread()),
        }
    }
    let (_, claims) = hasher.finish();
    claims
        .into_iter()
        .find(|claim| claim.algorithm() == algorithm)
        .ok_or_else(unread)
}

fn unread() -> Said {
    Said::Open(Doubt::Incomplete, "the artifact's bytes could not be read".to_owned())
}

/// The last part of a path: what a list that has no folders calls the file.
pub(crate) fn base_name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Read, Seek, SeekFrom};

    use super::*;
    use crate::model::{Digest, Level};

    #[test]
    fn what_a_list_says_is_weighed_where_its_signature_is_good() {
        let findings = || {
            vec![
                Finding::undecided("a", Doubt::UnknownSigner, "nobody's"),
                Finding::confirmed("a", Level::Publisher, "good"),
                Finding::contradicted("a", Fault::SignatureWrong, "damaged"),
            ]
        };
        let fits = Said::Fits {
            claims: vec![("chart".to_owned(), "tool".to_owned())],
            notes: vec!["a note".to_owned()],
        };
        let differs = Outcome::Contradicted(Fault::SubjectDiffers);
        let open = Outcome::Undecided(Doubt::Incomplete);
        for (said, expected) in [
            (fits, Outcome::Confirmed(Level::Publisher)),
            (Said::differs("other bytes"), differs),
            (unread(), open),
        ] {
            let weighed = weigh(findings(), &said);
            assert_eq!(weighed[1].outcome, expected);
            for other in [0, 2] {
                assert_eq!(weighed[other], findings()[other], "{said:?}");
            }
        }
    }

    /// Bytes whose first read a signal interrupts.
    struct Interrupted(Cursor<Vec<u8>>, Option<io::ErrorKind>);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.1.take() {
                Some(kind) => Err(kind.into()),
                None => self.0.read(buffer),
            }
        }
    }

    impl Seek for Interrupted {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    impl Content for Interrupted {}

    #[test]
    fn bytes_that_cannot_be_read_have_no_digest() {
        let bytes = || Cursor::new(b"bytes".to_vec());
        let mut late = Interrupted(bytes(), Some(io::ErrorKind::Interrupted));
        let found = hash(Algorithm::Sha256, &mut late).unwrap();
        assert_eq!(found.hex(), Digest::of(b"bytes").hex());
        // What is read behind an error is not the whole.
        let mut torn = Interrupted(bytes(), Some(io::ErrorKind::UnexpectedEof));
        assert_eq!(hash(Algorithm::Sha256, &mut torn), Err(unread()));
    }

    #[test]
    fn a_hash_is_of_the_algorithm_that_is_asked_for() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512, Algorithm::Sha1] {
            let claim = hash(algorithm, &mut Cursor::new(b"bytes")).unwrap();
            assert_eq!(claim.algorithm(), algorithm);
        }
    }
}
