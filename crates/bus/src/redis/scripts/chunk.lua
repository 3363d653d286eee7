-- Stores one chunk of a rebuild, in turn: lost writes are a suffix, so the counter exposes them.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 index of the chunk, 3 prefix of the buckets, then for each envelope
--       its bucket among 65,536, its key, itself
-- Gives a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'built', 'buckets')
if not meta[1] then
  return 'no_meta'
end
if meta[1] ~= ARGV[1] then
  return 'other_build'
end
if tonumber(meta[2]) ~= tonumber(ARGV[2]) then
  return 'chunk_lost'
end
local buckets = tonumber(meta[3])
for index = 4, #ARGV, 3 do
  if redis.call('HGET', bucket_key(ARGV[3], ARGV[index], buckets), '') ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'complete', '0')
    return 'bucket_lost'
  end
end

for index = 4, #ARGV, 3 do
  local bucket, key, envelope = bucket_key(ARGV[3], ARGV[index], buckets), ARGV[index + 1], ARGV[index + 2]
  local held = redis.call('HGET', bucket, key)
  if not held or sequence_of(held) < sequence_of(envelope) then
    redis.call('HSET', bucket, key, envelope)
  end
end
redis.call('HSET', KEYS[1], 'built', digits(tonumber(ARGV[2]) + 1))
return 'ok'
