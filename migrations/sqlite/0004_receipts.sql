-- See migrations/postgres for what the columns mean.
CREATE TABLE receipts (
    key         BLOB PRIMARY KEY CHECK (length(key) = 32),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    collection  TEXT NOT NULL,
    id          TEXT NOT NULL,
    is_created  INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    tag         BLOB NOT NULL CHECK (length(tag) = 16),
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX receipts_at ON receipts (at);
