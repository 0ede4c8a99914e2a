//! Whether what upstreams sign only moves forward: a log that shows two trees, or a repository or index that is older than one seen before,
//! has forked or is replayed by whoever stands between.
//!
//! The kinds keep no state and say what a finding shows; here it is compared with the newest that was accepted before (TUF specification
//! §5.3.5, §5.4.3, §5.5.5; apt-secure(8); RFC 9162 §8.3).
//!
//! A bundle that was made before that one, on another stream, may well show an older state: nobody went backwards then.

use std::collections::BTreeMap;

use crate::evidence;
use crate::model::{
    Artifact, Digest, Doubt, Fault, Finding, Order, Outcome, ProofState, SeenState, Timestamp, UpstreamState,
};

/// The states that were seen, and what was found against them.
pub(super) struct Forward<'a> {
    seen: BTreeMap<(&'a str, &'a str), &'a SeenState>,
    exported: Timestamp,
    /// Signed texts that are older than what was seen, and what is said of them.
    stale: BTreeMap<Digest, (Outcome, String)>,
    /// The largest state of each log that this bundle has shown so far: one bundle alone may show a fork.
    here: Newest,
}

impl<'a> Forward<'a> {
    /// Compares with what was seen before. `exported` is when the bundle in question was made.
    pub(super) fn new(seen: &'a [SeenState], exported: Timestamp) -> Self {
        Self {
            seen: seen
                .iter()
                .map(|state| ((state.kind.as_str(), state.subject.as_str()), state))
                .collect(),
            exported,
            stale: BTreeMap::new(),
            here: Newest::default(),
        }
    }

    /// Whether an artifact itself is a signed text of which something newer may have been seen: those come first, as they decide about what
    /// rests on them.
    pub(super) fn asks_first(&self, artifact: &Artifact) -> bool {
        let mut proofs = artifact
            .proofs
            .iter()
            .filter(|proof| proof.state == ProofState::Present && proof.objects.contains(&artifact.digest));
        proofs.any(|proof| self.seen.contains_key(&(proof.kind.as_str(), artifact.name.as_str())))
    }

    /// Remembers of an artifact that it is a signed text which is too old.
    pub(super) fn note(&mut self, artifact: &Artifact, findings: &[Finding]) {
        for finding in findings {
            for state in shown(artifact, finding) {
                if let Some(against) = self.against(&state) {
                    self.stale.insert(artifact.digest, against);
                }
            }
        }
    }

    /// Puts what is found against a state in the place of each finding that rests on it.
    pub(super) fn weigh(&mut self, artifact: &Artifact, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|finding| finding.is_confirmed()) {
            let mut against = None;
            for state in shown(artifact, finding) {
                against = against
                    .or_else(|| self.against(&state))
                    .or_else(|| forked(&state, self.here.of(&state)?.mark.as_ref(), self.here.of(&state)?.place));
                if let Some(note) = self.unconnected(&state).filter(|note| !finding.notes.contains(note)) {
                    finding.notes.push(note);
                }
                self.here.put(state);
            }
            if let Some((outcome, reason)) = against.or_else(|| self.rests_on_stale(artifact, &finding.kind)) {
                finding.outcome = outcome;
                finding.reason = reason;
            }
        }
    }

    fn rests_on_stale(&self, artifact: &Artifact, kind: &str) -> Option<(Outcome, String)> {
        let proofs = artifact.proofs.iter().filter(|proof| proof.kind == kind);
        let mut objects = proofs.flat_map(|proof| &proof.objects);
        objects.find_map(|digest| self.stale.get(digest)).cloned()
    }

    fn before(&self, state: &UpstreamState) -> Option<&'a SeenState> {
        self.seen.get(&(state.kind.as_str(), state.subject.as_str())).copied()
    }

    fn against(&self, state: &UpstreamState) -> Option<(Outcome, String)> {
        let seen = self.before(state)?;
        let (own, newest) = (state.order.say(state.place), state.order.say(seen.place));
        let subject = &state.subject;
        if let Some(forked) = forked(state, seen.mark.as_ref(), seen.place) {
            return Some(forked);
        }
        if let Some((place, mark)) = connected(state, seen) {
            // Both are signed: this state leads to a part of that place, and it is not the one that was signed for it then.
            return (Some(mark) != seen.mark.as_ref()).then(|| {
                let other = state.order.say(*place);
                let reason =
                    format!("{subject}: its state {own} holds another one {other} than was seen before: it is forked");
                (Outcome::Contradicted(Fault::LogWrong), reason)
            });
        }
        if state.place >= seen.place || self.exported < seen.exported {
            return None;
        }
        Some(match state.order {
            Order::Sizes => (
                Outcome::Undecided(Doubt::Incomplete),
                format!(
                    "{subject}: this is its state {own}, one {newest} was seen before, and nothing shows that it holds this one"
                ),
            ),
            Order::Dates | Order::Versions => (
                Outcome::Contradicted(Fault::RolledBack),
                format!("{subject}: this is its state {own}, and one {newest} was seen before this bundle was made"),
            ),
        })
    }

    /// Whether a larger state is shown to hold the one that was seen before.
    fn unconnected(&self, state: &UpstreamState) -> Option<String> {
        let seen = self.before(state)?;
        let (subject, before) = (&state.subject, state.order.say(seen.place));
        (state.order == Order::Sizes && state.place > seen.place).then(|| match connected(state, seen) {
            Some(_) => format!("this state of {subject} is proven to hold the one {before} that was seen before"),
            None => format!("nothing shows that this state of {subject} holds the one {before} that was seen before"),
        })
    }
}

