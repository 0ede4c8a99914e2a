-- The keys that signed a bundle's manifest, so that what a lost key brought is found.
CREATE TABLE export_keys (
    key TEXT NOT NULL,
    bundle INTEGER NOT NULL REFERENCES bundles,
    PRIMARY KEY (key, bundle)
) STRICT, WITHOUT ROWID;

CREATE INDEX export_keys_bundle ON export_keys (bundle);
