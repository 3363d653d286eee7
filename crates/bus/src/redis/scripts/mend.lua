-- Corrects documents of the snapshot without a slot: for the leader, which compared it with the
-- database.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 term, 3 prefix of the buckets, then for each envelope its bucket among 65,536,
--       its key, itself
-- Gives the number stored, or a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'term', 'buckets')
if not meta[1] then
  return 'no_meta'
end
if meta[1] ~= ARGV[1] then
  return 'other_build'
end
-- A leader that froze before it mended may hold documents that were deleted since, and whose
-- tombstones its successor has purged. The successor's term is here then.
if tonumber(ARGV[2]) < tonumber(meta[2]) then
  return 'old_term'
end
local buckets = tonumber(meta[3])
for index = 4, #ARGV, 3 do
  if redis.call('HGET', bucket_key(ARGV[3], ARGV[index], buckets), '') ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'complete', '0')
    return 'bucket_lost'
  end
end

redis.call('HSET', KEYS[1], 'term', ARGV[2])
local mended = 0
for index = 4, #ARGV, 3 do
  local bucket, key, envelope = bucket_key(ARGV[3], ARGV[index], buckets), ARGV[index + 1], ARGV[index + 2]
  local held = redis.call('HGET', bucket, key)
  if not held or (held ~= envelope and sequence_of(held) <= sequence_of(envelope)) then
    redis.call('HSET', bucket, key, envelope)
    mended = mended + 1
  end
end
return mended