/// What a state is proven to go with, at the place of the one that was seen.
fn connected<'s>(state: &'s UpstreamState, seen: &SeenState) -> Option<&'s (u64, String)> {
    state.goes_with.iter().find(|(place, _)| *place == seen.place)
}

/// What is said of a state, if another one of its place is another.
fn forked(state: &UpstreamState, mark: Option<&String>, place: u64) -> Option<(Outcome, String)> {
    (state.place == place && state.mark.as_ref() != mark).then(|| {
        let (subject, own) = (&state.subject, state.order.say(place));
        (
            Outcome::Contradicted(Fault::LogWrong),
            format!("{subject} has shown two different states {own}: it is forked"),
        )
    })
}

/// The states that a finding shows, if it is confirmed.
pub(super) fn shown(artifact: &Artifact, finding: &Finding) -> Vec<UpstreamState> {
    if !finding.is_confirmed() {
        return Vec::new();
    }
    evidence::find(&finding.kind).map_or_else(Vec::new, |kind| kind.shows(artifact, finding))
}

/// The newest states that the accepted findings of a bundle show.
#[derive(Default)]
pub(super) struct Newest(BTreeMap<(String, String), UpstreamState>);

impl Newest {
    /// Takes what an accepted artifact's findings show.
    pub(super) fn take(&mut self, artifact: &Artifact, findings: &[Finding]) {
        for state in findings.iter().flat_map(|finding| shown(artifact, finding)) {
            self.put(state);
        }
    }

    fn put(&mut self, state: UpstreamState) {
        if self.of(&state).is_none_or(|known| known.place < state.place) {
            self.0.insert((state.kind.clone(), state.subject.clone()), state);
        }
    }

    fn of(&self, state: &UpstreamState) -> Option<&UpstreamState> {
        self.0.get(&(state.kind.clone(), state.subject.clone()))
    }

