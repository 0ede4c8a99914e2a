//! What proofs came to: kept with each artifact, and searched by whoever asks what rests on a key.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::import::Recorded;
use super::journal::Told;
use super::query::text_json;
use super::{Entry, Import, Ledger, LedgerError, integer};
use crate::model::{Code, Digest, Fault, Finding, Level, Name, Outcome, Signer, Timestamp, key_id, plain_fingerprint};

/// What an artifact's proofs came to, and what was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The level that it reached.
    pub level: Level,
    /// What each proof came to.
    pub findings: Vec<Finding>,
    /// What was decided, and by which rules: canonical JSON of [`crate::import::decide::ArtifactDecision`]; empty where no policy decided.
    pub decision: String,
    /// When it was judged, by this enclave's clock.
    pub judged: Timestamp,
}

/// A level as the database keeps it: its place among all levels.
pub(super) fn number(level: Level) -> i64 {
    Level::ALL
        .iter()
        .position(|known| *known == level)
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or_default()
}

fn level(number: i64) -> Level {
    usize::try_from(number)
        .ok()
        .and_then(|place| Level::ALL.get(place).copied())
        .unwrap_or_default()
}

/// The texts under which people look for a signer: fingerprints without spaces and colons in capitals, OpenPGP's key ids, or an identity's subject.
fn keys_of(signer: &Signer) -> Vec<String> {
    if let Signer::Identity(identity) = signer {
        return vec![identity.subject.clone(), identity.to_string()];
    }
    let fingerprints = signer.keys().chain(signer.certificates()).map(search_key);
    fingerprints.chain(signer.keys().filter_map(key_id)).collect()
}

/// Whose keys and certificates a finding rests on. What fell because one of them is revoked still rests on it: who asks about a stolen key looks for just that.
fn resting(finding: &Finding) -> impl Iterator<Item = &Signer> {
    let counts = finding.is_confirmed() || finding.outcome == Outcome::Contradicted(Fault::Revoked);
    let signers = finding.signers.iter().chain(&finding.through);
    signers.filter(move |_| counts)
}

/// How a key is looked for: hexadecimal digits in capitals without spaces and colons; anything else as it is.
pub fn search_key(text: &str) -> String {
    plain_fingerprint(text)
}

/// Who signed what lowered a finding of the policy, as the text of a decision says.
fn lowering(decision: &str) -> Vec<Signer> {
    // Few decisions have any, and a text is searched sooner than read.
    if !decision.contains("\"lowered\"") {
        return Vec::new();
    }
    let decision: serde_json::Value = serde_json::from_str(decision).unwrap_or_default();
    let hits = decision.pointer("/decision/hits").and_then(serde_json::Value::as_array);
    let signers = hits
        .into_iter()
        .flatten()
        .filter_map(|hit| hit.pointer("/lowered/signer"));
    signers
        .filter_map(|signer| serde_json::from_value(signer.clone()).ok())
        .collect()
}

/// Whether somebody who signed is the one that is asked for, as [`Ledger::resting_on`] looks for it.
pub fn is_signer(signer: &Signer, key: &str) -> bool {
    keys_of(signer).contains(&search_key(key))
}

/// Whether a finding rests on a key, a certificate, an identity or an anchor, as [`Ledger::resting_on`] looks for it.
pub fn rests_on(finding: &Finding, key: &str) -> bool {
    finding.is_confirmed() && finding.anchors.iter().any(|anchor| anchor == key)
        || resting(finding).any(|signer| is_signer(signer, key))
}

impl Import<'_> {
    /// Records what an artifact's proofs came to. Raises its name's floor, and pins its publishers where nobody is pinned for the name yet.
    pub fn judgement(&self, recorded: Recorded, judgement: &Judgement) -> Result<(), LedgerError> {
        if judgement.findings.is_empty() && judgement.decision.is_empty() {
            return Ok(());
        }
        self.note(&Told::Judgement {
            decision: &judgement.decision,
            findings: &judgement.findings,
            judged: judgement.judged,
            level: judgement.level,
        });
        write_judgement(self.connection(), recorded, judgement)?;
        remember(self.connection(), recorded, judgement)
    }
}

