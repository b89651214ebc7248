-- What RedisLimits runs in Redis: the same rules as ledger.py. A script runs as one step, so no two processes can
-- reserve the same tokens.
--
-- A run settles the calls that have ended, then does an operation. The reply is the operation's result, as JSON.
--
-- KEYS     the ledgers that the operation uses, then those that are settled
-- ARGV[1]  a JSON list: the operation, one of the functions of `operations`; a list of its arguments; how many entries a
--          window has at most (RESOLUTION in ledger.py); the seconds by which a test has moved the clock. The time itself
--          is that of Redis, so that all machines agree
-- ARGV[2]  what is settled: the arguments of `settle`, as SETTLEMENT says, one after another
--
-- Each ledger is one value, so that Redis cannot evict a part of it: VERSION and these, in MessagePack. Neither names nor
-- a table for each entry are stored: reading and writing those took most of the time of a run.
--   tokens, window, margin       the rule, and what is never spent of it
--   spent, total                 spent within the window, and ever
--   others, others_until         used by others, and when that returns
--   blocked_until                nothing may be sent before
--   returning                    when, tokens, when, tokens, …: what returns, the earliest first
--   reservations                 by name {until, tokens, expected}: when the lease ends, what a call under way may
--                                cost, and what it will probably cost
--
-- https://redis.io/docs/latest/develop/programmability/lua-api/

local VERSION = 'esipy-2'
local SETTLEMENT = '>ddddddddds'
local operation, arguments, RESOLUTION, offset = unpack(cjson.decode(ARGV[1]))
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000 + offset

-- Seconds: no window, and no time that a server has to be left alone, is longer. Tokens: more are never spent.
local LONGEST, MOST_TOKENS = 10 * 86400, 1e15

-- The ledgers that this run has loaded; `changed`: those to be stored at its end; `settled`: the names of the
-- reservations that it settles.
local loaded, changed, settled = {}, {}, {}

local function spend(ledger, tokens, returns)
  local step, returning = ledger.window / RESOLUTION, ledger.returning
  local count = #returning
  if count > 0 and returning[count - 1] >= returns then
    returning[count] = returning[count] + tokens
  else
    returning[count + 1], returning[count + 2] = math.ceil(returns / step) * step, tokens
  end
  ledger.spent, ledger.total = ledger.spent + tokens, ledger.total + tokens
end

-- Remove so many numbers at the start of `returning`, all at once: removing one by one would move the rest each time.
local function drop(ledger, count)
  if count > 0 then
    local rest = {}
    for i = count + 1, #ledger.returning do rest[#rest + 1] = ledger.returning[i] end
    ledger.returning = rest
  end
end

-- Bring a ledger up to date. A reservation whose lease has ended counts as spent at that moment, at the cost that most
-- calls have: the process that held it is gone. If the call did cost more, the headers of the next response say so; the
-- most that it may cost would block a small bucket for a window, in which no response could correct that. One that is
-- settled in this run counts at its true cost.
local function advance(ledger)
  ledger.reserved = 0
  for name, reservation in pairs(ledger.reservations) do
    local until_, tokens, expected = reservation[1], reservation[2], reservation[3]
    if until_ <= now and not settled[name] then
      ledger.reservations[name] = nil
      if expected > 0 and until_ + ledger.window > now then spend(ledger, expected, until_ + ledger.window) end
    else
      ledger.reserved = ledger.reserved + tokens
    end
  end
  local returning, count = ledger.returning, 0
  for i = 1, #returning, 2 do
    if returning[i] > now then break end
    ledger.spent, count = ledger.spent - returning[i + 1], i + 1
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
  local version, tokens, window, margin, spent, total, others, others_until, blocked_until, returning, reservations =
    cmsgpack.unpack(stored)
  local latest = now + 2 * LONGEST
  if version ~= VERSION or #returning > 16 * RESOLUTION then error('not a ledger') end
  check(tokens, 0, MOST_TOKENS)
  check(margin, 0, MOST_TOKENS)
  check(spent, 0, MOST_TOKENS)
  check(total, 0, MOST_TOKENS)
  check(others, 0, MOST_TOKENS)
  check(window, 0.001, LONGEST)
  check(others_until, 0, latest)
  check(blocked_until, 0, latest)
  for i = 1, #returning, 2 do
    local at, amount = returning[i], returning[i + 1]
    if not (at >= 0 and at <= latest and amount >= 0 and amount <= MOST_TOKENS) then error('not an entry') end
  end
  for _, reservation in pairs(reservations) do
    check(reservation[1], 0, latest)
    check(reservation[2], 0, MOST_TOKENS)
    check(reservation[3], 0, MOST_TOKENS)
  end
  return {
    tokens = tokens, window = window, margin = margin, spent = spent, total = total, others = others,
    others_until = others_until, blocked_until = blocked_until, returning = returning, reservations = reservations,
  }
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
    tokens = tokens, window = window, margin = margin, spent = 0, total = 0, others = 0, others_until = 0,
    blocked_until = 0, returning = {}, reservations = {}, reserved = 0,
  }
  return loaded[key]
