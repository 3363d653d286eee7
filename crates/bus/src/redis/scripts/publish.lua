-- Publishes one change. All checks come first, reads of every key among them, so that a key of
-- a wrong type fails the script before its first effect.
--
-- KEYS: 1 meta, 2 segment of the log, 3 pending, 4 the feed's channel
-- ARGV: 1 epoch, 2 build, 3 slot, 4 prev_link, 5 link, 6 key, 7 sequence, 8 envelope,
--       9 message header, 10 '1' if the envelope follows the header in the message,
--       11 prefix of the buckets, 12 the key's bucket among 65,536,
--       13 prefix of the log's segments, 14 segments kept, 15 slots per segment,
--       16 slots that pending reaches ahead, 17 slots advanced at most
-- Gives published_through afterwards as an integer, or a word.
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'build', 'published_through', 'log_from', 'tip',
  'buckets')
if not meta[1] then
  return 'no_meta'
end
if tonumber(meta[1]) ~= tonumber(ARGV[1]) then
  return 'other_epoch'
end
if meta[2] ~= ARGV[2] then
  return 'other_build'
end
local through, log_from, tip = tonumber(meta[3]), tonumber(meta[4]), meta[5]
local slot = tonumber(ARGV[3])
if slot <= through then
  return 'duplicate'
end
if slot > through + tonumber(ARGV[16]) then
  return 'pending_full'
end
local is_next = slot == through + 1
if is_next and ARGV[4] ~= tip then
  return 'forked'
end
local bucket = bucket_key(ARGV[11], ARGV[12], tonumber(meta[6]))
local held = redis.call('HMGET', bucket, '', ARGV[6])
if held[1] ~= ARGV[2] then
  redis.call('HSET', KEYS[1], 'complete', '0')
  return 'bucket_lost'
end
redis.call('HLEN', KEYS[2])
local was_pending = redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1

-- Effects. The first is always an HSET: with no memory left Redis refuses that one, and with it
-- the script, but would let a script go on that had begun with HDEL.
if not held[2] or sequence_of(held[2]) < tonumber(ARGV[7]) then
  redis.call('HSET', bucket, ARGV[6], ARGV[8])
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4] .. ARGV[5] .. ARGV[6])
if not is_next then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[4] .. ARGV[5])
end
if ARGV[10] == '1' then
  redis.call('PUBLISH', KEYS[4], ARGV[9] .. ARGV[8])
else
  redis.call('PUBLISH', KEYS[4], ARGV[9])
end
if not is_next then
  return through
end

-- Advance over the slots that waited for this one, while their links continue from it.
local moved = {}
if was_pending then
  moved[1] = ARGV[3]
end
through, tip = slot, ARGV[5]
for _ = 1, tonumber(ARGV[17]) do
  local number = digits(through + 1)
  local links = redis.call('HGET', KEYS[3], number)
  if not links or string.sub(links, 1, 8) ~= tip then
    break
  end
  through, tip = through + 1, string.sub(links, 9, 16)
  moved[#moved + 1] = number
end
if #moved > 0 then
  redis.call('HDEL', KEYS[3], unpack(moved))
end

-- Drop the log's oldest segments; log_from rises in the same script.
local slots = tonumber(ARGV[15])
local lowest_kept = math.floor(through / slots) + 1 - tonumber(ARGV[14])
for segment = math.floor((log_from + 1) / slots), lowest_kept - 1 do
  redis.call('UNLINK', ARGV[13] .. digits(segment))
  log_from = (segment + 1) * slots - 1
end

-- The counter last: whatever goes wrong before it, it never says too much.
redis.call('HSET', KEYS[1], 'log_from', digits(log_from), 'tip', tip,
  'published_through', digits(through))
return through
