-- Drops keys of earlier builds, unless another rebuild has begun meanwhile: then they may be its.
--
-- KEYS: 1 meta, then the keys to drop
-- ARGV: 1 the build that dropped them
-- Gives a word.
if redis.call('HGET', KEYS[1], 'build') ~= ARGV[1] then
  return 'other_build'
end
for index = 2, #KEYS do
  redis.call('UNLINK', KEYS[index])
end
return 'ok'
