"""What RedisLimits has Redis do: `ledger.py` once more, in Lua, where nothing else happens in between.

A ledger is one value, packed. Time is that of Redis, so that all machines agree; `ARGV[1]` is by how much a test has
moved the clock. https://redis.io/docs/latest/develop/programmability/eval-intro/
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from esipy.limits.ledger import GRAINS
from esipy.limits.told import ERRORS

#: BOOK's word for ledgers that are not there yet.
NEW = b'new'


class Script(NamedTuple):
    text: str
    digest: str


_COMMON = """
local at = redis.call('TIME')
local now = at[1] + at[2] / 1000000 + ARGV[1]

local function load(key)
  local kept = redis.call('GET', key)
  if not kept then return nil end
  local ok, ledger = pcall(cmsgpack.unpack, kept)
  return ok and type(ledger) == 'table' and ledger.version == 1 and ledger or nil
end

local function save(key, l)
  local seconds = math.max(l.window + 3600, l.closed - now)
  redis.call('SET', key, cmsgpack.pack(l), 'EX', math.ceil(seconds))
end

local function fresh(tokens, window, reserve)
  return {
    version = 1, tokens = tokens, window = window, reserve = reserve, closed = 0,
    spent = 0, total = 0, booked = 0, foreign = 0, foreign_until = 0, entries = {}, bookings = {},
  }
end

local function spend(l, tokens, returns)
  local grain = l.window / GRAINS
  returns = math.ceil(returns / grain) * grain
  local n = #l.entries
  if n > 0 and l.entries[n - 1] >= returns then
    l.entries[n] = l.entries[n] + tokens
  else
    l.entries[n + 1], l.entries[n + 2] = returns, tokens
  end
  l.spent, l.total = l.spent + tokens, l.total + tokens
end

local function drop(l, n)
  local rest = {}
  for i = n + 1, #l.entries do rest[i - n] = l.entries[i] end
  l.entries = rest
end

local function take_back(l)
  for id, booking in pairs(l.bookings) do
    if booking[1] <= now then
      l.bookings[id] = nil
      l.booked = l.booked - booking[2]
      spend(l, booking[2], booking[1] + l.window)
    end
  end
  local n = 0
  while l.entries[n + 1] and l.entries[n + 1] <= now do
    l.spent = l.spent - l.entries[n + 2]
    n = n + 2
  end
  if n > 0 then drop(l, n) end
  if l.foreign_until <= now then l.foreign = 0 end
end
""".replace('GRAINS', str(GRAINS))


def _script(text: str) -> Script:
    whole = _COMMON + text
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

#: Book all or nothing. KEYS: the gate, the ledgers; ARGV: offset, lease, name, the cost for each ledger.
#: Gives ['new'], or ['0', what was spent ever of each], or [the seconds to wait (-1: until a call ends), 1 if any is
#: under way].
BOOK = _script("""
local function wait(l, cost)
  if now < l.closed then return l.closed - now end
  local whole = math.max(1, l.tokens - l.reserve)
  local missing = math.min(cost, whole) - (whole - l.spent - l.booked - l.foreign)
  if missing <= 0 then return 0 end
  local foreign = l.foreign
  for i = 1, #l.entries, 2 do
    if foreign > 0 and l.foreign_until <= l.entries[i] then
      missing, foreign = missing - foreign, 0
      if missing <= 0 then return l.foreign_until - now end
    end
    missing = missing - l.entries[i + 1]
    if missing <= 0 then return l.entries[i] - now end
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
  l.bookings[ARGV[3]] = {now + ARGV[2], cost}
  l.booked = l.booked + cost
  save(KEYS[i], l)
  said[i] = l.total
end
return said
""")

#: KEYS: the gate, the ledgers; ARGV: offset, name ('': nothing was booked), for how long the gate is closed, and for
#: each ledger: spent ever when it was booked, cost, returns, used, tokens, window (-1: not told), closed.
SETTLE = _script(
    """
local function believe(l, used, meanwhile, returns)
  l.foreign, l.foreign_until = math.max(0, used - l.spent), returns
  local forgotten, n = l.spent - meanwhile - used, 0
  while forgotten > 0 and l.entries[n + 1] do
    local taken = math.min(l.entries[n + 2], forgotten)
    forgotten = forgotten - taken
    l.spent = l.spent - taken
    l.entries[n + 2] = l.entries[n + 2] - taken
    if l.entries[n + 2] == 0 then n = n + 2 end
  end
  if n > 0 then drop(l, n) end
end

for i = 2, #KEYS do
  local l = load(KEYS[i])
  if l then
    local function told(n) return tonumber(ARGV[i * 7 - 11 + n]) end
    local total, cost, back, used = told(1), told(2), told(3), told(4)
    local tokens, window, closed = told(5), told(6), told(7)
    take_back(l)
    local booking = l.bookings[ARGV[2]]
    if booking then
      l.bookings[ARGV[2]] = nil
      l.booked = l.booked - booking[2]
    end
    if tokens > 0 then l.tokens, l.window = tokens, window end
    local returns = now + (back < 0 and l.window or back)
    if cost > 0 and (booking or ARGV[2] == '') then spend(l, cost, returns) end
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
for i = 1, #l.entries, 2 do
  said[#said + 1] = l.entries[i] - now
  said[#said + 1] = l.entries[i + 1]
end
for i, value in ipairs(said) do said[i] = tostring(value) end
return said
""")
