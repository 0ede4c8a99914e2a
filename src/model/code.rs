//! Stable codes of refusals: one enum, whose doc comments are the text of `sealift explain` and of
//! `bundle-spec/codes.md`. Codes are never renamed and never reused.

use std::fmt;

/// Declares the codes once: variant, spelling, family and the text that explains it.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $name:literal in $family:ident; )+) => {
        /// A stable code of a refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $( $(#[doc = $doc])+ $variant, )+
        }

        impl Code {
            /// Every code, in the order of their families.
            pub const ALL: &[Self] = &[$( Self::$variant, )+];

            /// The code's stable spelling.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// The family that the code belongs to.
            pub const fn family(self) -> Family {
                match self { $( Self::$variant => Family::$family, )+ }
            }

            /// What the code means and what to do, in plain sentences, one paragraph a line.
            pub const fn lines(self) -> &'static [&'static str] {
                match self { $( Self::$variant => &[$( $doc, )+], )+ }
            }
        }
    };
}

/// What a code is about; the lowest family of several findings leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The container and its limits.
    Container,
    /// Bytes that are not as listed.
    Integrity,
    /// Who signed.
    Authenticity,
    /// Order, freshness and recipient.
    Order,
    /// Roots and other trust material.
    Trust,
    /// Evidence and policy.
    Evidence,
    /// What the enclave remembers.
    State,
    /// Publication.
    Publication,
    /// The selection and its sources, on the sending side.
    Selection,
}

