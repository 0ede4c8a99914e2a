CREATE TABLE bundles (
    id INTEGER PRIMARY KEY,
    manifest BLOB NOT NULL UNIQUE,
    stream TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    created INTEGER NOT NULL,
    imported INTEGER NOT NULL,
    root_version INTEGER NOT NULL,
    signers TEXT NOT NULL,
    UNIQUE (stream, epoch, sequence)
) STRICT;

CREATE TABLE streams (
    stream TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    manifest BLOB NOT NULL
) STRICT;

-- Everything in the store that a bundle brought or that was derived from it; what is not here and not in a
-- generation may be swept.
CREATE TABLE objects (
    digest BLOB PRIMARY KEY,
    size INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE names (
    id INTEGER PRIMARY KEY,
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    -- What two names that clients or file systems could take for one have in common.
    key TEXT NOT NULL,
    UNIQUE (ecosystem, name),
    UNIQUE (ecosystem, key)
) STRICT;

CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,
    name INTEGER NOT NULL REFERENCES names,
    version TEXT NOT NULL,
    file TEXT NOT NULL,
    digest BLOB NOT NULL,
    origin TEXT NOT NULL,
    reason TEXT NOT NULL,
    first_bundle INTEGER NOT NULL REFERENCES bundles,
    last_bundle INTEGER NOT NULL REFERENCES bundles,
    proofs TEXT NOT NULL,
    facts TEXT NOT NULL,
    derived TEXT NOT NULL,
    UNIQUE (name, version, file)
) STRICT;

CREATE INDEX artifacts_digest ON artifacts (digest);

-- In which generations clients find an artifact: from `since` until before `until`. A rollback closes and reopens.
CREATE TABLE presence (
    artifact INTEGER NOT NULL REFERENCES artifacts,
    since INTEGER NOT NULL,
    until INTEGER,
    PRIMARY KEY (artifact, since)
) STRICT, WITHOUT ROWID;

CREATE TABLE documents (
    name INTEGER NOT NULL REFERENCES names,
    kind TEXT NOT NULL,
    digest BLOB NOT NULL,
    origin TEXT NOT NULL,
    bundle INTEGER NOT NULL REFERENCES bundles,
    PRIMARY KEY (name, kind, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX documents_digest ON documents (digest);

CREATE TABLE generations (
    number INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    bundle INTEGER REFERENCES bundles,
    time INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- Every path that a kept generation may show. `key` folds case; `path` is NULL where it is the key.
CREATE TABLE paths (
    key TEXT PRIMARY KEY,
    path TEXT,
    name INTEGER NOT NULL REFERENCES names
) STRICT, WITHOUT ROWID;

CREATE TABLE known_time (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    time INTEGER NOT NULL,
    source TEXT NOT NULL
) STRICT;

-- Volumes of bundles that have not come whole yet.
CREATE TABLE volumes (
    manifest BLOB NOT NULL,
    volume INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (manifest, volume)
) STRICT, WITHOUT ROWID;
