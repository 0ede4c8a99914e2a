-- How far the log has come: what stands here has happened, and nothing that lies in the log beyond it.
CREATE TABLE log (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    report INTEGER NOT NULL,
    report_digest BLOB
) STRICT;
