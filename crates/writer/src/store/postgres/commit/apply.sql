-- Judges a batch, and applies and logs what holds, in one statement: bodies travel once, and none
-- travels back. Runs under the feed lock, so nothing changes between judging and applying.
--
-- $1 collections  $2 ids  $3 bodies (NULL deletes)  $4 expiry in microseconds (NULL: none)
-- $5 precondition (NULL: none, 0: absent, else the version)  $6 links  $7 head  $8 link at the head
WITH moment AS MATERIALIZED (
    SELECT clock_timestamp() AS now
),
item AS (
    SELECT collection, id, body, from_micros(expires) AS expires_at, required, link, place
    FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
        WITH ORDINALITY AS i (collection, id, body, expires, required, link, place)
),
judged AS (
    SELECT i.*, d.version AS version_before, d.sequence AS sequence_before, d.created_at,
        l.is_live,
        CASE
            WHEN i.required = 0 AND l.is_live THEN 'failed'
            WHEN i.required > 0
                AND (d.version IS DISTINCT FROM i.required OR NOT l.is_live) THEN 'failed'
            WHEN NOT l.is_live THEN CASE WHEN i.body IS NULL THEN 'not found' ELSE 'created' END
            WHEN i.body IS NULL THEN 'deleted'
            WHEN octet_length(i.body) = d.body_bytes AND i.body = d.body::text
                AND i.expires_at IS NOT DISTINCT FROM d.expires_at THEN 'unchanged'
            ELSE 'updated'
        END AS verdict
    FROM item i LEFT JOIN LATERAL (
        -- With LIMIT: one look-up by key per item, never a join that reads the whole table.
        SELECT * FROM documents WHERE collection = i.collection AND id = i.id LIMIT 1
    ) d ON true
    CROSS JOIN moment
    -- An expired document is there only for those that name its version.
    CROSS JOIN LATERAL (
        SELECT d.version IS NOT NULL AND d.deleted_at IS NULL
            AND (d.expires_at IS NULL OR d.expires_at > now OR coalesce(i.required, 0) > 0)
            AS is_live
    ) l
),
numbered AS MATERIALIZED (
    SELECT *,
        CASE WHEN is_change THEN $7::bigint + row_number() OVER changes ELSE sequence_before END
            AS sequence,
        CASE WHEN is_change THEN coalesce(version_before, 0) + 1 ELSE version_before END
            AS version,
        lag(link, 1, $8::bigint) OVER changes AS prev_link
    FROM (
        SELECT *, verdict IN ('created', 'updated', 'deleted') AS is_change FROM judged
    ) j
    -- Those that change nothing form a partition of their own, whose numbers are not used.
    WINDOW changes AS (PARTITION BY is_change ORDER BY place)
),
stored AS (
    INSERT INTO documents AS d (
        collection, id, version, sequence, prev_link, link, body, body_bytes,
        created_at, updated_at, expires_at, deleted_at
    )
    SELECT collection, id, version, sequence, prev_link, link, body::json,
        coalesce(octet_length(body), 0),
        CASE WHEN is_live THEN created_at ELSE now END, now, expires_at,
        CASE WHEN body IS NULL THEN now END
    FROM numbered, moment WHERE is_change
    ON CONFLICT (collection, id) DO UPDATE SET
        version = excluded.version, sequence = excluded.sequence,
        prev_link = excluded.prev_link, link = excluded.link,
        body = excluded.body, body_bytes = excluded.body_bytes,
        created_at = excluded.created_at, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at, deleted_at = excluded.deleted_at
),
logged AS (
    INSERT INTO changes (sequence, collection, id, version, prev_link, link, at)
    SELECT sequence, collection, id, version, prev_link, link, now
    FROM numbered, moment WHERE is_change
),
advanced AS (
    UPDATE feed SET head = last.sequence, link = last.link
    FROM (
        SELECT sequence, link FROM numbered WHERE is_change ORDER BY sequence DESC LIMIT 1
    ) AS last
)
SELECT verdict, to_micros(now) AS now, version, sequence, prev_link, link
FROM numbered, moment
ORDER BY place
