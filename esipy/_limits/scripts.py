"""What RedisLimits has Redis do: `ledger.py` once more, in Lua, where nothing else happens in between.

A ledger is one value. Time is that of Redis, so that all machines agree; `ARGV[1]` is by how much a test has
moved the clock. https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from esipy._limits.headers import ERRORS
from esipy._limits.ledger import RESOLUTION

#: BOOK's word for ledgers that are not there yet.
NEW = b'new'


class Script(NamedTuple):
    text: str
    digest: str


_COMMON = """
local at = redis.call('TIME')
local now = at[1] + at[2] / 1000000 + ARGV[1]

-- A ledger is its figures, entries of 12 bytes (when it comes back, tokens), then bookings of 28 (name, until when,
-- tokens), each the oldest first: nearly all calls look at the first and the last of them alone.
local FIGURES, SIZE, ENTRY, BOOKING = '>dddddddddI4', 76, 12, 28

local function load(key)
  local kept = redis.call('GET', key)
  if not kept or #kept < SIZE + 4 or string.sub(kept, 1, 4) ~= 'esi1' then return nil end
  local l = {}
  local n
  l.tokens, l.window, l.reserve, l.closed, l.spent, l.total, l.booked, l.foreign, l.foreign_until, n =
    struct.unpack(FIGURES, kept, 5)
  local rest = #kept - SIZE - 4 - n
  if n % ENTRY ~= 0 or rest < 0 or rest % BOOKING ~= 0 or l.window <= 0 then return nil end
  l.entries = string.sub(kept, SIZE + 5, SIZE + 4 + n)
  l.bookings = string.sub(kept, SIZE + 5 + n)
  return l
end

local function save(key, l)
  local kept = 'esi1' .. struct.pack(FIGURES, l.tokens, l.window, l.reserve, l.closed, l.spent, l.total, l.booked,
    l.foreign, l.foreign_until, #l.entries) .. l.entries .. l.bookings
  redis.call('SET', key, kept, 'EX', math.ceil(math.max(l.window + 3600, l.closed - now)))
end

local function fresh(tokens, window, reserve)
  return {
    tokens = tokens, window = window, reserve = reserve, closed = 0, spent = 0, total = 0, booked = 0,
    foreign = 0, foreign_until = 0, entries = '', bookings = '',
  }
end

local function entry(l, i)
  return struct.unpack('>dI4', l.entries, i * ENTRY - ENTRY + 1)
end

local function spend(l, tokens, returns)
  local grain, n = l.window / RESOLUTION, #l.entries / ENTRY
  returns = math.ceil(returns / grain) * grain
  l.spent, l.total = l.spent + tokens, l.total + tokens
  if n > 0 then
    local last, more = entry(l, n)
    if last >= returns then
      returns, tokens, l.entries = last, tokens + more, string.sub(l.entries, 1, -ENTRY - 1)
    end
  end
  l.entries = l.entries .. struct.pack('>dI4', returns, tokens)
end

local function drop(l, n)
  l.entries = string.sub(l.entries, n * ENTRY + 1)
end

local function take_back(l)
  while #l.bookings > 0 do
    local till, tokens = struct.unpack('>dI4', l.bookings, 17)
    if till > now then break end
    l.bookings = string.sub(l.bookings, BOOKING + 1)
    l.booked = l.booked - tokens
    spend(l, tokens, till + l.window)
  end
  local n = 0
  while #l.entries > n * ENTRY do
    local returns, tokens = entry(l, n + 1)
    if returns > now then break end
    l.spent, n = l.spent - tokens, n + 1
  end
  if n > 0 then drop(l, n) end
  if l.foreign_until <= now then l.foreign = 0 end
end
"""


def _script(text: str) -> Script:
    whole = (_COMMON + text).replace('RESOLUTION', str(RESOLUTION))
    return Script(whole, hashlib.sha1(whole.encode(), usedforsecurity=False).hexdigest())


#: Make a ledger, unless it is there, and let it know of what else is used. KEYS: it; ARGV: offset, tokens, window,
#: reserve, used, closed.
TELL = _script("""
local l = load(KEYS[1]) or fresh(tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]))
take_back(l)
local foreign = tonumber(ARGV[5]) - l.spent
if foreign > l.foreign then l.foreign, l.foreign_until = foreign, now + l.window end
l.closed = math.max(l.closed, now + ARGV[6])
save(KEYS[1], l)
return 1
""")

#: Book all or nothing. KEYS: the gate, the ledgers; ARGV: offset, lease, name (16 bytes), the cost for each
#: ledger.
#: Gives ['new'], or ['0', what was spent ever of each], or [the seconds to wait (-1: until a call ends), 1 if any is
#: under way].
BOOK = _script("""
local function wait(l, cost)
  if now < l.closed then return l.closed - now end
  local whole = math.max(1, l.tokens - l.reserve)
  local missing = math.min(cost, whole) - (whole - l.spent - l.booked - l.foreign)
  if missing <= 0 then return 0 end
  local foreign = l.foreign
  for i = 1, #l.entries / ENTRY do
    local returns, tokens = entry(l, i)
    if foreign > 0 and l.foreign_until <= returns then
      missing, foreign = missing - foreign, 0
      if missing <= 0 then return l.foreign_until - now end
    end
    missing = missing - tokens
    if missing <= 0 then return returns - now end
  end
  if foreign >= missing then return l.foreign_until - now end
  return -1
