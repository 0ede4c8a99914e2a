-- The newest signed state of each upstream that an accepted proof showed: a log's tree, a repository's metadata, an index. It only moves
-- forward; `mark` is NULL where the place says all, and `exported` is when the bundle was made that showed it.
CREATE TABLE upstream_states (
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    place INTEGER NOT NULL,
    mark TEXT,
    exported INTEGER NOT NULL,
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
