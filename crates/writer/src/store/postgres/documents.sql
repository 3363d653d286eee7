-- A page of documents and tombstones by key, and the epoch, in one snapshot.
-- $1 $2 after this collection and id  $3 at most so many  $4 octets of bodies, passed by at most one
SELECT f.epoch, coalesce(found, 0) AS found,
    collection, id, version, sequence, prev_link, p.link, body::text AS body,
    to_micros(created_at) AS created_at, to_micros(updated_at) AS updated_at,
    to_micros(expires_at) AS expires_at
FROM feed f LEFT JOIN (
    SELECT d.*, row_number() OVER (ORDER BY collection, id) AS place, count(*) OVER () AS found,
        coalesce(sum(body_bytes) OVER (
            ORDER BY collection, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS bytes_before
    FROM (
        -- One more than asked for tells whether this page is the last.
        SELECT * FROM documents WHERE (collection, id) > ($1, $2)
        ORDER BY collection, id LIMIT $3 + 1
    ) d
) p ON place <= $3 AND bytes_before < $4
ORDER BY collection, id