/// Puts a judgement in the place of the one before. The name's floor and its pinned publishers stay as they are: only an admission changes them.
pub(super) fn write_judgement(
    connection: &Connection,
    recorded: Recorded,
    judgement: &Judgement,
) -> Result<(), LedgerError> {
    let failed = LedgerError::sql;
    let findings = text_json(&judgement.findings, "list of findings")?;
    connection
        .prepare_cached(
            "INSERT INTO judgements (artifact, level, findings, decision, judged) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET level = excluded.level, findings = excluded.findings,
                 decision = excluded.decision, judged = excluded.judged",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                recorded.artifact,
                number(judgement.level),
                findings,
                judgement.decision,
                judgement.judged.seconds()
            ])
        })
        .map_err(failed("write"))?;
    connection
        .prepare_cached("DELETE FROM rests_on WHERE artifact = ?1")
        .and_then(|mut statement| statement.execute([recorded.artifact]))
        .map_err(failed("write"))?;
    let mut rests = connection
        .prepare_cached("INSERT OR IGNORE INTO rests_on (key, artifact) VALUES (?1, ?2)")
        .map_err(failed("write"))?;
    for finding in &judgement.findings {
        let anchors = finding.anchors.iter().filter(|_| finding.is_confirmed());
        let anchors = anchors.map(|anchor| format!("anchor {anchor}"));
        for key in resting(finding).flat_map(keys_of).chain(anchors) {
            rests
                .execute(params![key, recorded.artifact])
                .map_err(failed("write"))?;
        }
    }
    for key in lowering(&judgement.decision).iter().flat_map(keys_of) {
        rests
            .execute(params![key, recorded.artifact])
            .map_err(failed("write"))?;
    }
    Ok(())
}

/// Raises a name's floor, and pins its publishers, as the admission of an artifact does (`bundle-spec/policy.md` §8).
fn remember(connection: &Connection, recorded: Recorded, judgement: &Judgement) -> Result<(), LedgerError> {
    let failed = LedgerError::sql;
    let mut pin = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO signers (name, signer, bundle) SELECT ?1, ?2, ?3
             WHERE ?4 OR NOT EXISTS (SELECT 1 FROM signers WHERE name = ?1 AND bundle <> ?3)",
        )
        .map_err(failed("write"))?;
    let is_decided = admits_another_publisher(&judgement.decision);
    for finding in judgement.findings.iter().filter(|finding| finding.is_confirmed()) {
        // A registry signs for everybody: only whoever speaks for the name itself is remembered as its publisher.
        let publishers = finding.signers.iter().filter(|_| finding.level() >= Level::Publisher);
        for signer in publishers {
            let text = text_json(signer, "signer")?;
            pin.execute(params![recorded.name, text, recorded.bundle, is_decided])
                .map_err(failed("write"))?;
        }
    }
    if judgement.level > Level::None {
        connection
            .prepare_cached(
                "INSERT INTO floors (name, level) VALUES (?1, ?2)
                     ON CONFLICT DO UPDATE SET level = max(level, excluded.level)",
            )
            .and_then(|mut statement| statement.execute(params![recorded.name, number(judgement.level)]))
            .map_err(failed("write"))?;
    }
    Ok(())
}

/// Whether persons signed that an artifact comes in though nobody who is pinned for its name has signed it: from then on its publishers are pinned, too.
fn admits_another_publisher(decision: &str) -> bool {
    let code = Code::PublisherChanged.name();
    // Few decisions have it, and a text is searched sooner than read.
    if !decision.contains(code) {
        return false;
    }
    let decision: serde_json::Value = serde_json::from_str(decision).unwrap_or_default();
    let hits = decision.pointer("/decision/hits").and_then(serde_json::Value::as_array);
    // A waiver is about one version, and names nobody.
    let is_open =
        |hit: &serde_json::Value| hit["code"] == code && (hit["verdict"] == "deny" || hit["verdict"] == "review");
    decision["admission"] == "reviewed" && hits.into_iter().flatten().any(is_open)
}

