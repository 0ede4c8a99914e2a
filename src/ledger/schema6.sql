-- What persons and the enclave have signed about the enclave's own records, in the order of the log.
CREATE TABLE statements (
    number INTEGER PRIMARY KEY,
    what TEXT NOT NULL,
    digest BLOB NOT NULL,
    time INTEGER NOT NULL
) STRICT;

-- Objects that were removed because their time was over, by the statement that says so. One that comes again is here no more.
CREATE TABLE pruned (
    digest BLOB PRIMARY KEY,
    statement INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