codes! {
    /// The file does not begin as a volume of bundle format 1, or its version is not known to this program.
    ///
    /// Check that this is the volume that the exporter wrote, and that it was copied whole. A newer format needs a newer sealift.
    UnknownFormat = "unknown-format" in Container;
    /// Something that has to be read before the signature is checked is larger than the limit for it.
    ///
    /// No real bundle is that large. Treat the medium as hostile, or copy it again if it may be damaged.
    PreauthLimitExceeded = "preauth-limit-exceeded" in Container;
    /// The volume's bytes are not exactly those that the signed catalog determines: a header, padding, order or the end differs.
    ///
    /// sealift computes each tar header and compares it; nothing is parsed or extracted. Copy the volume again; if it is refused again, keep the medium and tell your security officer.
    ContainerNotExact = "container-not-exact" in Container;
    /// A signed document is not in strict JSON or does not fit its schema: duplicate key, unknown field, float, depth, or a value out of range.
    ///
    /// The signer's program wrote something that this version does not accept. Use a release of sealift that knows it, or ask the signer to make it again.
    JsonNotStrict = "json-not-strict" in Container;
    /// A length is larger than declared or than the limit allows.
    ///
    /// The limits are in `bundle-spec/limits.md`. A frame that expands further than its signed size is cut off at that size and refused.
    SizeExceeded = "size-exceeded" in Container;
    /// A name cannot safely become a path or does not fit its ecosystem's grammar.
    ///
    /// Names in the repository are computed from ecosystem, name, version and file name; this one holds what no such name may hold.
    UnsafeName = "unsafe-name" in Container;
    /// Two artifacts want the same path, or paths that differ only in upper and lower case.
    ///
    /// On a file system that does not tell case apart one would replace the other. Leave one of them out of the selection.
    NameCollision = "name-collision" in Container;
    /// A link, device, pipe or socket stands where a plain file must be.
    ///
    /// sealift reads plain files only, and never follows a link on the medium.
    SpecialFile = "special-file" in Container;

    /// Bytes do not have the digest that is listed for them.
    ///
    /// A single wrong object usually means a bad copy: copy the volume again from the sending side. If it stays wrong, the volume was changed after it was signed.
    DigestMismatch = "digest-mismatch" in Integrity;
    /// An object, segment or volume that the signed manifest or catalog names is not there.
    ///
    /// The volume was cut off, or a volume of the set is still missing. Copy it again, or bring the missing volume.
    ObjectMissing = "object-missing" in Integrity;
    /// The catalog names an object that it does not list.
    ///
    /// The exporter wrote a catalog that contradicts itself. Export again with a current sealift.
    ObjectNotListed = "object-not-listed" in Integrity;
    /// The medium gave other bytes or another length than a moment before.
    ///
    /// A medium that changes while it is read is broken or hostile. Use another one.
    MediumChanged = "medium-changed" in Integrity;

    /// No valid signature of enough persons with the role `export` is on the manifest.
    ///
    /// The key is unknown here, does not have the role, or the signature does not fit the bytes. Compare key fingerprints with the exporter by another way than the medium.
    ExportSignatureInvalid = "export-signature-invalid" in Authenticity;
    /// The root asks for approvals of other persons, and not enough valid ones came with the bundle.
    ///
    /// Have an approver run `sealift approve` on the sending side, and bring the approval beside the volumes.
    ApprovalsMissing = "approvals-missing" in Authenticity;
    /// One person would act in two roles that must be separate.
    ///
    /// Exporter and approver must be different persons, and whoever countersigns a report neither signed it nor exported its bundle. Another approver has to
    /// sign.
    RolesNotSeparate = "roles-not-separate" in Authenticity;
    /// A key or its algorithm may not be used: small-order, non-canonical, of unknown type or malformed.
    ///
    /// Make a new key with `sealift key new` and enrol that one.
    KeyNotAllowed = "key-not-allowed" in Authenticity;
    /// A key that this site has revoked signed the bundle.
    ///
    /// Keep the medium, and tell whoever answers for the site's security: a revoked key that still signs is an alarm. The exporter signs again with another key.
    KeyRevoked = "key-revoked" in Authenticity;
    /// A signed document of one kind stands where another kind belongs.
    ///
    /// Each kind of document has its own payload type, so a signature on one can never serve for another.
    WrongDocumentKind = "wrong-document-kind" in Authenticity;
    /// Not enough persons with the document's role have signed it.
    ///
    /// A valid signature by a key of another role does not count. `sealift root show` prints who has which role.
    KeyNotInRole = "key-not-in-role" in Authenticity;

    /// This very bundle has been imported already; nothing changed.
    AlreadyImported = "already-imported" in Order;
    /// The bundle's sequence number, or its stream's epoch, is lower than what was imported last.
    ///
    /// An old bundle never replaces a newer one. Use `sealift rollback` to go back to an earlier generation on purpose.
    Rollback = "rollback" in Order;
    /// A bundle with this number was imported before, and this one has other content.
    ///
    /// Two bundles with one number mean a copied exporter or an attack. Keep both media and ask the exporter.
    SequenceReused = "sequence-reused" in Order;
    /// Bundles between the last imported one and this one are missing, and this one does not stand alone or the site refuses gaps.
    ///
    /// Import the missing bundles first, or have the exporter make a self-contained bundle.
    SequenceGap = "sequence-gap" in Order;
    /// The bundle builds on another one that this enclave does not hold.
    ///
    /// Import the named base first, or export without a base.
    BaseMissing = "base-missing" in Order;
    /// The bundle's time to live has passed.
    ///
    /// Export again; or have the exporter sign a new manifest over the same objects.
    BundleExpired = "bundle-expired" in Order;
    /// The clock shows an earlier time than one that this enclave has already seen proven.
    ///
    /// Set the clock. The message says what the known time is and which document set it.
    ClockBehind = "clock-behind" in Order;
    /// The bundle claims to be made in the future.
    ///
    /// Compare the clocks of both sides.
    TimeImplausible = "time-implausible" in Order;
    /// The bundle was made for another enclave.
    ///
    /// The message names the recipients. Bring it there, or export for this enclave.
    WrongEnclave = "wrong-enclave" in Order;
    /// This site's revocations name this very bundle as void.
    ///
    /// A bundle is voided when its medium was lost, or its content found to be wrong. Destroy the medium; the exporter makes a new bundle.
    BundleVoided = "bundle-voided" in Order;
    /// The sequence number is further ahead than any real gap.
    ///
    /// A stolen key could otherwise use up all numbers. A new epoch in the root starts the numbers again.
    SequenceJump = "sequence-jump" in Order;
    /// Revocations or advisories that travel with the bundle were too old when it was made, or are missing.
    ///
    /// Fetch them anew on the sending side, and export again.
    SideDataStale = "side-data-stale" in Order;

    /// A root does not follow from the pinned one with both thresholds of signatures.
    ///
    /// The rotation has to be signed by enough persons of the old and of the new root.
    RootChainBroken = "root-chain-broken" in Trust;
    /// A root skips a version or goes back.
    ///
    /// Roots follow one by one. Bring the versions between.
    TrustVersionOutOfOrder = "trust-version-out-of-order" in Trust;
    /// A root's thresholds, keys or persons cannot work: zero, more than there are persons, one key twice, or under the profile's floor.
    ///
    /// Write the root again; `sealift root show` prints what it says.
    ThresholdInvalid = "threshold-invalid" in Trust;
    /// The root has expired, so nothing signed under it is accepted.
    ///
    /// Rotate to a new root with `sealift root`.
    RootExpired = "root-expired" in Trust;
    /// The root is not the one whose fingerprint was given.
    ///
    /// Compare the fingerprint or words with a person on the other side by another way than the medium.
    NotRootedInPin = "not-rooted-in-pin" in Trust;

    /// The artifact's content is not what its name says: another package, another version, or not a readable archive.
    ArtifactMalformed = "artifact-malformed" in Evidence;
    /// The enclave holds this version with other bytes; a version never changes.
    ///
    /// Ask upstream which one is genuine before anything else.
    VersionBytesDiffer = "version-bytes-differ" in Evidence;
    /// Advisories, popular names or lines of VEX documents that travel with the bundle cannot be read: none of them is skipped, so the bundle is refused.
    ///
    /// A record that nobody can judge may be the one that names a malicious version. Fetch them anew on the sending side, and export again.
    SideDataMalformed = "side-data-malformed" in Evidence;
    /// The policy cannot be read, contradicts itself, or says something that no policy may say.
    ///
    /// The message names the place in the file; `bundle-spec/policy.md` says what may stand there. `sealift policy check FILE` tries it.
    PolicyMalformed = "policy-malformed" in Evidence;
    /// The policy names nothing of this ecosystem, and what it does not name is not admitted.
    ///
    /// Add the ecosystem to the policy, with the evidence that its artifacts must have, and have the policy signed again.
    NoRuleMatches = "no-rule-matches" in Evidence;
    /// The name is one that this site uses itself, so nothing of that name may come from outside.
    ///
    /// Somebody may have put a package of your name on a public registry (dependency confusion). Find out who asked for it. No waiver covers this.
    InternalName = "internal-name" in Evidence;
    /// The policy's deny list names this artifact.
    ///
    /// The message gives the list's reason. Take another version.
    Denylisted = "denylisted" in Evidence;
    /// An advisory says that this very version is malicious.
    ///
    /// Do not open it. Look where else it has been installed, and tell your security officer.
    KnownMalicious = "known-malicious" in Evidence;
    /// A proof was checked and is wrong, or what it rests on was not good when it was signed.
    ///
    /// No other proof makes up for a wrong one. Fetch artifact and proof again, and compare; if it stays wrong, ask the publisher. A waiver lifts it only where
    /// the proof's age, strength or form is at fault (`bundle-spec/policy.md` §5).
    EvidenceInvalid = "evidence-invalid" in Evidence;
    /// The artifact is revoked, or a key, certificate or identity on which a proof of it rests.
    ///
    /// No waiver covers this. Keep it out, and look where else it has been installed: `sealift where --key ID` lists what rests on a key.
    Revoked = "revoked" in Evidence;
    /// It is well signed, by somebody else than the policy or a pinned anchor names.
    ///
    /// Ask the publisher by another way who signs. Only then change the policy's rule or the anchor.
    IdentityMismatch = "identity-mismatch" in Evidence;
    /// Earlier versions of this name were signed by another publisher, whom this enclave has pinned since.
    ///
    /// Projects are sold and taken over. Find out what happened; a publisher's rule in the policy pins the new one.
    PublisherChanged = "publisher-changed" in Evidence;
    /// The policy's rule about this publisher has run out, so nobody is trusted by it.
    ///
    /// Look at the rule again, and give it a new end date.
    PublisherTrustEnded = "publisher-trust-ended" in Evidence;
    /// The proofs do not reach the level that the policy asks for.
    ///
    /// `sealift policy explain` shows which rule asks for it. Bring the missing proof, pin the anchor that it needs, or have two persons sign a waiver.
    EvidenceTooLow = "evidence-too-low" in Evidence;
    /// An earlier version of this name was accepted with better evidence than this one has.
    ///
    /// A stripped proof looks like this. Find out whether the publisher has stopped signing.
    EvidenceDowngraded = "evidence-downgraded" in Evidence;
    /// An advisory says that this version is vulnerable.
    ///
    /// Take a version that the advisory names as fixed.
    KnownVulnerable = "known-vulnerable" in Evidence;
    /// Its licence is not one that the policy allows, or nobody says what it is.
    LicenceNotAllowed = "licence-not-allowed" in Evidence;
    /// It was published too short a time ago, or nobody says when.
    ///
    /// Most hijacked versions are found within days. Export again later; a version that an advisory names as the fix does not wait.
    TooNew = "too-new" in Evidence;
    /// It was published so long ago that the policy wants somebody to look.
    TooOld = "too-old" in Evidence;
    /// This enclave has never held anything of this name.
    ///
    /// Names that programs invent and people mistype come in here. Look at the project's page, its age and its source before you admit it.
    FirstSeenName = "first-seen-name" in Evidence;
    /// The name looks like another that is popular or already here.
    ///
    /// Compare the two letter by letter. If it is the one that is meant, record that in a review.
    SimilarName = "similar-name" in Evidence;
    /// A scan that the policy asks for was not made, not wholly, or with definitions that were too old.
    ///
    /// The enclave's `scanners.yaml` says which scanners are run; `bundle-spec/policy.md` §9 has an example. A scanner that fails or breaks off has scanned nothing.
    ScanMissing = "scan-missing" in Evidence;
    /// A scanner reported something.
    ///
    /// Do not open it. If it is a false alarm, two persons may sign a waiver for exactly these bytes.
    ScanPositive = "scan-positive" in Evidence;
    /// The policy leaves it to a person, and no person's signed decision is here.
    ///
    /// `sealift review list` shows what waits, and why. It never passes by waiting.
    ReviewNeeded = "review-needed" in Evidence;
    /// A person who may decide has rejected it.
    ///
    /// The message gives the reason. Leave the artifact out, or talk to the person.
    ReviewRejected = "review-rejected" in Evidence;
    /// A waiver for this artifact has run out, runs too long, or names too few persons, or persons who have not signed the policy: it does not count.
    ///
    /// Write it anew in the policy, for at most 90 days and with two persons who sign that policy, or take it out.
    WaiverInvalid = "waiver-invalid" in Evidence;
    /// Nothing in the export's plan asked for this artifact.
    ///
    /// Ask the exporter why it is in the bundle.
    NotInPlan = "not-in-plan" in Evidence;
    /// Something in the bundle needs an artifact that is neither in it nor in the enclave.
    ///
    /// Export again from a whole lockfile.
    IncompleteClosure = "incomplete-closure" in Evidence;

    /// Records of the chain of custody do not follow one another: one is missing, was changed, was put elsewhere, or has an impossible time.
    ///
    /// `sealift custody show` names the record. Ask both sides for the records that they signed, and find out who had the medium in between.
    CustodyChainBroken = "custody-chain-broken" in Evidence;
    /// A record of the chain of custody counts for nothing: nobody whom the root knows has signed it, it is about another bundle, or it is no record.
    ///
    /// It is shown, and decides nothing. A courier's key counts once the root names it.
    CustodyRecordUnproven = "custody-record-unproven" in Evidence;
    /// The number of the seal on a medium is another one than before, or the seal was found broken.
    ///
    /// Keep medium and seal, and tell your security officer. Whoever opens a medium on its way records that with `sealift custody add --event opened`, and the new seal after it.
    CustodySealDiffers = "custody-seal-differs" in Evidence;
    /// A medium's serial number, or the digest of a whole volume, is another one than the chain of custody said before.
    ///
    /// The medium was exchanged, or somebody copied the volumes: such a copy is recorded with `sealift custody add --event written`.
    CustodyMediumDiffers = "custody-medium-differs" in Evidence;
    /// The chain of custody lacks what the policy asks for: an event, a seal on both sides, write protection, or a scan.
    ///
    /// `sealift custody show` prints what there is; have whoever did it sign a record with `sealift custody add`.
    CustodyIncomplete = "custody-incomplete" in Evidence;

    /// The enclave's log is not the one that a checkpoint or a report speaks of: leaves were cut off, changed or exchanged, or its tiles are damaged.
    ///
    /// A log only grows. Restore the enclave's folder from its own backup, compare it with the reports that were archived elsewhere (`sealift audit --report`), and find out who changed it.
    LogInconsistent = "log-inconsistent" in State;
    /// A file of the enclave is missing, is not what its records say, or should not be there.
    ///
    /// `sealift audit` names each such file. Restore them from the enclave's own backup, or take the last generation that is whole with `sealift rollback`; and find out who changed them.
    EnclaveDiffers = "enclave-differs" in State;
    /// A capsule, judged again by what was trusted and known then, does not come to what its report says.
    ///
    /// Either the report does not tell the truth, or this program judges otherwise than the one that wrote it. Compare with that version, named in the report, and ask the enclave for what differs.
    ReverifyDiffers = "reverify-differs" in State;
    /// A rendering is not what its report gives: somebody edited it, or another version of this program made it.
    ///
    /// The report counts, and no rendering does. Render it anew with `sealift report show`; if the versions differ, compare with the one that made it.
    RenderingDiffers = "rendering-differs" in State;
    /// The enclave's state is missing, older than the repository, or damaged.
    ///
    /// Restore the enclave's folder from its own backup.
    StateRolledBack = "state-rolled-back" in State;

    /// The import could not be published; the repository is as before.
    ///
    /// Nothing was changed. Mend what the message names (often disk space or rights) and import again.
    PublicationRolledBack = "publication-rolled-back" in Publication;

    /// A lockfile or a selection cannot be read.
    SelectionMalformed = "selection-malformed" in Selection;
    /// The selection names something that has no digest, so nobody could check it.
    ///
    /// Pin it with a hash: for pip `--hash`, for others the lockfile that the client writes.
    SelectionUnpinned = "selection-unpinned" in Selection;
    /// An artifact is neither in the caches nor in a folder, and no upstream serves it.
    ///
    /// Let the client fetch it first, add `--from FOLDER`, or name the upstream.
    ArtifactNotFound = "artifact-not-found" in Selection;
    /// The bytes at hand or from upstream do not have the digest that the lockfile states.
    ///
    /// A cache may be damaged, or upstream serves other bytes than when the lock was made. Find out which before exporting.
    LockDigestMismatch = "lock-digest-mismatch" in Selection;
    /// An upstream answered with an error, not at all, or not with what it should.
    ///
    /// Try again later; what was fetched stays in the cache.
    UpstreamFailed = "upstream-failed" in Selection;
    /// The objects do not fit into volumes of the size asked for.
    VolumeTooSmall = "volume-too-small" in Selection;
}

impl Code {
    /// Finds a code by its spelling.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_unique_and_kebab_case() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        for name in &names {
            assert!(
                name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{name}"
            );
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
