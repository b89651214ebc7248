-- The ledger of a crawl: which units are to be fetched, who fetches which, and what came of them. A script runs as one
-- step, so that a unit has one owner at a time, and none is lost. All times are microseconds of Redis's own clock.
--
-- KEYS[1]  state: a hash: run, begins, finished, paused_until, sequence, the counters, and `adding` while the
--          units of the run are still being added
-- KEYS[2]  units: a hash of id -> JSON of the unit, until it has ended
-- KEYS[3]  ready: a sorted set of ids, the first to be taken has the lowest score
-- KEYS[4]  delayed: a sorted set of ids, by when each may be taken again
-- KEYS[5]  leased: a sorted set of ids, by when the lease ends
-- KEYS[6]  owners: a hash of id -> who has the lease
-- KEYS[7]  lists: a hash of list -> JSON of what is known of it
-- KEYS[8]  failed: a hash of id -> JSON of the unit and its error
-- KEYS[9]  workers: a sorted set of processes, by when they are taken for gone
-- KEYS[10] runners: a sorted set of Celery tasks, by when they are taken for lost
-- ARGV[1]  the operation, one of the functions below; its arguments as JSON. Returns JSON.
--
-- https://redis.io/docs/latest/develop/programmability/lua-api/

local state, units, ready, delayed, leased, owners, lists, failed, workers, runners = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local operations = {}

-- A priority counts for more than any number of units that were added before.
local PRIORITY = 1000000000

-- So many errors of the server, and nothing else, mean that it is down.
local MANY_ERRORS = 10

-- Microseconds.
local LOOK_AGAIN = 250000
local LONGEST_LEASE = 86400000000

local function integer(number)
  return string.format('%.0f', number)
end

local function read(field)
  return tonumber(redis.call('HGET', state, field) or '0') or 0
end

local function count(field, number)
  redis.call('HINCRBY', state, field, number)
end

-- Return the value of a text, or nil: somebody else may have written it.
local function decoded(text)
  local is_json, value = pcall(cjson.decode, text)
  return is_json and type(value) == 'table' and value or nil
end

local function release(id)
  redis.call('ZREM', leased, id)
  redis.call('HDEL', owners, id)
end

local function forget(id)
  release(id)
  redis.call('HDEL', units, id)
end

local function has(record, kind, ...)
  for _, field in ipairs({...}) do
    if type(record[field]) ~= kind then
      return false
    end
  end
  return true
end

-- Return a unit, or nil. One that somebody has changed into something else has failed.
local function unit_of(id)
  local text = redis.call('HGET', units, id)
  if not text then
    return nil
  end
  local unit = decoded(text)
  if unit and has(unit, 'string', 'id', 'list', 'call')
    and has(unit, 'number', 'page', 'generation', 'attempts', 'priority', 'sequence')
    and unit.id == id and unit.list .. ' ' .. unit.page .. ' ' .. unit.generation == id then
    return unit
  end
  forget(id)
  local rest = {id = id, list = id, page = 0, generation = 0, attempts = 0, priority = 0}
  redis.call('HSET', failed, id, cjson.encode({unit = rest, error = 'CrawlError: somebody has changed this unit in Redis'}))
  count('failed', 1)
  return nil
end

local function make_ready(id)
  local unit = unit_of(id)
  if unit then
    redis.call('ZADD', ready, integer(unit.sequence - unit.priority * PRIORITY), id)
  end
end

-- Add a unit unless it is there already. Returns whether it is new.
local function add(unit)
  if redis.call('HEXISTS', units, unit.id) == 1 then
    return false
  end
  unit.sequence = redis.call('HINCRBY', state, 'sequence', 1)
  redis.call('HSET', units, unit.id, cjson.encode(unit))
  make_ready(unit.id)
  count('units', 1)
  return true
end

local function list_of(name)
  local text = redis.call('HGET', lists, name)
  local list = text and decoded(text)
  return list and has(list, 'number', 'generation', 'done', 'rows', 'restarts', 'pages') and list or nil
end

local function new_list(unit)
  return {generation = unit.generation, done = 0, rows = 0, restarts = 0, is_mixed = false, pages = 0, state = ''}
end

local function owns(id, owner)
  return redis.call('HGET', owners, id) == owner
end

local function is_over()
  return redis.call('HLEN', units) == 0 and redis.call('HEXISTS', state, 'adding') == 0
end

local function finish_if_over()
  if is_over() and redis.call('HEXISTS', state, 'finished') == 0 then
    redis.call('HSET', state, 'finished', integer(now))
  end
end

