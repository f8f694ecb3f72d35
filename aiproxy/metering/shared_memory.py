"""Levels in Redis or Valkey: one script checks and takes all that a call asks, in one round trip.

The arithmetic is that of ``meters.py``, in Lua; the clock is the server's, so that workers need not agree on theirs.
A meter is a hash (``used``, ``at``, ``held``, and ``lease:…`` with what each holds) and, for what is held, a sorted
set of the leases by their ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiproxy.metering.meters import LEASE_SECONDS, Ask, Meter
from aiproxy.metering.store import Taken
from aiproxy.state.redis import Redis

_WORDS = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local lease, seconds = ARGV[2], tonumber(ARGV[3])

local meters = {}
for i = 1, #KEYS / 2 do
  local at = 3 + (i - 1) * 5
  meters[i] = {
    key = KEYS[2 * i - 1], leases = KEYS[2 * i], kind = ARGV[at + 1], limit = tonumber(ARGV[at + 2]),
    amount = ARGV[at + 3], extra = ARGV[at + 4], ends = tonumber(ARGV[at + 5]),
  }
end

local function number(value)
  return tonumber(value) or 0
end

local function live_on(meter)
  local left = 2 * seconds
  if meter.kind == 'budget' then left = math.max(1, meter.ends - now) + 3600 end
  redis.call('EXPIRE', meter.key, math.ceil(left))
  redis.call('EXPIRE', meter.leases, math.ceil(left))
end

local function let_go(meter, name)
  local amount = redis.call('HGET', meter.key, 'lease:' .. name)
  redis.call('ZREM', meter.leases, name)
  if amount then
    redis.call('HDEL', meter.key, 'lease:' .. name)
    if amount ~= '0' then redis.call('HINCRBY', meter.key, 'held', '-' .. amount) end  -- "-0" is no number there
  end
end

local function used(meter)
  if meter.kind == 'rate' then
    local level = redis.call('HMGET', meter.key, 'used', 'at')
    local flown = math.max(0, now - number(level[2])) * meter.limit / 60
    return math.max(0, number(level[1]) - flown)
  end
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', meter.leases, '-inf', now)) do
    let_go(meter, name)
  end
  local level = redis.call('HMGET', meter.key, 'used', 'held')
  return number(level[1]) + number(level[2])
end

local function fill(meter, level)
  redis.call('HSET', meter.key, 'used', string.format('%.17g', level), 'at', string.format('%.17g', now))
  redis.call('EXPIRE', meter.key, math.ceil(level / meter.limit * 60) + 1)
end

local function put(meter)
  if meter.kind == 'rate' then
    fill(meter, used(meter) + meter.amount)
    return
  end
  if redis.call('HSETNX', meter.key, 'lease:' .. lease, meter.amount) == 1 then
    redis.call('HINCRBY', meter.key, 'held', meter.amount)
  end
  redis.call('ZADD', meter.leases, now + seconds, lease)
  live_on(meter)
end
"""

_TAKE = (
    _WORDS
    + """
for _, meter in ipairs(meters) do
  if meter.kind == 'budget' then
    local known = redis.call('HGET', meter.key, 'used')
    if not known and meter.extra == '' then return {-1} end
    if meter.extra ~= '' and number(meter.extra) > (tonumber(known) or -1) then
      redis.call('HSET', meter.key, 'used', meter.extra)
      live_on(meter)
    end
  end
end
local fit, answer = 1, {}
for i, meter in ipairs(meters) do
  local level = used(meter)
  answer[i + 1] = string.format('%.17g', level)
  local empty = meter.kind == 'rate' and level <= 0.000001
  if not empty and level + meter.amount > meter.limit + 0.000001 then fit = 0 end
end
if fit == 1 then
  for _, meter in ipairs(meters) do put(meter) end
end
answer[1] = fit
return answer
"""
)

_SETTLE = (
    _WORDS
    + """
for _, meter in ipairs(meters) do
  if meter.kind == 'rate' then
    fill(meter, math.max(0, used(meter) + meter.extra - meter.amount))
  else
    let_go(meter, lease)
    if meter.kind == 'budget' and redis.call('HEXISTS', meter.key, 'used') == 1 then
      redis.call('HINCRBY', meter.key, 'used', meter.extra)
    end
  end
end
"""
)

_RENEW = _WORDS + "for _, meter in ipairs(meters) do put(meter) end"

_USED = (
    _WORDS
    + """
local answer = {}
for i, meter in ipairs(meters) do
  answer[i] = string.format('%.17g', used(meter))
  if meter.kind == 'budget' and redis.call('HEXISTS', meter.key, 'used') == 0 then answer[i] = '' end
end
return answer
"""
)

_PREFIX = "limit:"


class SharedMemory:
    """A Store. ``now`` is for tests; without it the server's clock holds."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self.now: float | None = None

    async def take(self, asks: Sequence[Ask], lease: str, paid: Mapping[str, int]) -> Taken:
        extras = [paid.get(ask.meter.key, "") for ask in asks]
        fit, *before = await self._run(_TAKE, asks, lease, extras)
        return Taken(fit == 1, [float(text) for text in before], untold=fit == -1)

    async def settle(self, asks: Sequence[Ask], lease: str, actual: Sequence[int]) -> None:
        changed = [
            (ask, amount)
            for ask, amount in zip(asks, actual, strict=True)
            if ask.meter.kind != "rate" or amount != ask.amount
        ]
        if changed:
            some, amounts = zip(*changed, strict=True)
            await self._run(_SETTLE, some, lease, amounts)

    async def renew(self, asks: Sequence[Ask], lease: str) -> None:
        held = [ask for ask in asks if ask.meter.kind != "rate"]
        if held:
            await self._run(_RENEW, held, lease, [""] * len(held))

    async def used(self, meters: Sequence[Meter]) -> list[float | None]:
        asks = [Ask(meter, 0) for meter in meters]
        answer = await self._run(_USED, asks, "", [""] * len(asks))
        return [float(text) if text else None for text in answer]

    async def sweep(self) -> None:
        """Redis forgets by itself."""

    async def _run(
        self, script: str, asks: Sequence[Ask], lease: str, extras: Iterable[int | str]
    ) -> Any:
        keys = [f"{_PREFIX}{ask.meter.key}{end}" for ask in asks for end in ("", ":leases")]
        args: list[str | int | float] = ["" if self.now is None else self.now, lease, LEASE_SECONDS]
        for (meter, amount), extra in zip(asks, extras, strict=True):
            ends = meter.ends if meter.kind == "budget" else 0
            args += [meter.kind, meter.limit, amount, extra, ends]
        return await self._redis.run(script, keys, args)
