-- A follower says that a bucket lacks its mark: looks, and clears complete if it is so.
--
-- KEYS: 1 meta, 2 bucket
-- ARGV: 1 build, 2 index of the bucket
-- Gives a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'buckets')
if meta[1] == ARGV[1] and tonumber(ARGV[2]) < tonumber(meta[2])
  and redis.call('HGET', KEYS[2], '') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'complete', '0')
end
return 'ok'
