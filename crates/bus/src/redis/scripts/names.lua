-- Tells the names in a bucket, for the leader, which compares them with the database.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 the bucket's key, 3 names to tell at most
-- Gives the number of fields without the mark, and all names, the mark's among them, unless they
-- are too many; or a word.
local build = redis.call('HGET', KEYS[1], 'build')
if not build then
  return 'no_meta'
end
if build ~= ARGV[1] then
  return 'other_build'
end
if redis.call('HGET', ARGV[2], '') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'complete', '0')
  return 'bucket_lost'
end
local fields = redis.call('HLEN', ARGV[2]) - 1
if fields > tonumber(ARGV[3]) then
  return {fields, {}}
end
return {fields, redis.call('HKEYS', ARGV[2])}
