-- What RedisLimits runs in Redis: the same rules as ledger.py. A script runs as one step, so no two processes can
-- reserve the same tokens.
--
-- KEYS     the ledgers that the operations use
-- ARGV[1]  seconds by which a test has moved the clock; the time itself is that of Redis, so that all machines agree
-- ARGV[2]  how many entries a window has at most (RESOLUTION in ledger.py)
-- ARGV[3]  the operations, as a JSON list; the reply is the JSON list of their results
--
-- Each ledger is one value, a MessagePack map, so that Redis cannot evict a part of it:
--   tokens, window, margin       the rule, and what is never spent of it
--   spent, total                 spent within the window, and ever
--   returning                    {when, tokens}: what returns, the earliest first
--   reservations                 by name {until, tokens, expected}: when the lease ends, what a call under way may
--                                cost, and what it will probably cost
--   others, others_until         used by others, and when that returns
--   blocked_until                nothing may be sent before
--
-- https://redis.io/docs/latest/develop/programmability/lua-api/

local VERSION = 'esipy-1'
local RESOLUTION = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + ARGV[1]

-- Seconds: no window, and no time that a server has to be left alone, is longer. Tokens: more are never spent.
local LONGEST, MOST_TOKENS = 10 * 86400, 1e15

-- The ledgers that this run has loaded; `changed`: those to be stored at its end.
local loaded, changed = {}, {}

