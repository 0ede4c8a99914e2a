//! What went wrong with single artifacts: collected, and said together.

use std::error::Error;
use std::fmt;

use crate::ecosystem::{Ecosystem, UpstreamError, Wanted};
use crate::model::{Code, Refusal, Stop, Unable, Unsatisfied};
use crate::net::{ClientError, FetchError};

/// Why one artifact could not be collected.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is wrong, or not to be had: the next run would say the same.
    Refused(Box<Refusal>),
    /// Upstream failed: another run may succeed.
    Upstream { subject: String, reason: String },
    /// This machine failed, and will fail for the next artifact too.
    Unable(Box<Unable>),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Trouble {
    pub(super) fn unable(what: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self::Unable(Box::new(Unable::new(what).because(source)))
    }

    /// Whether this machine failed.
    pub(super) fn is_unable(&self) -> bool {
        matches!(self, Self::Unable(_))
    }

    /// Whether other bytes than stated were found.
    pub(super) fn is_mismatch(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == Code::LockDigestMismatch)
    }
}

/// How artifacts are named in messages.
pub(super) fn subject(wanted: &Wanted) -> String {
    format!("{} {} {}", wanted.ecosystem, wanted.name, wanted.version)
}

/// All troubles as one stop: a failure of this machine by itself; otherwise refusals if there is one, with upstream's
/// failures beside them; otherwise upstream's failures, each said.
pub(super) fn stop(troubles: Vec<Trouble>) -> Option<Stop> {
    let mut refusals = Vec::new();
    let mut failures = Vec::new();
    for trouble in troubles {
        match trouble {
            Trouble::Unable(unable) => return Some(Stop::Unable(unable)),
            Trouble::Refused(refusal) => refusals.push(*refusal),
            Trouble::Upstream { subject, reason } => failures.push((subject, reason)),
        }
    }
    if refusals.is_empty() {
        let count = failures.len();
        let source = Failures::chain(failures)?;
        let what = match count {
            1 => "an upstream failed".to_owned(),
            _ => format!("upstreams failed for {count} artifacts or names"),
        };
        return Some(
            Unable::new(what)
                .because(source)
                .code(Code::UpstreamFailed)
                .hint("try again later; what was fetched is kept. Where all bytes are at hand, `--offline` asks nobody")
                .into(),
        );
    }
    refusals.extend(
        failures
            .into_iter()
            .map(|(subject, reason)| Refusal::new(Code::UpstreamFailed, subject, reason)),
    );
    refusals.sort_by(|left, right| left.subject.cmp(&right.subject));
    Some(Stop::Refused(refusals))
}

/// Failures in a row, so that the one printer of causes prints each.
#[derive(Debug)]
struct Failures {
    text: String,
    next: Option<Box<Failures>>,
}

