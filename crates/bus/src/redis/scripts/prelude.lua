-- Shared by all scripts. They compute with doubles, which represent every integer up to 2^53
-- exactly (shared::limits::NUMBER_MAX). Links are octets and only ever compared for equality:
-- Lua orders strings by locale.

-- Decimal digits; tostring would print 1e14 as 1e+14.
local function digits(number)
  return string.format('%.0f', number)
end

-- The sequence inside an envelope: eight octets, big-endian, after the first 16. Octets too short
-- to have one are older than everything.
local function sequence_of(envelope)
  if #envelope < 24 then
    return -1
  end
  local high, low = struct.unpack('>I4I4', envelope, 17)
  return high * 4294967296 + low
end

-- A bucket's index, from the key's index among 65,536 buckets: bucket counts are powers of two.
local function bucket_key(prefix, index, buckets)
  return prefix .. digits(tonumber(index) % buckets)
end
