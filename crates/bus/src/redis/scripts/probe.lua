-- Leaves a reader's nonce. All probes are forgotten from time to time: readers that live renew
-- theirs at once, those of readers gone do not pile up in every heartbeat.
--
-- KEYS: 1 probes
-- ARGV: 1 reader, 2 nonce, 3 readers at most, 4 seconds until all are forgotten
-- Gives a word.
if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3])
  and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
  return 'full'
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('TTL', KEYS[1]) < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
return 'ok'
