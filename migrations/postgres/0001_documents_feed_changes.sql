-- The truth: documents, the one feed row that orders all writes, and the log of changes.

-- Timestamps cross the client as microseconds since 1970, exact in both directions. STABLE, not
-- IMMUTABLE, because what they call is: only so are they inlined.
CREATE FUNCTION to_micros(timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT
    AS $$ SELECT (extract(epoch FROM $1) * 1000000)::bigint $$;
CREATE FUNCTION from_micros(bigint) RETURNS timestamptz LANGUAGE sql STABLE STRICT
    AS $$ SELECT 'epoch'::timestamptz
        + interval '1 second' * ($1 / 1000000) + interval '1 microsecond' * ($1 % 1000000) $$;

-- Keys sort by octets ("C"), as they do in the program.
CREATE TABLE documents (
    collection  text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    version     bigint NOT NULL CHECK (version > 0),
    -- Sequence and links of the last change; the epoch is the feed's.
    sequence    bigint NOT NULL CHECK (sequence > 0),
    prev_link   bigint NOT NULL,
    link        bigint NOT NULL,
    -- json keeps its text; jsonb would reorder members and round numbers. NULL in a tombstone.
    body        json,
    -- Octets of the body's text: pages are bounded by it without reading bodies.
    body_bytes  integer NOT NULL CHECK (body_bytes >= 0),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    deleted_at  timestamptz,
    PRIMARY KEY (collection, id),
    CHECK ((body IS NULL) = (deleted_at IS NOT NULL))
);
-- Finds what has expired.
CREATE INDEX documents_expires_at ON documents (expires_at) WHERE expires_at IS NOT NULL;
-- Finds tombstones that may go.
CREATE INDEX documents_tombstones ON documents (sequence) WHERE deleted_at IS NOT NULL;

-- The log: gapless from its lowest row up to feed.head.
CREATE TABLE changes (
    sequence        bigint PRIMARY KEY CHECK (sequence > 0),
    collection      text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    version         bigint NOT NULL,
    prev_link       bigint NOT NULL,
    link            bigint NOT NULL,
    at              timestamptz NOT NULL,
    -- Reserved for writes that clients may repeat.
    idempotency_key text
);

-- One row. Every write transaction locks it first, so sequence order is commit order.
CREATE TABLE feed (
    one               smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    -- Microseconds since 1970 at its making; at most 2^53 - 1, which a double represents exactly.
    epoch             bigint NOT NULL CHECK (epoch BETWEEN 1 AND 9007199254740991),
    head              bigint NOT NULL CHECK (head BETWEEN 0 AND 9007199254740991),
    -- 64 random bits, as a signed number; 0 before the first change.
    link              bigint NOT NULL,
    term              bigint NOT NULL CHECK (term >= 0),
    -- Which database this history was written in.
    system_identifier bigint NOT NULL,
    timeline          bigint NOT NULL
) WITH (fillfactor = 10); -- updated by every batch: room for many versions in its one page

INSERT INTO feed (epoch, head, link, term, system_identifier, timeline)
SELECT to_micros(clock_timestamp()), 0, 0, 0,
    (SELECT system_identifier FROM pg_control_system()),
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint;

-- For people with psql.
CREATE VIEW posts AS
SELECT id, body ->> 'title' AS title, body ->> 'content' AS content, body ->> 'author' AS author
FROM documents
WHERE collection = 'posts' AND deleted_at IS NULL;