local function spend(ledger, tokens, returns)
  local step = ledger.window / RESOLUTION
  local last = ledger.returning[#ledger.returning]
  if last and last[1] >= returns then
    last[2] = last[2] + tokens
  else
    table.insert(ledger.returning, {math.ceil(returns / step) * step, tokens})
  end
  ledger.spent, ledger.total = ledger.spent + tokens, ledger.total + tokens
end

-- Remove the first entries of `returning`, all at once: removing one by one would move the rest each time.
local function drop(ledger, count)
  if count > 0 then
    local rest = {}
    for i = count + 1, #ledger.returning do rest[#rest + 1] = ledger.returning[i] end
    ledger.returning = rest
  end
end

-- Bring a ledger up to date. A reservation whose lease has ended counts as spent at that moment, at the cost that most
-- calls have: the process that held it is gone. If the call did cost more, the headers of the next response say so; the
-- most that it may cost would block a small bucket for a window, in which no response could correct that.
local function advance(ledger)
  ledger.reserved = 0
  for name, reservation in pairs(ledger.reservations) do
    local until_, tokens, expected = reservation[1], reservation[2], reservation[3]
    if until_ <= now then
      ledger.reservations[name] = nil
      if expected > 0 and until_ + ledger.window > now then spend(ledger, expected, until_ + ledger.window) end
    else
      ledger.reserved = ledger.reserved + tokens
    end
  end
  local count = 0
  for _, entry in ipairs(ledger.returning) do
    if entry[1] > now then break end
    ledger.spent, count = ledger.spent - entry[2], count + 1
  end
  drop(ledger, count)
  if ledger.others_until <= now then ledger.others = 0 end
end

-- Not for what is infinite or not a number, either.
local function is_between(value, least, most)
  return type(value) == 'number' and value >= least and value <= most
end

-- Pairs of a time and of tokens.
local function are_pairs(value, latest)
  if type(value) ~= 'table' then return false end
  for _, pair in pairs(value) do
    if type(pair) ~= 'table' or not is_between(pair[1], 0, latest) or not is_between(pair[2], 0, MOST_TOKENS) then
      return false
    end
  end
  return true
end

-- Anybody may have written it: with other numbers it would block all calls for ever, or fail in every run.
local function is_ledger(value)
  if type(value) ~= 'table' or value.version ~= VERSION then return false end
  for _, name in ipairs({'tokens', 'margin', 'spent', 'total', 'others'}) do
    if not is_between(value[name], 0, MOST_TOKENS) then return false end
  end
  if not is_between(value.window, 0.001, LONGEST) then return false end
  local latest = now + 2 * LONGEST
  return is_between(value.others_until, 0, latest) and is_between(value.blocked_until, 0, latest)
    and are_pairs(value.returning, latest) and #value.returning <= 8 * RESOLUTION and are_pairs(value.reservations, latest)
end

-- The ledger of that key; nil if there is none, or something else is stored there.
local function load(key)
  if loaded[key] then return loaded[key] end
  local stored = redis.call('GET', key)
  if not stored then return nil end
  local is_valid, ledger = pcall(cmsgpack.unpack, stored)
  if not is_valid or not is_ledger(ledger) then return nil end
  advance(ledger)
  loaded[key] = ledger
  return ledger
end

local function create(key, rule)
  loaded[key] = {
    version = VERSION, tokens = rule.tokens, window = rule.window, margin = rule.margin,
    spent = 0, total = 0, returning = {}, reservations = {}, reserved = 0,
    others = 0, others_until = 0, blocked_until = 0,
  }
  return loaded[key]
end

local function store_changed()
  for key in pairs(changed) do
    local ledger = loaded[key]
    ledger.reserved = nil
    local lifetime = math.ceil(math.max(ledger.window + 3600, ledger.blocked_until - now))
    redis.call('SET', key, cmsgpack.pack(ledger), 'EX', lifetime)
  end
end

-- Seconds until `cost` can be reserved: 0 now, -1 if that depends on calls under way.
local function wait_for(ledger, cost)
  if now < ledger.blocked_until then return ledger.blocked_until - now end
  local usable = math.max(1, ledger.tokens - ledger.margin)
  local missing = math.min(cost, usable) - (usable - ledger.spent - ledger.reserved - ledger.others)
  if missing <= 0 then return 0 end
  local others = ledger.others
  for _, entry in ipairs(ledger.returning) do
    if others > 0 and ledger.others_until <= entry[1] then
      missing, others = missing - others, 0
      if missing <= 0 then return ledger.others_until - now end
    end
    missing = missing - entry[2]
    if missing <= 0 then return entry[1] - now end
  end
  if others >= missing then return ledger.others_until - now end
  return -1
end

-- Compare with what the server counts as used: more than ours is used by others (or by calls that are still under
-- way); if it is less, the server has forgotten the difference, except what was spent after the call was sent.
local function compare(ledger, used, spent_meanwhile, returns)
  ledger.others, ledger.others_until = math.max(0, used - ledger.spent), returns
  local forgotten = ledger.spent - spent_meanwhile - used
  local count = 0
  for _, entry in ipairs(ledger.returning) do
    if forgotten <= 0 then break end
    local taken = math.min(entry[2], forgotten)
    forgotten, ledger.spent = forgotten - taken, ledger.spent - taken
    entry[2] = entry[2] - taken
    if entry[2] == 0 then count = count + 1 end
  end
  drop(ledger, count)
end

local operations = {}

-- Create a ledger unless it is there, and add what this process knows of it.
function operations.add(operation)
  local ledger = load(operation.key) or create(operation.key, operation)
  local others = operation.used - ledger.spent
  if others > ledger.others then ledger.others, ledger.others_until = others, now + ledger.window end
  ledger.blocked_until = math.max(ledger.blocked_until, now + operation.blocked)
  changed[operation.key] = true
  return true
end

-- Reserve `costs` of the ledgers `keys`, all of them or none; `expected`: what the call will probably cost of each. Returns {missing = true}, {totals = what was ever spent
-- of each}, or {wait = seconds (-1: until a call ends), under_way = whether any call is}.
function operations.reserve(operation)
  local error_limit = load(operation.error_limit)
  local longest = error_limit and math.max(0, error_limit.blocked_until - now) or 0
  local under_way = false
  for i, key in ipairs(operation.keys) do
    local ledger = load(key)
    if not ledger then return {missing = true} end
    local wait = wait_for(ledger, operation.costs[i])
    if longest >= 0 and (wait < 0 or wait > longest) then longest = wait end
    if wait ~= 0 and ledger.reserved > 0 and ledger.blocked_until <= now then under_way = true end
  end
  if longest ~= 0 then return {wait = longest, under_way = under_way} end
  local totals = {}
  for i, key in ipairs(operation.keys) do
    local ledger, cost = load(key), operation.costs[i]
    ledger.reservations[operation.name] = {now + operation.lease, cost, operation.expected[i]}
    ledger.reserved = ledger.reserved + cost
    changed[key] = true
    totals[i] = ledger.total
  end
  return {totals = totals}
end

-- The call is still under way: its lease begins anew.
function operations.renew(operation)
  for _, key in ipairs(operation.keys) do
    local ledger = load(key)
    local reservation = ledger and ledger.reservations[operation.name]
    if reservation then
      reservation[1] = now + operation.lease
      changed[key] = true
    end
  end
  return true
end

-- Replace what was reserved by what the call cost. Without a `name` nothing was reserved.
function operations.settle(operation)
  for i, key in ipairs(operation.keys) do
    local ledger, outcome = load(key), operation.outcomes[i]
    if ledger then
      local reservation = operation.name and ledger.reservations[operation.name]
      if reservation then
        ledger.reservations[operation.name] = nil
        ledger.reserved = ledger.reserved - reservation[2]
      end
      if outcome.tokens then ledger.tokens, ledger.window = outcome.tokens, outcome.window end
      local returns = now + (outcome.replenishes or ledger.window)
      -- If the lease ended before, the call has been counted already.
      if outcome.spent > 0 and (reservation or not operation.name) then spend(ledger, outcome.spent, returns) end
      if outcome.used then compare(ledger, outcome.used, ledger.total - outcome.total, returns) end
      if outcome.blocked > 0 then ledger.blocked_until = math.max(ledger.blocked_until, now + outcome.blocked) end
      changed[key] = true
    end
  end
  if operation.blocked > 0 then
    local error_limit = operation.error_limit
    local ledger = load(error_limit.key) or create(error_limit.key, error_limit)
    ledger.blocked_until = math.max(ledger.blocked_until, now + operation.blocked)
    changed[error_limit.key] = true
  end
  return true
end

-- Returns a ledger as it stands, times in seconds from now; false if there is none.
function operations.inspect(operation)
  local ledger = load(operation.key)
  if not ledger then return false end
  local returning = {}
  for i, entry in ipairs(ledger.returning) do returning[i] = {entry[1] - now, entry[2]} end
  return {
    tokens = ledger.tokens, window = ledger.window, spent = ledger.spent, reserved = ledger.reserved,
    others = ledger.others, others_return = ledger.others_until - now, blocked = ledger.blocked_until - now,
    returning = returning,
  }
end

local results = {}
for i, operation in ipairs(cjson.decode(ARGV[3])) do results[i] = operations[operation.op](operation) end
store_changed()
return cjson.encode(results)