    /// The states, one for each upstream.
    pub(super) fn states(&self) -> impl Iterator<Item = &UpstreamState> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Level, LogEntry, LogProof, Proof};

    const MADE: Timestamp = Timestamp::from_seconds(1_000);

    fn artifact(name: &str, file: &str, objects: &[Digest]) -> Artifact {
        Artifact {
            proofs: vec![Proof {
                kind: "apt-release".to_owned(),
                state: ProofState::Present,
                objects: objects.to_vec(),
            }],
            ..Artifact::plain("deb", name, "1", file, Digest::of(name.as_bytes()))
        }
    }

    fn confirmed(kind: &str, claims: &[(&str, &str)]) -> Finding {
        let mut finding = Finding::confirmed(kind, Level::Registry, "good");
        let claims = claims.iter();
        finding.claims = claims
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        finding.anchors = vec!["root".to_owned()];
        finding
    }

    fn tuf(root: &str, timestamp: &str, snapshot: &str) -> Finding {
        confirmed(
            "tuf",
            &[
                ("root-version", root),
                ("timestamp-version", timestamp),
                ("snapshot-version", snapshot),
            ],
        )
    }

    fn tree(size: &str, root: &str) -> Finding {
        let mut finding = confirmed("sumdb", &[("tree-size", size), ("tree-root", root)]);
        finding.log = Some(Box::new(LogEntry {
            id: "sum.example.com".to_owned(),
            index: "0".to_owned(),
            proof: LogProof::Inclusion,
        }));
        finding
    }

    /// What would be remembered of a finding, had it been accepted.
    fn seen(finding: &Finding) -> Vec<SeenState> {
        let mut newest = Newest::default();
        newest.take(&artifact("x", "x", &[]), std::slice::from_ref(finding));
        let seen = newest.states().map(|state| SeenState {
            kind: state.kind.clone(),
            subject: state.subject.clone(),
            place: state.place,
            mark: state.mark.clone(),
            exported: MADE,
        });
        seen.collect()
    }

    fn weighed(seen: &[SeenState], exported: Timestamp, finding: &Finding) -> Finding {
        let mut findings = [finding.clone()];
        Forward::new(seen, exported).weigh(&artifact("x", "x", &[]), &mut findings);
        let [weighed] = findings;
        weighed
    }

    const ROLLED_BACK: Outcome = Outcome::Contradicted(Fault::RolledBack);

    #[test]
    fn no_version_of_a_repository_goes_back() {
        let before = seen(&tuf("2", "10", "7"));
        assert_eq!(before.len(), 3);
        for same_or_newer in [tuf("2", "10", "7"), tuf("3", "11", "8")] {
            assert_eq!(weighed(&before, MADE, &same_or_newer), same_or_newer);
        }
        for older in [tuf("1", "10", "7"), tuf("2", "9", "7"), tuf("3", "11", "6")] {
            assert_eq!(weighed(&before, MADE, &older).outcome, ROLLED_BACK);
            // A bundle that was made before could not know.
            assert!(weighed(&before, MADE.plus_seconds(-1), &older).is_confirmed());
            assert!(weighed(&[], MADE, &older).is_confirmed());
        }
        // Another repository has its own versions.
        let mut other = tuf("1", "1", "1");
        other.anchors = vec!["other".to_owned()];
        assert!(weighed(&before, MADE, &other).is_confirmed());
    }

    #[test]
    fn a_log_has_one_tree_of_each_size_and_no_smaller_one_that_nobody_connects() {
        let before = seen(&tree("10", "root-10"));
        let forked = Outcome::Contradicted(Fault::LogWrong);
        assert_eq!(weighed(&before, MADE, &tree("10", "root-10")), tree("10", "root-10"));
        assert_eq!(weighed(&before, MADE, &tree("10", "other")).outcome, forked);
        // A fork is one whenever the bundle was made.
        assert_eq!(
            weighed(&before, MADE.plus_seconds(-1), &tree("10", "other")).outcome,
            forked
        );
        let smaller = weighed(&before, MADE, &tree("9", "root-9"));
        assert_eq!(smaller.outcome, Outcome::Undecided(Doubt::Incomplete));
        let larger = weighed(&before, MADE, &tree("11", "root-11"));
        assert!(larger.is_confirmed() && larger.notes.len() == 1, "{larger:?}");
        // What connects them settles it, whichever is the larger one.
        let going = |size: &str, with: &str| {
            let mut finding = tree(size, &format!("root-{size}"));
            finding.claims.push(("tree-goes-with".to_owned(), with.to_owned()));
            weighed(&before, MADE, &finding)
        };
        for size in ["9", "11"] {
            let connected = going(size, "10 root-10");
            assert!(connected.is_confirmed(), "{connected:?}");
            let of_another = going(size, "10 root-x");
            assert_eq!(of_another.outcome, forked, "{of_another:?}");
            assert!(of_another.reason.contains("holds another one of 10 records"));
        }
        assert!(going("11", "10 root-10").notes[0].contains("is proven to hold"));
        assert!(going("11", "8 root-8").notes[0].contains("nothing shows"));
        assert_eq!(going("9", "8 root-8").outcome, Outcome::Undecided(Doubt::Incomplete));
        // Within one bundle, with nothing seen before.
        let mut findings = [tree("5", "a"), tree("4", "b"), tree("5", "b"), tree("5", "a")];
        Forward::new(&[], MADE).weigh(&artifact("x", "x", &[]), &mut findings);
        assert_eq!(findings.iter().filter(|finding| finding.outcome == forked).count(), 1);
        assert_eq!(findings[2].outcome, forked);
    }

    #[test]
    fn what_rests_on_an_index_that_is_too_old_falls_with_it() {
        let dated = |date: &str| confirmed("apt-release", &[("date", date)]);
        let (old, new) = (dated("2026-11-19T00:00:00Z"), dated("2026-11-20T00:00:00Z"));
        let name = "a.example.com/debian/dists/stable";
        let own = Digest::of(name.as_bytes());
        let index = artifact(name, "InRelease", &[own]);
        let mut newest = Newest::default();
        newest.take(&index, std::slice::from_ref(&new));
        let state = newest.states().next().unwrap();
        let before = [SeenState {
            kind: state.kind.clone(),
            subject: state.subject.clone(),
            place: state.place,
            mark: None,
            exported: MADE,
        }];
        let list = artifact(name, "main/binary-amd64/Packages.gz", &[own]);
        let package = artifact("towel", "towel.deb", &[own, Digest::of(b"list")]);
        let other = artifact("towel", "towel.deb", &[Digest::of(b"other")]);
        let mut forward = Forward::new(&before, MADE);
        assert!(forward.asks_first(&index));
        assert!(!forward.asks_first(&package));
        // Another text, one that rests on the index alone, and a proof that did not come.
        let unseen = artifact("b.example.com/debian/dists/stable", "InRelease", &[own]);
        let rests = artifact(name, "InRelease", &[Digest::of(b"index")]);
        assert!(!forward.asks_first(&Artifact { digest: own, ..unseen }));
        assert!(!forward.asks_first(&rests));
        let mut absent = index.clone();
        absent.proofs[0].state = ProofState::Absent;
        assert!(!forward.asks_first(&absent));
        let outcomes = |forward: &mut Forward<'_>, finding: &Finding| {
            [&index, &list, &package, &other].map(|artifact| {
                let mut findings = [finding.clone()];
                forward.weigh(artifact, &mut findings);
                findings[0].outcome
            })
        };
        forward.note(&index, std::slice::from_ref(&new));
        assert!(
            outcomes(&mut forward, &new)
                .iter()
                .all(|outcome| *outcome != ROLLED_BACK)
        );
        forward.note(&index, std::slice::from_ref(&old));
        let [own, list, package, other] = outcomes(&mut forward, &old);
        assert_eq!([own, list, package], [ROLLED_BACK; 3]);
        assert_eq!(other, old.outcome);
        // The same object as a proof of another kind is not what the finding rests on.
        let mut besides = artifact("towel", "towel.deb", &[Digest::of(b"list")]);
        besides.proofs.push(Proof {
            kind: "openpgp".to_owned(),
            objects: vec![Digest::of(name.as_bytes())],
            state: ProofState::Present,
        });
        let mut findings = [confirmed("apt-release", &[])];
        forward.weigh(&besides, &mut findings);
        assert!(findings[0].is_confirmed(), "{findings:?}");
        // Something that is wrong already stays what it is.
        let mut wrong = [Finding::contradicted("apt-release", Fault::Expired, "ran out")];
        forward.weigh(&index, &mut wrong);
        assert_eq!(wrong[0].outcome, Outcome::Contradicted(Fault::Expired));
    }
}