impl Failures {
    fn chain(failures: Vec<(String, String)>) -> Option<Self> {
        failures.into_iter().rev().fold(None, |next, (subject, reason)| {
            Some(Self {
                text: format!("{subject}: {reason}"),
                next: next.map(Box::new),
            })
        })
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failures {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as &(dyn Error + 'static))
    }
}

/// The rows can be long, and the derived drop would recurse once for each.
impl Drop for Failures {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(mut failure) = next {
            next = failure.next.take();
        }
    }
}

const HINT_CREDENTIALS: &str = "give credentials in the client's configuration or in netrc";

/// An artifact that nobody has.
pub(super) fn not_found(wanted: &Wanted, ecosystem: &dyn Ecosystem) -> Refusal {
    let hint = ecosystem
        .hint_without_upstream()
        .unwrap_or("let the client fetch it first, add `--from FOLDER`, or name the upstream");
    Refusal::new(
        Code::ArtifactNotFound,
        subject(wanted),
        "it is in no cache and no folder, and no upstream is at hand",
    )
    .hint(hint)
}

pub(super) fn of_locating(wanted: &Wanted, ecosystem: &dyn Ecosystem, error: UpstreamError) -> Trouble {
    let refusal = |code| Refusal::new(code, subject(wanted), error.to_string());
    match &error {
        UpstreamError::NoUpstream { .. } => not_found(wanted, ecosystem).into(),
        UpstreamError::NotListed { .. } => refusal(Code::ArtifactNotFound)
            .hint("compare the lockfile with what upstream offers; it may have been withdrawn")
            .into(),
        UpstreamError::Status { status: 401 | 403, .. } => refusal(Code::UpstreamFailed).hint(HINT_CREDENTIALS).into(),
        _ => Trouble::Upstream {
            subject: subject(wanted),
            reason: error.to_string(),
        },
    }
}

/// A failure of upstreams that are asked about many artifacts at once.
pub(super) fn of_asking(subject: String, error: &UpstreamError) -> Trouble {
    match error {
        UpstreamError::NotContacted { .. } => Refusal::new(Code::UpstreamFailed, subject, error.to_string())
            .hint("name the upstream in the selection, if it is meant; without https its host must stand in `allow-plain-http`")
            .into(),
        UpstreamError::Status { status: 401 | 403, .. } => {
            Refusal::new(Code::UpstreamFailed, subject, error.to_string())
                .hint(HINT_CREDENTIALS)
                .into()
        }
        _ => Trouble::Upstream {
            subject,
            reason: error.to_string(),
        },
    }
}

pub(super) fn of_fetching(wanted: &Wanted, error: FetchError) -> Trouble {
    let text = error.to_string();
    let refusal = |code, reason: String| Refusal::new(code, subject(wanted), reason);
    match error {
        FetchError::Digest {
            url,
            source: Unsatisfied::Differs { expected, found },
        } => refusal(
            Code::LockDigestMismatch,
            format!("{url} gives other bytes than the lockfile states"),
        )
        .comparing(expected, found)
        .into(),
        FetchError::Digest { source, .. } => refusal(Code::SelectionUnpinned, source.to_string()).into(),
        FetchError::Size { expected, found, .. } => refusal(Code::LockDigestMismatch, text)
            .comparing(format!("{expected} bytes"), format!("{found} bytes"))
            .into(),
        FetchError::Absent { .. } => refusal(Code::ArtifactNotFound, text).into(),
        FetchError::Client(ClientError::Access { url, source }) => {
            refusal(Code::ArtifactNotFound, format!("{url} is not contacted: {source}"))
                .hint("name the upstream in the selection, if it is meant")
                .into()
        }
        FetchError::Client(ClientError::Address(source)) => refusal(
            Code::SelectionMalformed,
            format!("its address cannot be used: {source}"),
        )
        .into(),
        FetchError::Client(ClientError::Insecure { .. }) => refusal(Code::UpstreamFailed, text)
            .hint("if a proxy or mirror of your site has its own certificate authority, name its file")
            .into(),
        FetchError::Client(ClientError::TooLarge { .. }) => refusal(Code::SizeExceeded, text).into(),
        FetchError::Client(ClientError::Status { status: 401 | 403, .. }) => {
            refusal(Code::UpstreamFailed, text).hint(HINT_CREDENTIALS).into()
        }
        FetchError::Client(ClientError::Cache(source)) => Trouble::unable("the cache cannot be used", source),
        FetchError::Disk { path, source } => Trouble::unable(format!("cannot write {}", path.display()), source),
        FetchError::Client(_) => Trouble::Upstream {
            subject: subject(wanted),
            reason: text,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(subject: &str) -> Trouble {
        Trouble::Upstream {
            subject: subject.to_owned(),
            reason: "it answered 500".to_owned(),
        }
    }

    #[test]
    fn every_failure_is_said() {
        let Some(Stop::Unable(unable)) = stop(vec![upstream("a"), upstream("b")]) else {
            panic!("upstream's failures are not the input's fault");
        };
        assert_eq!(unable.code, Some(Code::UpstreamFailed));
        let first: &dyn Error = unable.source.as_deref().unwrap();
        assert_eq!(first.to_string(), "a: it answered 500");
        assert_eq!(first.source().unwrap().to_string(), "b: it answered 500");

        let refusal = Refusal::new(Code::ArtifactNotFound, "z", "it is not there");
        let Some(Stop::Refused(refusals)) = stop(vec![refusal.into(), upstream("a")]) else {
            panic!("what is wrong for good decides");
        };
        let codes: Vec<_> = refusals.iter().map(|refusal| refusal.code).collect();
        assert_eq!(codes, [Code::UpstreamFailed, Code::ArtifactNotFound]);
        assert!(stop(Vec::new()).is_none());
        // A hundred thousand failures do not overflow the stack.
        drop(stop((0..100_000).map(|_| upstream("a")).collect()));
    }

    #[test]
    fn a_trouble_is_of_one_kind() {
        let refusal = |code| Trouble::from(Refusal::new(code, "a", "why"));
        let unable = Trouble::unable("it cannot", std::io::Error::other("why"));
        for (trouble, is_unable, is_mismatch) in [
            (unable, true, false),
            (refusal(Code::LockDigestMismatch), false, true),
            (refusal(Code::ArtifactNotFound), false, false),
            (upstream("a"), false, false),
        ] {
            assert_eq!(
                (trouble.is_unable(), trouble.is_mismatch()),
                (is_unable, is_mismatch),
                "{trouble:?}"
            );
        }
    }
}
