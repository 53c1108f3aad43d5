"""The budget in Redis: one for all processes that use the same key of the same endpoint.

One hash a key, changed by two scripts on the server's clock, so that no two processes count by
different ones. Windows are closed by one of the processes, which gets them exactly once.
"""

import hashlib
import json
from dataclasses import asdict
from typing import Any

from redis.asyncio import Redis

from pipeline.embed.pace.budget import (
    AHEAD_SECONDS,
    BURST_SECONDS,
    FORGOTTEN_SECONDS,
    HOLD_SECONDS,
    OVERRUN_ANSWERS,
    OVERRUN_SHARE,
    WINDOW_ANSWERS,
    WINDOW_SECONDS,
    WINDOW_SECONDS_MAX,
    Closed,
    Told,
    Turn,
    Valves,
    hold_after,
)
from pipeline.embed.pace.valve import Valve

# Rates are units a second, times milliseconds of the server's clock; a rate of 0 is none.
TAKE = """
local now = redis.call('TIME'); now = now[1] * 1000 + now[2] / 1000
local urgent = ARGV[2] == '1'
local function read(field, default)
  return tonumber(redis.call('HGET', KEYS[1], field) or default)
end
local hold = read('hold_until', 0)
local rates = {read('requests_rate', ARGV[3]), read('tokens_rate', ARGV[4])}
if hold > now and not urgent then
  return {math.ceil(hold - now), 0, tostring(rates[1]), tostring(rates[2])}
end
local units = {1, tonumber(ARGV[1])}
local fields = {'requests_at', 'tokens_at'}
local at, wait = {}, 0
for i = 1, 2 do
  at[i] = read(fields[i], 0)
  if rates[i] > 0 then
    at[i] = math.max(at[i], now - tonumber(ARGV[5]))
    wait = math.max(wait, at[i] - now)
    at[i] = at[i] + units[i] / rates[i] * 1000
  end
end
local reserved = 0
if urgent or wait <= tonumber(ARGV[6]) then
  reserved = 1
  for i = 1, 2 do
    redis.call('HSET', KEYS[1], fields[i], string.format('%.3f', at[i]))
  end
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
return {math.ceil(wait), reserved, tostring(rates[1]), tostring(rates[2])}
"""
TELL = """
local now = redis.call('TIME'); now = now[1] * 1000 + now[2] / 1000
local kind, tokens, expected = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local function read(field) return tonumber(redis.call('HGET', KEYS[1], field) or 0) end
local function write(field, value)
  redis.call('HSET', KEYS[1], field, string.format('%.3f', value))
end
local rate = read('tokens_rate')
if rate > 0 then write('tokens_at', read('tokens_at') + (tokens - expected) / rate * 1000) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'requests_limit', ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'tokens_limit', ARGV[7]) end
if read('window_since') == 0 then write('window_since', now) end
local answers = redis.call('HINCRBY', KEYS[1], 'window_answers', 1)
if kind == 'accepted' then
  redis.call('HSET', KEYS[1], 'streak', 0)
  redis.call('HINCRBY', KEYS[1], 'window_requests', 1)
  redis.call('HINCRBY', KEYS[1], 'window_tokens', tokens)
else
  redis.call('HINCRBY', KEYS[1], 'window_refused_' .. kind, 1)
  redis.call('HINCRBY', KEYS[1], 'window_refused', 1)
  if redis.call('HINCRBY', KEYS[1], 'streak', 1) >= tonumber(ARGV[5]) then
    local held, till = read('hold_until'), now + tonumber(ARGV[4])
    write('window_held', read('window_held') + math.max(till - math.max(held, now), 0))
    write('hold_until', math.max(held, till))
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[11])
local age = now - read('window_since')
-- What went before the limit was known tells nothing.
local learnt = ARGV[6] ~= '' and read('requests_rate') == 0
if learnt then write('window_since', now) end
local overrun = answers >= tonumber(ARGV[12])
  and read('window_refused') >= tonumber(ARGV[13]) * answers
local enough = tonumber(answers >= tonumber(ARGV[10]) and ARGV[8] or ARGV[9])
if age < enough and not overrun and not learnt then return {} end
if learnt then age, answers = 0, 0 end
local function text(field) return redis.call('HGET', KEYS[1], field) or '' end
local closed = {
  string.format('%.3f', age), text('window_requests'), text('window_tokens'), tostring(answers),
  text('window_refused_requests'), text('window_refused_tokens'),
  string.format('%.3f', math.min(read('window_held'), age)),
  text('requests_valve'), text('tokens_valve'), text('requests_limit'), text('tokens_limit')
}
redis.call('HDEL', KEYS[1], 'window_requests', 'window_tokens', 'window_answers',
  'window_refused', 'window_refused_requests', 'window_refused_tokens', 'window_refused_chance',
  'window_held')
write('window_since', math.max(now, read('hold_until')))  -- what is held says nothing
return closed
"""