-- Begin a run, to which units are added before it can finish. Returns whether there was none, or the last one has
-- finished.
function operations.start(given)
  if redis.call('EXISTS', state) == 1 and redis.call('HEXISTS', state, 'finished') == 0 and not given.restart then
    return false
  end
  redis.call('DEL', state, units, ready, delayed, leased, owners, lists, failed)
  redis.call('HSET', state, 'run', given.run, 'begins', integer(now + given.delay), 'adding', 1)
  return true
end

-- Add units to a run, also to one that has finished. `is_last`: its first units are complete. Returns how many are new;
-- -1: there is no run, or another one than `run`.
function operations.add(given)
  if redis.call('EXISTS', state) == 0 or given.run and given.run ~= redis.call('HGET', state, 'run') then
    return -1
  end
  local added = 0
  for _, unit in ipairs(given.units) do
    added = added + (add(unit) and 1 or 0)
  end
  if given.is_last then
    redis.call('HDEL', state, 'adding')
  end
  if added > 0 then
    redis.call('HDEL', state, 'finished')
  end
  finish_if_over()
  return added
end

-- Units whose lease has ended belong to a worker that was killed. They, and those that have waited, are ready.
local function collect(lease)
  for _, id in ipairs(redis.call('ZRANGE', leased, integer(now + LONGEST_LEASE), '+inf', 'BYSCORE')) do
    redis.call('ZADD', leased, integer(now + lease), id) -- somebody has changed it, and its worker would renew it
  end
  for _, id in ipairs(redis.call('ZRANGE', leased, '-inf', integer(now), 'BYSCORE')) do
    release(id)
    make_ready(id)
    count('taken_over', 1)
  end
  for _, id in ipairs(redis.call('ZRANGE', delayed, '-inf', integer(now), 'BYSCORE')) do
    redis.call('ZREM', delayed, id)
    make_ready(id)
  end
end

-- The microseconds after which there may be something to do.
local function idle_time()
  if redis.call('ZCARD', leased) > 0 or redis.call('HEXISTS', state, 'adding') == 1 then
    return LOOK_AGAIN -- a page that is under way may be the first one of a list
  end
  local entry = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  return math.max(0, (tonumber(entry[2]) or 0) - now)
end

-- A unit of a list that has begun again since is not needed any more.
local function is_outdated(unit)
  local list = list_of(unit.list)
  return list ~= nil and unit.generation < list.generation
end

local function seen(process, lifetime)
  redis.call('ZADD', workers, integer(now + lifetime), process)
  redis.call('ZREMRANGEBYSCORE', workers, '-inf', integer(now))
end

-- Take the next unit. Returns {unit}, {wait = microseconds}, or {finished}.
function operations.take(given)
  seen(given.process, given.lease * 3)
  local others = redis.call('ZCARD', workers) - 1
  if redis.call('EXISTS', state) == 0 or redis.call('HEXISTS', state, 'finished') == 1 then
    return {finished = true, others = others}
  end
  local paused_until = read('paused_until')
  local earliest = math.max(read('begins'), paused_until)
  if earliest > now then
    return {wait = earliest - now, others = others}
  end
  collect(given.lease)
  while true do
    local id = redis.call('ZPOPMIN', ready)[1]
    if not id then
      finish_if_over()
      return is_over() and {finished = true, others = others} or {wait = idle_time(), others = others}
    end
    local unit = unit_of(id)
    if unit and is_outdated(unit) then
      redis.call('HDEL', units, id)
      count('units', -1)
    elseif unit then
      if paused_until > 0 then -- this one finds out whether the server is up
        redis.call('HSET', state, 'paused_until', integer(now + given.probe_every))
      end
      redis.call('ZADD', leased, integer(now + given.lease), id)
      redis.call('HSET', owners, id, given.owner)
      return {unit = unit, run = redis.call('HGET', state, 'run'), others = others}
    end
  end
end

