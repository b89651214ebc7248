-- The buckets of rate_limited_task. A script runs as one step, so no two workers are granted the same moment. All times
-- are microseconds of Redis's own clock, so that workers on machines with other clocks agree.
--
-- KEYS[1]  the bucket, a hash:
--            next  the earliest slot that is not taken
--            last  when a task of this bucket was started the last time
-- ARGV[1]  'reserve': find out when a task may start; 'start': start it if it may
-- ARGV[2]  spacing: microseconds between two tasks
-- ARGV[3]  the slot of the task; 0: it has none
-- ARGV[4]  a slot that is so many microseconds old has been missed
-- ARGV[5]  the task does not wait for a slot that is more microseconds away
--
-- Returns the slot of the task, or 0 if it is too far away, and the microseconds to wait; 'start': 0 means that it is
-- started.
--
-- A slot says when a task may start. A task that missed its slot takes a new one, or all that missed theirs would come
-- at once. 'start' looks at when the last task was started indeed, so that two tasks are not closer than the spacing
-- when one of them is late.
--
-- https://redis.io/docs/latest/develop/programmability/lua-api/

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local spacing, slot = tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'next', 'last')
local next, last = tonumber(bucket[1]) or 0, tonumber(bucket[2]) or 0

-- After a failover to a machine whose clock is behind, nothing of what was counted is true.
if last > now then
  next, last = 0, 0
end

-- Lua writes large numbers with an exponent unless it is asked not to.
local function integer(number)
  return string.format('%.0f', number)
end

local function store()
  redis.call('HSET', KEYS[1], 'next', integer(next), 'last', integer(last))
  redis.call('PEXPIRE', KEYS[1], integer((next - now) / 1000 + 1000))
end

if slot < now - tonumber(ARGV[4]) then
  slot = math.max(now, next)
  if slot - now > tonumber(ARGV[5]) then
    return {'0', integer(slot - now)}
  end
  next = slot + spacing
  store()
end

if ARGV[1] == 'reserve' then
  return {integer(slot), integer(math.max(0, slot - now))}
end

local wait = math.max(slot, last + spacing) - now
if wait > 0 then
  return {integer(slot), integer(wait)}
end
last, next = now, math.max(next, now + spacing)
store()
return {integer(slot), '0'}