def budget_name(namespace: str, *, base_url: str, api_key: str) -> str:
    """The name of a key's budget; it tells nothing of the key."""
    named = json.dumps([base_url.rstrip("/"), api_key]).encode()
    return f"{namespace}:pace:{hashlib.sha256(named).hexdigest()[:32]}"


class SharedBudget:
    """Raises what the client raises when Redis is away.

    `valves` are the latest that are known here; where Redis has forgotten them, or is new, they are
    what it begins with.
    """

    def __init__(self, redis: Redis, name: str, valves: Valves) -> None:
        self._name = name
        self._redis = redis
        self._take = redis.register_script(TAKE)
        self._tell = redis.register_script(TELL)
        self.valves = valves

    async def take(self, tokens: int, *, urgent: bool) -> Turn:
        wait, reserved, requests_rate, tokens_rate = await self._take(
            keys=[self._name],
            args=[
                tokens,
                int(urgent),
                self.valves.requests.rate or 0,
                self.valves.tokens.rate or 0,
                BURST_SECONDS * 1000,
                AHEAD_SECONDS * 1000,
                FORGOTTEN_SECONDS,
            ],
        )
        self.valves = Valves(Valve(float(requests_rate) or None), Valve(float(tokens_rate) or None))
        return Turn(int(wait) / 1000, bool(reserved))

    async def tell(self, told: Told) -> Closed | None:
        pause = HOLD_SECONDS if told.retry_after is None else told.retry_after
        closed = await self._tell(
            keys=[self._name],
            args=[
                told.kind.value,
                told.tokens,
                told.expected,
                pause * 1000,
                hold_after(told.retry_after),
                told.requests_limit or "",
                told.tokens_limit or "",
                WINDOW_SECONDS * 1000,
                WINDOW_SECONDS_MAX * 1000,
                WINDOW_ANSWERS,
                FORGOTTEN_SECONDS,
                OVERRUN_ANSWERS,
                OVERRUN_SHARE,
            ],
        )
        return self._closed(*map(_text, closed)) if closed else None

    async def set(self, valves: Valves) -> None:
        self.valves = valves
        await self._redis.hset(
            self._name,
            mapping={
                "requests_rate": valves.requests.rate or 0,
                "tokens_rate": valves.tokens.rate or 0,
                "requests_valve": json.dumps(asdict(valves.requests)),
                "tokens_valve": json.dumps(asdict(valves.tokens)),
            },
        )

    def _closed(self, *said: str) -> Closed:
        milliseconds, requests, tokens, answers, too_many, too_many_tokens, held, *rest = said
        requests_valve, tokens_valve, requests_limit, tokens_limit = rest
        return Closed.of(
            float(milliseconds) / 1000,
            float(held) / 1000,
            answers=int(answers),
            requests=(int(requests or 0), int(too_many or 0)),
            tokens=(int(tokens or 0), int(too_many_tokens or 0)),
            valves=Valves(
                _valve(requests_valve, self.valves.requests),
                _valve(tokens_valve, self.valves.tokens),
            ),
            limits=(
                float(requests_limit) if requests_limit else None,
                float(tokens_limit) if tokens_limit else None,
            ),
        )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _valve(written: str, otherwise: Valve) -> Valve:
    if not written:
        return otherwise
    fields = json.loads(written)
    before = fields.pop("before")
    return Valve(**fields, before=None if before is None else (before[0], before[1]))
