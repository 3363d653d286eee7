-- The truth of the embedded mode; see migrations/postgres for what the columns mean. Timestamps
-- are microseconds since 1970.

CREATE TABLE documents (
    collection  TEXT NOT NULL,
    id          TEXT NOT NULL,
    version     INTEGER NOT NULL CHECK (version > 0),
    sequence    INTEGER NOT NULL CHECK (sequence > 0),
    prev_link   INTEGER NOT NULL,
    link        INTEGER NOT NULL,
    body        TEXT CHECK (json_valid(body)),
    body_bytes  INTEGER NOT NULL CHECK (body_bytes >= 0),
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    deleted_at  INTEGER,
    PRIMARY KEY (collection, id),
    CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
) STRICT;
CREATE INDEX documents_expires_at ON documents (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX documents_tombstones ON documents (sequence) WHERE deleted_at IS NOT NULL;

CREATE TABLE changes (
    sequence        INTEGER PRIMARY KEY CHECK (sequence > 0),
    collection      TEXT NOT NULL,
    id              TEXT NOT NULL,
    version         INTEGER NOT NULL,
    prev_link       INTEGER NOT NULL,
    link            INTEGER NOT NULL,
    at              INTEGER NOT NULL,
    idempotency_key TEXT
) STRICT;

CREATE TABLE feed (
    one   INTEGER PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    epoch INTEGER NOT NULL CHECK (epoch BETWEEN 1 AND 9007199254740991),
    head  INTEGER NOT NULL CHECK (head BETWEEN 0 AND 9007199254740991),
    link  INTEGER NOT NULL,
    term  INTEGER NOT NULL CHECK (term >= 0)
) STRICT;

-- SQLite's clock counts milliseconds.
INSERT INTO feed (epoch, head, link, term)
VALUES (CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000, 0, 0, 0);

CREATE VIEW posts AS
SELECT id, body ->> '$.title' AS title, body ->> '$.content' AS content, body ->> '$.author' AS author
FROM documents
WHERE collection = 'posts' AND deleted_at IS NULL;
