-- A page of changes with their documents, and the feed, in one snapshot.
-- $1 after this sequence  $2 at most so many  $3 octets of bodies, passed by at most one body
SELECT f.epoch, f.head, f.link AS head_link, to_micros(clock_timestamp()) AS now,
    pg_is_in_recovery() AS is_standby,
    coalesce((SELECT min(sequence) FROM changes), f.head + 1) AS floor,
    slot_sequence, slot_prev_link, slot_link,
    collection, id, version, sequence, prev_link, p.link, body::text AS body,
    to_micros(created_at) AS created_at, to_micros(updated_at) AS updated_at,
    to_micros(expires_at) AS expires_at
FROM feed f LEFT JOIN (
    SELECT c.*, d.version, d.sequence, d.prev_link, d.link, d.body, d.created_at, d.updated_at,
        d.expires_at,
        coalesce(sum(d.body_bytes) OVER (
            ORDER BY slot_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS bytes_before
    FROM (
        SELECT sequence AS slot_sequence, prev_link AS slot_prev_link, link AS slot_link,
            collection, id
        FROM changes WHERE sequence > $1 ORDER BY sequence LIMIT $2
    ) c
    -- With LIMIT: one look-up by key per change, never a join that reads the whole table. Without its
    -- document a change is unreadable: an error, not a hole.
    LEFT JOIN LATERAL (
        SELECT * FROM documents WHERE collection = c.collection AND id = c.id LIMIT 1
    ) d ON true
) p ON bytes_before < $3
ORDER BY slot_sequence
