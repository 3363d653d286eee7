-- Publishes changes, in order, each judged by itself, and sends what it took as one message.
-- Every key is read before the first effect, so that a key of a wrong type fails the script before
-- it.
--
-- KEYS: 1 meta, 2 pending, 3 the feed's channel
-- ARGV: 1 epoch, 2 build, 3 prefix of the buckets, 4 prefix of the log's segments, 5 segments kept,
--       6 slots per segment, 7 slots that pending reaches ahead, 8 slots advanced at most,
--       9 header of a batch, 10 the command that sends a message, then for each change its slot,
--       its prev_link and link, its key, the key's bucket among 65,536, its sequence, its envelope,
--       the length and the header of its message and whatever of it is not stored, '1' if the
--       envelope follows that in the message
-- Gives for each change published_through after it as an integer, or a word; one word for all
-- where nothing could be judged.
local FIRST, STEP = 11, 8
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
local buckets, slots, reach = tonumber(meta[6]), tonumber(ARGV[6]), tonumber(ARGV[7])
local begun = through

local bucket_of, held_of, segments = {}, {}, {}
for at = FIRST, #ARGV, STEP do
  local slot = tonumber(ARGV[at])
  if slot > through then
    bucket_of[at] = bucket_key(ARGV[3], ARGV[at + 3], buckets)
    held_of[at] = redis.call('HMGET', bucket_of[at], '', ARGV[at + 2])
    local segment = math.floor(slot / slots)
    if not segments[segment] then
      segments[segment] = {ARGV[4] .. digits(segment)}
      redis.call('HLEN', segments[segment][1])
    end
  end
end
local waiting = redis.call('HLEN', KEYS[2])

-- Effects. The first is always an HSET: with no memory left Redis refuses that one, and with it
-- the script, but would let a script go on that had begun with HDEL.
local answers, parts, moved, stored = {}, {ARGV[9]}, {}, {}
local left = tonumber(ARGV[8])
local function publish(at)
  local slot, links, key = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2]
  if slot <= through then
    return 'duplicate'
  end
  if slot > through + reach then
    return 'pending_full'
  end
  local is_next = slot == through + 1
  if is_next and string.sub(links, 1, 8) ~= tip then
    return 'forked'
  end
  local held = held_of[at]
  if held[1] ~= ARGV[2] then
    redis.call('HSET', KEYS[1], 'complete', '0')
    return 'bucket_lost'
  end

  local sequence = tonumber(ARGV[at + 4])
  local newest = stored[key] or (held[2] and sequence_of(held[2]))
  if not newest or newest < sequence then
    redis.call('HSET', bucket_of[at], key, ARGV[at + 5])
    stored[key] = sequence
  end
  local logged = segments[math.floor(slot / slots)]
  logged[#logged + 1] = ARGV[at]
  logged[#logged + 1] = links .. key
  parts[#parts + 1] = ARGV[at + 6]
  parts[#parts + 1] = ARGV[at + 7] == '1' and ARGV[at + 5] or ''
  if not is_next then
    waiting = waiting + redis.call('HSET', KEYS[2], ARGV[at], links)
    return through
  end

  if waiting > 0 and redis.call('HEXISTS', KEYS[2], ARGV[at]) == 1 then
    moved[#moved + 1] = ARGV[at]
  end
  through, tip = slot, string.sub(links, 9, 16)
  -- Advance over the slots that waited for this one, while their links continue from it.
  while left > 0 and waiting > #moved do
    local number = digits(through + 1)
    local next_links = redis.call('HGET', KEYS[2], number)
    if not next_links or string.sub(next_links, 1, 8) ~= tip then
      break
    end
    through, tip, left = through + 1, string.sub(next_links, 9, 16), left - 1
    moved[#moved + 1] = number
  end
  return through
end
for at = FIRST, #ARGV, STEP do
  answers[#answers + 1] = publish(at)
end

if #parts == 1 then
  return answers
end
for _, logged in pairs(segments) do
  if #logged > 1 then
    redis.call('HSET', unpack(logged))
  end
end
if #parts == 3 then
  -- One message goes as itself, without its length.
  redis.call(ARGV[10], KEYS[3], string.sub(parts[2], 5) .. parts[3])
else
  redis.call(ARGV[10], KEYS[3], table.concat(parts))
end
if through == begun then
  return answers
end
if #moved > 0 then
  redis.call('HDEL', KEYS[2], unpack(moved))
end

-- Drop the log's oldest segments; log_from rises in the same script.
local lowest_kept = math.floor(through / slots) + 1 - tonumber(ARGV[5])
for segment = math.floor((log_from + 1) / slots), lowest_kept - 1 do
  redis.call('UNLINK', ARGV[4] .. digits(segment))
  log_from = (segment + 1) * slots - 1
end

-- The counter last: whatever goes wrong before it, it never says too much.
redis.call('HSET', KEYS[1], 'log_from', digits(log_from), 'tip', tip,
  'published_through', digits(through))
return answers
