-- Removes tombstones by compare-and-delete, only at or below log_from and only while complete:
-- a follower that still needs one would have to hydrate in any case.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 term, 3 prefix of the buckets, then for each tombstone its bucket among 65,536,
--       its key, its sequence
-- Gives the number removed, or a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'term', 'buckets', 'log_from', 'complete')
if not meta[1] then
  return 'no_meta'
end
if meta[1] ~= ARGV[1] then
  return 'other_build'
end
if tonumber(ARGV[2]) < tonumber(meta[2]) then
  return 'old_term'
end
if meta[5] ~= '1' then
  return 0
end
local buckets, log_from = tonumber(meta[3]), tonumber(meta[4])
for index = 4, #ARGV, 3 do
  if redis.call('HGET', bucket_key(ARGV[3], ARGV[index], buckets), '') ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'complete', '0')
    return 'bucket_lost'
  end
end

-- Here HDEL comes before HSET, so that purging goes on with no memory left. The term is refused
-- then only where nothing was removed, which is all that mend.lua relies on.
local purged = 0
for index = 4, #ARGV, 3 do
  local bucket, key = bucket_key(ARGV[3], ARGV[index], buckets), ARGV[index + 1]
  local sequence = tonumber(ARGV[index + 2])
  local held = redis.call('HGET', bucket, key)
  if held and sequence <= log_from and sequence_of(held) == sequence then
    redis.call('HDEL', bucket, key)
    purged = purged + 1
  end
end
redis.call('HSET', KEYS[1], 'term', ARGV[2])
return purged
