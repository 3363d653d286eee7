-- A follower says that a bucket lacks its mark: looks, and clears complete if it is so.
--
-- The bucket is no KEY: to have one there, a reader would need the right to write to it.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 index of the bucket, 3 the bucket's key
-- Gives a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'buckets')
if meta[1] == ARGV[1] and tonumber(ARGV[2]) < tonumber(meta[2])
  and redis.call('HGET', ARGV[3], '') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'complete', '0')
end
return 'ok'
