-- What clients were answered whose writes came with an Idempotency-Key: written in the transaction
-- of the write, kept for a day. A retry is answered from here.
CREATE TABLE receipts (
    -- blake3 over who asked, the route and the key.
    key         bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    -- blake3 over what was asked: another request under the same key is refused.
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    collection  text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    is_created  boolean NOT NULL,
    version     bigint NOT NULL,
    epoch       bigint NOT NULL,
    sequence    bigint NOT NULL,
    tag         bytea NOT NULL CHECK (octet_length(tag) = 16),
    at          timestamptz NOT NULL
);
-- Finds those that may go.
CREATE INDEX receipts_at ON receipts (at);