impl Ledger {
    /// The highest level that an accepted artifact of a name ever reached; `None` where none came yet.
    pub fn floor(&self, name: &Name) -> Result<Option<Level>, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT f.level FROM floors f JOIN names n ON n.id = f.name WHERE n.ecosystem = ?1 AND n.name = ?2",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([&name.ecosystem, &name.name], |row| row.get(0))
                    .optional()
            })
            .map(|found: Option<i64>| found.map(level))
            .map_err(LedgerError::sql("read"))
    }

    /// Whether an artifact of a name was ever imported.
    pub fn knows(&self, name: &Name) -> Result<bool, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2)",
            )
            .and_then(|mut statement| statement.query_row([&name.ecosystem, &name.name], |row| row.get(0)))
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every name of an ecosystem that was ever imported.
    pub fn names<E: From<LedgerError>>(
        &self,
        ecosystem: &str,
        mut visit: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT name FROM names n WHERE ecosystem = ?1
                 AND EXISTS (SELECT 1 FROM artifacts a WHERE a.name = n.id) ORDER BY 1",
            )
            .map_err(failed("read"))?;
        let mut rows = statement.query([ecosystem]).map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            let name: String = row.get(0).map_err(failed("read"))?;
            visit(&name)?;
        }
        Ok(())
    }

    /// Who published the accepted artifacts of a name, as their confirmed proofs say.
    pub fn signers(&self, name: &Name) -> Result<Vec<Signer>, LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT s.signer FROM signers s JOIN names n ON n.id = s.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 ORDER BY s.bundle, s.signer",
            )
            .map_err(failed("read"))?;
        let texts = statement
            .query_map([&name.ecosystem, &name.name], |row| row.get::<_, String>(0))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(failed("read"))?;
        texts
            .iter()
            .map(|text| serde_json::from_str(text).map_err(|_| LedgerError::Damaged { what: "signer" }))
            .collect()
    }

    /// What an artifact's proofs came to when they were last judged.
    pub fn judgement(&self, entry: &Entry) -> Result<Option<Judgement>, LedgerError> {
        let artifact = &entry.artifact;
        let found: Option<(i64, String, String, i64)> = self
            .connection
            .prepare_cached(
                "SELECT j.level, j.findings, j.decision, j.judged FROM judgements j
                 JOIN artifacts a ON a.id = j.artifact JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4",
            )
            .and_then(|mut statement| {
                statement
                    .query_row(
                        [&artifact.ecosystem, &artifact.name, &artifact.version, &artifact.file],
                        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                    )
                    .optional()
            })
            .map_err(LedgerError::sql("read"))?;
        found
            .map(|(number, findings, decision, judged)| {
                Ok(Judgement {
                    level: level(number),
                    findings: serde_json::from_str(&findings).map_err(|_| LedgerError::Damaged {
                        what: "list of findings",
                    })?,
                    decision,
                    judged: Timestamp::from_seconds(judged),
                })
            })
            .transpose()
    }

    /// Records which version of a document stands from now on; an older one changes nothing.
    pub fn note_standing(&self, kind: &str, version: u64, digest: &Digest) -> Result<(), LedgerError> {
        self.connection
            .execute(
                "INSERT INTO standing (kind, version, digest) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET version = excluded.version, digest = excluded.digest
                 WHERE excluded.version > version",
                params![kind, integer(version, "the version")?, digest.as_bytes()],
            )
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }

    /// The newest version of a document that ever stood here.
    pub fn standing(&self, kind: &str) -> Result<Option<(u64, Digest)>, LedgerError> {
        self.connection
            .query_row("SELECT version, digest FROM standing WHERE kind = ?1", [kind], |row| {
                Ok((super::query::unsigned(row, 0)?, super::query::digest(row, 1)?))
            })
            .optional()
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every artifact whose findings rest on a key, a certificate, an identity or an anchor, of which such a signer's statement lowered
    /// something, or that came in a bundle which an exporter's key signed.
    pub fn resting_on<E: From<LedgerError>>(
        &self,
        key: &str,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = [search_key(key), format!("anchor {key}"), key.to_owned()];
        super::query::entries(
            &self.connection,
            "(a.id IN (SELECT artifact FROM rests_on WHERE key IN (?1, ?2))
             OR a.first_bundle IN (SELECT bundle FROM export_keys WHERE key = ?3)
             OR a.last_bundle IN (SELECT bundle FROM export_keys WHERE key = ?3))",
            wanted.into_iter().map(Into::into).collect(),
            visit,
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_persons_signed_for_pins_another_publisher() {
        let hit = |code: &str, verdict: &str| json!({ "code": code, "verdict": verdict });
        let (changed, other) = ("publisher-changed", "evidence-missing");
        for (admission, hits, is_pinned) in [
            ("reviewed", vec![hit(changed, "deny")], true),
            ("reviewed", vec![hit(changed, "review")], true),
            ("reviewed", vec![hit(other, "deny"), hit(changed, "review")], true),
            ("admitted", vec![hit(changed, "deny")], false),
            ("reviewed", vec![hit(changed, "note")], false),
            ("reviewed", vec![hit(changed, "note"), hit(other, "deny")], false),
            ("reviewed", Vec::new(), false),
        ] {
            let decision = json!({ "admission": admission, "decision": { "hits": hits }, "of": changed }).to_string();
            assert_eq!(admits_another_publisher(&decision), is_pinned, "{decision}");
        }
    }
}
