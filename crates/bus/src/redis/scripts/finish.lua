-- Ends a rebuild: complete, if every chunk is there.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 number of chunks
-- Gives a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'built')
if not meta[1] then
  return 'no_meta'
end
if meta[1] ~= ARGV[1] then
  return 'other_build'
end
if tonumber(meta[2]) ~= tonumber(ARGV[2]) then
  return 'chunk_lost'
end
redis.call('HSET', KEYS[1], 'complete', '1')
return 'ok'
