-- Starts a rebuild: a new, empty snapshot. The keys of earlier builds are dropped afterwards, at
-- a pace (drop.lua).
--
-- KEYS: 1 meta, 2 pending of the new build
-- ARGV: 1 term, 2 epoch, 3 build, 4 head, 5 link, 6 buckets, 7 prefix of the buckets
-- Gives a word.
local meta = redis.call('HMGET', KEYS[1], 'term', 'epoch')
if meta[1] and tonumber(ARGV[1]) < tonumber(meta[1]) then
  return 'old_term'
end
if meta[2] and tonumber(ARGV[2]) < tonumber(meta[2]) then
  return 'other_epoch'
end

-- The first effect is one that Redis allows with no memory left, so that a rebuild can always
-- begin: what it drops is what makes room.
redis.call('UNLINK', KEYS[1], KEYS[2])
for index = 0, tonumber(ARGV[6]) - 1 do
  redis.call('HSET', ARGV[7] .. digits(index), '', ARGV[3])
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'term', ARGV[1], 'build', ARGV[3],
  'buckets', ARGV[6], 'built', '0', 'complete', '0', 'published_through', ARGV[4],
  'log_from', ARGV[4], 'tip', ARGV[5])
return 'ok'
