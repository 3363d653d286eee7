-- A page of changes with their documents, and the feed, in one snapshot. Bodies are joined last, so
-- that only those of this page are read.
-- ?1 after this sequence  ?2 at most so many  ?3 octets of bodies, passed by at most one body
SELECT f.epoch, f.head, f.link AS head_link,
    CAST(round(unixepoch('subsec') * 1000) AS INTEGER) * 1000 AS now,
    coalesce((SELECT min(sequence) FROM changes), f.head + 1) AS floor,
    slot_sequence, slot_prev_link, slot_link,
    d.collection, d.id, d.version, d.sequence, d.prev_link, d.link, d.body, d.created_at,
    d.updated_at, d.expires_at
FROM feed f
LEFT JOIN (
    SELECT c.*, coalesce(sum(body_bytes) OVER (
        ORDER BY slot_sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS bytes_before
    FROM (
        SELECT sequence AS slot_sequence, prev_link AS slot_prev_link, link AS slot_link,
            collection, id
        FROM changes WHERE sequence > ?1 ORDER BY sequence LIMIT ?2
    ) c
    LEFT JOIN documents USING (collection, id)
) p ON bytes_before < ?3
-- Without its document a change is unreadable: an error, not a hole.
LEFT JOIN documents d ON d.collection = p.collection AND d.id = p.id
ORDER BY slot_sequence