end

local function store_changed()
  for key in pairs(changed) do
    local l = loaded[key]
    local lifetime = math.ceil(math.max(l.window + 3600, l.blocked_until - now))
    local value = cmsgpack.pack(
      VERSION, l.tokens, l.window, l.margin, l.spent, l.total, l.others, l.others_until, l.blocked_until, l.returning,
      l.reservations
    )
    redis.call('SET', key, value, 'EX', lifetime)
  end
end

-- Seconds until `cost` can be reserved: 0 now, -1 if that depends on calls under way.
local function wait_for(ledger, cost)
  if now < ledger.blocked_until then return ledger.blocked_until - now end
  local usable = math.max(1, ledger.tokens - ledger.margin)
  local missing = math.min(cost, usable) - (usable - ledger.spent - ledger.reserved - ledger.others)
  if missing <= 0 then return 0 end
  local others, returning = ledger.others, ledger.returning
  for i = 1, #returning, 2 do
    if others > 0 and ledger.others_until <= returning[i] then
      missing, others = missing - others, 0
      if missing <= 0 then return ledger.others_until - now end
    end
    missing = missing - returning[i + 1]
    if missing <= 0 then return returning[i] - now end
  end
  if others >= missing then return ledger.others_until - now end
  return -1
end

-- Compare with what the server counts as used: more than ours is used by others (or by calls that are still under
-- way); if it is less, the server has forgotten the difference, except what was spent after the call was sent.
local function compare(ledger, used, spent_meanwhile, returns)
  ledger.others, ledger.others_until = math.max(0, used - ledger.spent), returns
  local forgotten = ledger.spent - spent_meanwhile - used
  local returning, count = ledger.returning, 0
  for i = 1, #returning, 2 do
    if forgotten <= 0 then break end
    local taken = math.min(returning[i + 1], forgotten)
    forgotten, ledger.spent = forgotten - taken, ledger.spent - taken
    returning[i + 1] = returning[i + 1] - taken
    if returning[i + 1] == 0 then count = i + 1 end
  end
  drop(ledger, count)
end

-- Replace what the reservation `name` holds of the ledger KEYS[key] by what the call cost. Without a name nothing was
-- reserved. `ago`: for how many seconds that has been known; `total`: what had ever been spent when it was reserved; the
-- others are those of a Charge in ledger.py, -1 where they are unknown.
local function settle(key, ago, total, spent, blocked, replenishes, used, tokens, window, name)
  local ledger = load(KEYS[key])
  if not ledger then return end
  changed[KEYS[key]] = true
  local reservation = ledger.reservations[name]
  if reservation then
    ledger.reservations[name] = nil
    ledger.reserved = ledger.reserved - reservation[2]
  end
  if tokens >= 0 then ledger.tokens, ledger.window = tokens, window end
  local returns = now - ago + (replenishes >= 0 and replenishes or ledger.window)
  if blocked > 0 then ledger.blocked_until = math.max(ledger.blocked_until, now - ago + blocked) end
  if returns <= now then return end
  -- If the lease ended before, the call has been counted already.
  if spent > 0 and (reservation or name == '') then spend(ledger, spent, returns) end
  if used >= 0 then compare(ledger, used, ledger.total - total, returns) end
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

-- Nothing but what is settled.
function operations.settle()
  return true
end

-- Returns the ledger KEYS[1] as it stands, times in seconds from now; false if there is none.
function operations.inspect()
  local ledger = load(KEYS[1])
  if not ledger then return false end
  local returning = {}
  for i = 1, #ledger.returning, 2 do table.insert(returning, {ledger.returning[i] - now, ledger.returning[i + 1]}) end
  return {
    tokens = ledger.tokens, window = ledger.window, spent = ledger.spent, reserved = ledger.reserved,
    others = ledger.others, others_return = ledger.others_until - now, blocked = ledger.blocked_until - now,
    returning = returning,
  }
end

local settlements, position = {}, 1
while position <= #ARGV[2] do
  local settlement = {struct.unpack(SETTLEMENT, ARGV[2], position)}
  position = settlement[11]
  settled[settlement[10]] = true
  settlements[#settlements + 1] = settlement
end
for _, settlement in ipairs(settlements) do settle(unpack(settlement)) end
local result = operations[operation](unpack(arguments))
store_changed()
return cjson.encode(result)
