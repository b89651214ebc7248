-- The messages of tasks that wait, in the Redis of the broker. A script runs as one step: a message is in exactly one
-- place, whatever happens to the worker that moves it. All times are microseconds of Redis's own clock.
--
-- KEYS[1]  due: a sorted set of runs, by the time at which the message of each goes back to its queue
-- KEYS[2]  messages: a hash of run -> the key of its queue, a line feed, the message
-- KEYS[3]  down: a hash of server -> the time of the next probe, microseconds between probes, the run that is the probe
--          now (or nothing), with spaces between them
-- KEYS[4]  used: a hash of task name -> the server at which the task last met a downtime
-- KEYS[5]  held: the start of the keys of the sorted sets of runs that wait for a server, by when they came
-- KEYS[6]  waited: the start of the keys that note how often a run has waited
-- ARGV[1]  the operation, one of the functions at the end
--
-- https://redis.io/docs/latest/develop/programmability/lua-api/

local due, messages, down, used, held, waited = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Lua writes large numbers with an exponent unless it is asked not to.
local function integer(number)
  return string.format('%.0f', number)
end

-- Store the message of a run. Returns false if it is an old copy of one that has waited already.
-- times: how often the run has waited, with this time. again: the broker has delivered the message before.
-- remember: milliseconds for which that is remembered.
local function store(run, times, again, remember, message)
  local known = tonumber(redis.call('GET', waited .. run) or '0')
  if known >= tonumber(times) and (again == '1' or redis.call('HEXISTS', messages, run) == 1) then
    return false
  end
  redis.call('SET', waited .. run, times, 'PX', integer(remember))
  redis.call('HSET', messages, run, message)
  return true
end

-- Put a message back, at the end of its queue from which workers take: its task has waited already.
local function put_back(run)
  local stored = redis.call('HGET', messages, run)
  local cut = stored and string.find(stored, '\n', 1, true)
  if cut then
    local pushed = redis.pcall('RPUSH', string.sub(stored, 1, cut - 1), string.sub(stored, cut + 1))
    if type(pushed) == 'table' and pushed.err then
      return stored -- its queue is no list: it stays where it is, and the others go on
    end
  end
  if stored then -- what was not stored here is dropped
    redis.call('HDEL', messages, run)
  end
  return stored
end

local function set_down(server, every, run)
  redis.call('HSET', down, server, integer(now + every) .. ' ' .. integer(every) .. ' ' .. run)
end

-- Return the time of the next probe, microseconds between probes, and the probe, of a server that is down.
local function state_of(server)
  local at, every, run = string.match(redis.call('HGET', down, server) or '', '^(%d+) (%d+) (.*)$')
  return tonumber(at), tonumber(every), run
end

-- Put one of the tasks that wait for a server back, if it is time for a probe. If none waits, the next one that comes
-- finds out for itself.
local function probe(server)
  local at, every = state_of(server)
  if not at then
    redis.call('HDEL', down, server) -- somebody has changed it: the tasks find out for themselves
    redis.call('ZUNIONSTORE', due, 2, due, held .. server)
    redis.call('DEL', held .. server)
    return
  end
  if at > now then
    return
  end
  local run = redis.call('ZPOPMIN', held .. server)[1]
  if run then
    set_down(server, every, run)
    put_back(run)
  else
    redis.call('HDEL', down, server)
  end
end

local operations = {}

-- Store a message for so many microseconds. Returns 1, or 0 for an old copy.
function operations.add(run, wait, times, again, remember, message)
  if not store(run, times, again, tonumber(remember) + wait / 1000, message) then
    return 0
  end
  redis.call('ZADD', due, integer(now + wait), run)
  return 1
end

-- Store a message until a server is up. `every`: microseconds between probes. Returns 1, or 0 for an old copy.
function operations.hold(server, task, every, run, times, again, remember, message)
  local at, _, probing = state_of(server)
  redis.call('HSET', used, task, server)
  if not at or probing == run then
    set_down(server, tonumber(every), '')
  end
  if not store(run, times, again, tonumber(remember), message) then
    return 0
  end
  redis.call('ZADD', held .. server, integer(now), run)
  return 1
end

-- Return the server for which a run must wait; an empty text if there is none, or if the run is the probe.
function operations.server_of(task, run)
  local server = redis.call('HGET', used, task)
  local at, _, probing = state_of(server or '')
  return at and probing ~= run and server or ''
end

-- A server is up: all that wait for it go back to their queues.
function operations.up(server)
  if redis.call('HDEL', down, server) == 1 then
    redis.call('ZUNIONSTORE', due, 2, due, held .. server)
    redis.call('DEL', held .. server)
  end
  return 1
end

-- Put messages back that are due within `lead` microseconds, `limit` at most. Returns how many there were, and the
-- microseconds until the next one; -1: there are none.
function operations.release(lead, limit)
  for _, server in ipairs(redis.call('HKEYS', down)) do
    probe(server)
  end
  local runs = redis.call('ZRANGE', due, '-inf', integer(now + lead), 'BYSCORE', 'LIMIT', 0, limit)
  -- The first one is put back last, and so taken first.
  for index = #runs, 1, -1 do
    put_back(runs[index])
    redis.call('ZREM', due, runs[index])
  end
  local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
  return {integer(#runs), first[2] and integer(math.max(0, first[2] - lead - now)) or '-1'}
end

return operations[ARGV[1]](unpack(ARGV, 2))
