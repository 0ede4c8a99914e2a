-- What the proofs of an artifact came to when they were last judged. Artifacts without findings have no row.
CREATE TABLE judgements (
    artifact INTEGER PRIMARY KEY REFERENCES artifacts,
    level INTEGER NOT NULL,
    findings TEXT NOT NULL,
    decision TEXT NOT NULL,
    judged INTEGER NOT NULL
) STRICT;

-- Which keys, certificates, identities and anchors the confirmed findings of an artifact rest on.
CREATE TABLE rests_on (
    key TEXT NOT NULL,
    artifact INTEGER NOT NULL REFERENCES artifacts,
    PRIMARY KEY (key, artifact)
) STRICT, WITHOUT ROWID;

CREATE INDEX rests_on_artifact ON rests_on (artifact);

-- The highest level that an accepted artifact of a name ever reached: it never falls.
CREATE TABLE floors (
    name INTEGER PRIMARY KEY REFERENCES names,
    level INTEGER NOT NULL
) STRICT;

-- Who signed the artifacts of a name that were accepted, as JSON of the signer, and since which bundle.
CREATE TABLE signers (
    name INTEGER NOT NULL REFERENCES names,
    signer TEXT NOT NULL,
    bundle INTEGER NOT NULL REFERENCES bundles,
    PRIMARY KEY (name, signer)
) STRICT, WITHOUT ROWID;

-- The newest version of each document that ever stood here, so that an older one put back is found.
CREATE TABLE standing (
    kind TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;