-- Renew leases. Returns the ids of those that are not the owner's any more.
function operations.renew(given)
  seen(given.process, given.lease * 3)
  local lost = {}
  for id, owner in pairs(given.owned) do
    if owns(id, owner) then
      redis.call('ZADD', leased, integer(now + given.lease), id)
    else
      table.insert(lost, id)
    end
  end
  return {lost = #lost > 0 and lost or nil}
end

local function begin_list(list, given)
  list.pages, list.state, list.is_mixed = given.pages, given.state, false
  for number = 2, given.pages do
    local unit = cjson.decode(cjson.encode(given.unit))
    unit.id, unit.page = given.unit.list .. ' ' .. number .. ' ' .. unit.generation, number
    unit.attempts = 0
    add(unit)
  end
end

-- A page has come: may its rows go to the sink? Returns 'yes'; 'lost': another worker has the unit; 'again': the page is
-- of another state than the first one, so that the list begins again.
function operations.arrived(given)
  local unit = given.unit
  if not owns(unit.id, given.owner) then
    return 'lost'
  end
  redis.call('ZADD', leased, integer(now + given.lease), unit.id)
  redis.call('HDEL', state, 'paused_until', 'errors')
  local list = list_of(unit.list) or new_list(unit)
  if unit.generation < list.generation then
    forget(unit.id)
    count('units', -1)
    return 'lost'
  end
  if unit.page == 1 then
    begin_list(list, given)
  elseif given.state ~= list.state or given.pages ~= list.pages then
    if list.restarts < given.max_restarts then
      count('done', -list.done)
      count('rows', -list.rows)
      count('units', -list.done)
      list.generation, list.restarts, list.done, list.rows = list.generation + 1, list.restarts + 1, 0, 0
      redis.call('HSET', lists, unit.list, cjson.encode(list))
      forget(unit.id)
      count('units', -1)
      unit.id, unit.page, unit.generation = unit.list .. ' 1 ' .. list.generation, 1, list.generation
      add(unit)
      return 'again'
    end
    list.is_mixed = true
  end
  redis.call('HSET', lists, unit.list, cjson.encode(list))
  return 'yes'
end

-- The rows are in the sink. Returns whether the unit was still the owner's.
function operations.done(given)
  local unit = given.unit
  if not owns(unit.id, given.owner) then
    return false
  end
  local list = list_of(unit.list) or new_list(unit)
  list.done, list.rows = list.done + 1, list.rows + given.rows
  redis.call('HSET', lists, unit.list, cjson.encode(list))
  forget(unit.id)
  count('done', 1)
  count('rows', given.rows)
  count(given.not_modified and 'not_modified' or 'modified', 1)
  finish_if_over()
  return true
end

local function note_server(given)
  if given.pause then
    redis.call('HSET', state, 'paused_until', integer(now + given.pause))
  elseif given.is_up then
    redis.call('HDEL', state, 'paused_until', 'errors')
  elseif given.pause_if_many and redis.call('HINCRBY', state, 'errors', 1) >= MANY_ERRORS then
    redis.call('HSET', state, 'paused_until', integer(now + given.pause_if_many))
  end
end

-- Give a unit back, to be taken again after `wait` microseconds. `counts`: it has failed, and `attempts` grows. `pause`:
-- the server is down, and nothing is taken for so many microseconds; `pause_if_many`: if it is not the first error;
-- `is_up`: it has responded.
function operations.give_back(given)
  local id = given.unit.id
  if not owns(id, given.owner) then
    return false
  end
  release(id)
  note_server(given)
  if given.counts then
    given.unit.attempts = given.unit.attempts + 1
  end
  redis.call('HSET', units, id, cjson.encode(given.unit))
  redis.call('ZADD', delayed, integer(now + given.wait), id)
  return true
end

-- A unit has failed for good: it is listed, and the others go on.
function operations.fail(given)
  if not owns(given.unit.id, given.owner) then
    return false
  end
  forget(given.unit.id)
  note_server(given)
  redis.call('HSET', failed, given.unit.id, cjson.encode({unit = given.unit, error = given.error}))
  count('failed', 1)
  finish_if_over()
  return true
end

-- All units that have failed are ready again. Returns how many.
function operations.retry_failed()
  local added = 0
  for _, text in ipairs(redis.call('HVALS', failed)) do
    local unit = (decoded(text) or {}).unit
    if type(unit) == 'table' and has(unit, 'string', 'id', 'call') and has(unit, 'number', 'priority') then
      unit.attempts = 0
      if add(unit) then
        added = added + 1
        count('units', -1)
        count('failed', -1)
      end
    end
  end
  redis.call('DEL', failed)
  if added > 0 then
    redis.call('HDEL', state, 'finished')
  end
  return added
end

-- A Celery task works on the crawl, or has ended. Returns how many others are lost, which nobody hears of again.
function operations.runner(given)
  if given.has_ended then
    redis.call('ZREM', runners, given.id)
    return 0
  end
  redis.call('ZADD', runners, integer(now + given.lifetime), given.id)
  return redis.call('ZREMRANGEBYSCORE', runners, '-inf', integer(now))
end

function operations.progress()
  local fields = redis.call('HGETALL', state)
  local found = {}
  for index = 1, #fields, 2 do
    found[fields[index]] = fields[index + 1]
  end
  return {
    state = found, now = integer(now), running = redis.call('ZCARD', leased), delayed = redis.call('ZCARD', delayed),
    ready = redis.call('ZCARD', ready), workers = redis.call('ZCOUNT', workers, integer(now), '+inf')
  }
end

return cjson.encode(operations[ARGV[1]](cjson.decode(ARGV[2])))
