-- What RedisLimits runs in Redis: the same rules as ledger.py. A script runs as one step, so no two processes can
-- reserve the same tokens.
--
-- KEYS     the ledgers that the operation uses
-- ARGV[1]  the operation: one of the functions of `operations`; the reply is its result, as JSON
-- ARGV[2]  its arguments, as a JSON list
-- ARGV[3]  how many entries a window has at most (RESOLUTION in ledger.py)
-- ARGV[4]  seconds by which a test has moved the clock; the time itself is that of Redis, so that all machines agree
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
local RESOLUTION = tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + ARGV[4]

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
    local until_, tokens, expected = reservation[1], reservation[2], reservation[3] or reservation[2]
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

-- An error for what is no number, not a number, or out of bounds: comparing with a number fails for all other types.
local function check(value, least, most)
  if not (value >= least and value <= most) then error('out of bounds') end
end

-- The ledger in a value; an error if it is something else. Anybody may have written it: with other numbers it would
-- block all calls for ever, or fail in every run. The loops do without `check`: a window has many entries.
local function read(stored)
  local ledger, latest = cmsgpack.unpack(stored), now + 2 * LONGEST
  if ledger.version ~= VERSION or #ledger.returning > 8 * RESOLUTION then error('not a ledger') end
  check(ledger.tokens, 0, MOST_TOKENS)
  check(ledger.margin, 0, MOST_TOKENS)
  check(ledger.spent, 0, MOST_TOKENS)
  check(ledger.total, 0, MOST_TOKENS)
  check(ledger.others, 0, MOST_TOKENS)
  check(ledger.window, 0.001, LONGEST)
  check(ledger.others_until, 0, latest)
  check(ledger.blocked_until, 0, latest)
  for _, entry in pairs(ledger.returning) do
    local at, tokens = entry[1], entry[2]
    if not (at >= 0 and at <= latest and tokens >= 0 and tokens <= MOST_TOKENS) then error('not an entry') end
  end
  for _, reservation in pairs(ledger.reservations) do
    check(reservation[1], 0, latest)
    check(reservation[2], 0, MOST_TOKENS)
    check(reservation[3] or 0, 0, MOST_TOKENS)
  end
  return ledger
end

-- The ledger of that key; nil if there is none, or something else is stored there.
local function load(key)
  if loaded[key] then return loaded[key] end
  local stored = redis.call('GET', key)
  if not stored then return nil end
  local is_valid, ledger = pcall(read, stored)
  if not is_valid then return nil end
  advance(ledger)
  loaded[key] = ledger
  return ledger
end

local function create(key, tokens, window, margin)
  loaded[key] = {
    version = VERSION, tokens = tokens, window = window, margin = margin,
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

-- Create the ledger KEYS[1] unless it is there, and add what a process knows of it.
function operations.add(used, blocked, tokens, window, margin)
  local key = KEYS[1]
  local ledger = load(key) or create(key, tokens, window, margin)
  local others = used - ledger.spent
  if others > ledger.others then ledger.others, ledger.others_until = others, now + ledger.window end
  ledger.blocked_until = math.max(ledger.blocked_until, now + blocked)
  changed[key] = true
  return true
end

-- Reserve `costs` of the ledgers KEYS[2] and on, all of them or none; `expected`: what the call will probably cost of
-- each. KEYS[1] is the error limit. Returns {missing = true}, {totals = what was ever spent of each}, or
-- {wait = seconds (-1: until a call ends), under_way = whether any call is}.
function operations.reserve(name, lease, costs, expected)
  local error_limit = load(KEYS[1])
  local longest = error_limit and math.max(0, error_limit.blocked_until - now) or 0
  local under_way = false
  for i, cost in ipairs(costs) do
    local ledger = load(KEYS[i + 1])
    if not ledger then return {missing = true} end
    local wait = wait_for(ledger, cost)
    if longest >= 0 and (wait < 0 or wait > longest) then longest = wait end
    if wait ~= 0 and ledger.reserved > 0 and ledger.blocked_until <= now then under_way = true end
  end
  if longest ~= 0 then return {wait = longest, under_way = under_way} end
  local totals = {}
  for i, cost in ipairs(costs) do
    local key = KEYS[i + 1]
    local ledger = load(key)
    ledger.reservations[name] = {now + lease, cost, expected[i]}
    ledger.reserved = ledger.reserved + cost
    changed[key] = true
    totals[i] = ledger.total
  end
  return {totals = totals}
end

-- Calls are still under way: the lease of names[i] in the ledger KEYS[i] begins anew.
function operations.renew(lease, names)
  for i, key in ipairs(KEYS) do
    local ledger = load(key)
    local reservation = ledger and ledger.reservations[names[i]]
    if reservation then
      reservation[1] = now + lease
      changed[key] = true
    end
  end
  return true
end

-- Replace what was reserved of a ledger by what the call cost. Without a `name` nothing was reserved.
local function settle(ledger, name, outcome)
  local reservation = ledger.reservations[name]
  if reservation then
    ledger.reservations[name] = nil
    ledger.reserved = ledger.reserved - reservation[2]
  end
  if outcome.tokens then ledger.tokens, ledger.window = outcome.tokens, outcome.window end
  local returns = now + (outcome.replenishes or ledger.window)
  -- If the lease ended before, the call has been counted already.
  if outcome.spent > 0 and (reservation or name == '') then spend(ledger, outcome.spent, returns) end
  if outcome.used then compare(ledger, outcome.used, ledger.total - outcome.total, returns) end
  if outcome.blocked > 0 then ledger.blocked_until = math.max(ledger.blocked_until, now + outcome.blocked) end
end

-- Settle the ledgers KEYS[2] and on. `blocked`: for how many seconds nothing may be sent, which the error limit KEYS[1]
-- remembers; its rule follows.
function operations.settle(name, outcomes, blocked, tokens, window, margin)
  for i, outcome in ipairs(outcomes) do
    local key = KEYS[i + 1]
    local ledger = load(key)
    if ledger then
      settle(ledger, name, outcome)
      changed[key] = true
    end
  end
  if blocked > 0 then
    local key = KEYS[1]
    local ledger = load(key) or create(key, tokens, window, margin)
    ledger.blocked_until = math.max(ledger.blocked_until, now + blocked)
    changed[key] = true
  end
  return true
end

-- Returns the ledger KEYS[1] as it stands, times in seconds from now; false if there is none.
function operations.inspect()
  local ledger = load(KEYS[1])
  if not ledger then return false end
  local returning = {}
  for i, entry in ipairs(ledger.returning) do returning[i] = {entry[1] - now, entry[2]} end
  return {
    tokens = ledger.tokens, window = ledger.window, spent = ledger.spent, reserved = ledger.reserved,
    others = ledger.others, others_return = ledger.others_until - now, blocked = ledger.blocked_until - now,
    returning = returning,
  }
end

local result = operations[ARGV[1]](unpack(cjson.decode(ARGV[2])))
store_changed()
return cjson.encode(result)