end

local gate = load(KEYS[1])
local longest, held = gate and math.max(0, gate.closed - now) or 0, 0
local ledgers = {}
for i = 2, #KEYS do
  local l = load(KEYS[i])
  if not l then return {'new'} end
  take_back(l)
  local seconds = wait(l, tonumber(ARGV[i + 2]))
  if longest >= 0 and (seconds < 0 or seconds > longest) then longest = seconds end
  if seconds ~= 0 and l.booked > 0 and l.closed <= now then held = 1 end
  ledgers[i] = l
end
if longest ~= 0 then return {string.format('%.4f', longest), held} end
local said = {'0'}
for i = 2, #KEYS do
  local l, cost = ledgers[i], tonumber(ARGV[i + 2])
  l.bookings = l.bookings .. ARGV[3] .. struct.pack('>dI4', now + ARGV[2], cost)
  l.booked = l.booked + cost
  save(KEYS[i], l)
  said[i] = l.total
end
return said
""")

#: KEYS: the gate, the ledgers; ARGV: offset, name ('': nothing was booked), for how long the gate is closed, and for
#: each ledger, in one text: spent ever when it was booked, cost, returns, used, tokens, window (-1: not told), closed.
SETTLE = _script(
    """
local function unbook(l, name)
  local at = name ~= '' and string.find(l.bookings, name, 1, true)
  while at and at % BOOKING ~= 1 do at = string.find(l.bookings, name, at + 1, true) end
  if not at then return nil end
  local _, tokens = struct.unpack('>dI4', l.bookings, at + 16)
  l.bookings = string.sub(l.bookings, 1, at - 1) .. string.sub(l.bookings, at + BOOKING)
  return tokens
end

local function believe(l, used, meanwhile, returns)
  l.foreign, l.foreign_until = math.max(0, used - l.spent), returns
  local forgotten = l.spent - meanwhile - used
  while forgotten > 0 and #l.entries > 0 do
    local returns, tokens = entry(l, 1)
    local taken = math.min(tokens, forgotten)
    forgotten, l.spent = forgotten - taken, l.spent - taken
    drop(l, 1)
    if taken < tokens then l.entries = struct.pack('>dI4', returns, tokens - taken) .. l.entries end
  end
end

for i = 2, #KEYS do
  local l = load(KEYS[i])
  if l then
    local told = {}
    for word in string.gmatch(ARGV[i + 2], '%S+') do told[#told + 1] = tonumber(word) end
    local total, cost, back, used, tokens, window, closed = unpack(told)
    take_back(l)
    local booked = unbook(l, ARGV[2])
    l.booked = l.booked - (booked or 0)
    if tokens > 0 then l.tokens, l.window = tokens, window end
    local returns = now + (back < 0 and l.window or back)
    if cost > 0 and (booked or ARGV[2] == '') then spend(l, cost, returns) end
    if used >= 0 then believe(l, used, l.total - total, returns) end
    if closed > 0 then l.closed = math.max(l.closed, now + closed) end
    save(KEYS[i], l)
  end
end
local closed = tonumber(ARGV[3])
if closed > 0 then
  local gate = load(KEYS[1]) or fresh(TOKENS, WINDOW, 5)
  gate.closed = math.max(gate.closed, now + closed)
  save(KEYS[1], gate)
end
return 1
""".replace('TOKENS', str(ERRORS.tokens)).replace('WINDOW', str(ERRORS.window))
)

#: KEYS: a ledger. Gives tokens, window, spent, booked, foreign, in how many seconds that returns, for how many seconds
#: it is closed, and seconds and tokens of each entry; nothing for one that is not there.
LOOK = _script("""
local l = load(KEYS[1])
if not l then return nil end
take_back(l)
local said = {l.tokens, l.window, l.spent, l.booked, l.foreign, l.foreign_until - now, l.closed - now}
for i = 1, #l.entries / ENTRY do
  local returns, tokens = entry(l, i)
  said[#said + 1], said[#said + 2] = returns - now, tokens
end
for i, value in ipairs(said) do said[i] = tostring(value) end
return said
""")

ALL = (TELL, BOOK, SETTLE, LOOK)
