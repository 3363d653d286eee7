-- A page of documents and tombstones by key, and the epoch, in one snapshot. Bodies are joined
-- last, so that only those of this page are read.
-- ?1 ?2 after this collection and id  ?3 at most so many  ?4 octets of bodies, passed by at most one
SELECT f.epoch, coalesce(found, 0) AS found,
    d.collection, d.id, d.version, d.sequence, d.prev_link, d.link, d.body, d.created_at,
    d.updated_at, d.expires_at
FROM feed f
LEFT JOIN (
    SELECT collection, id, row_number() OVER (ORDER BY collection, id) AS place,
        count(*) OVER () AS found,
        coalesce(sum(body_bytes) OVER (
            ORDER BY collection, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS bytes_before
    FROM (
        -- One more than asked for tells whether this page is the last.
        SELECT collection, id, body_bytes FROM documents WHERE (collection, id) > (?1, ?2)
        ORDER BY collection, id LIMIT ?3 + 1
    )
) p ON place <= ?3 AND bytes_before < ?4
LEFT JOIN documents d ON d.collection = p.collection AND d.id = p.id
ORDER BY d.collection, d.id
