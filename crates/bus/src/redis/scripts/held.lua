-- Tells the beginnings of documents, for the leader, which compares them with the database.
--
-- KEYS: 1 meta
-- ARGV: 1 build, 2 octets of each to tell, 3 prefix of the buckets, 4 octets of values to read,
--       passed by at most one value, then for each document its bucket among 65,536 and its key
-- Gives for each document, as far as those octets reach, its length (-1: there is none) and its
-- beginning; or a word.
local meta = redis.call('HMGET', KEYS[1], 'build', 'buckets')
if not meta[1] then
  return 'no_meta'
end
if meta[1] ~= ARGV[1] then
  return 'other_build'
end
local buckets, head, room = tonumber(meta[2]), tonumber(ARGV[2]), tonumber(ARGV[4])
local told = {}
for index = 5, #ARGV, 2 do
  if room <= 0 then
    break
  end
  local bucket = bucket_key(ARGV[3], ARGV[index], buckets)
  local held = redis.call('HMGET', bucket, '', ARGV[index + 1])
  if held[1] ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'complete', '0')
    return 'bucket_lost'
  end
  if held[2] then
    room = room - #held[2]
    told[#told + 1] = #held[2]
    told[#told + 1] = string.sub(held[2], 1, head)
  else
    told[#told + 1] = -1
    told[#told + 1] = ''
  end
end
return told
