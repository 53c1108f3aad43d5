"""Which faults, on what, when and how long: all drawn from the seed before the run begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

BETWEEN_SECONDS = (0.2, 2.8)  # at least one every 3 s
SHORT, LONG = (0.5, 6.0), (32.0, 42.0)  # a lease lasts 30 s
LONG_SHARE = 0.3
BOOT_SECONDS = 6.0  # until a service that was started again is worth a fault

POLLERS = ("poller-1", "poller-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
APIS = ("api-1", "api-2")
SERVICES = (*POLLERS, *WORKERS, *APIS)


@dataclass(frozen=True, slots=True)
class Fault:
    at: float  # seconds since the begin
    kind: str
    target: str
    seconds: float  # how long it lasts
    dose: float  # from 0 to 1: what more or less of it means, the kind knows


Seconds = Callable[[Random], float]


def within(low: float, high: float) -> Seconds:
    return lambda random: random.uniform(low, high)


def freezing(random: Random) -> float:
    return random.uniform(*(LONG if random.random() < LONG_SHARE else SHORT))


@dataclass(frozen=True, slots=True)
class Kind:
    weight: int
    targets: Sequence[str]
    seconds: Seconds
    rest: float = 0.0  # how long afterwards the target is left alone


RESTART = within(0.1, 5.0)

KINDS: Mapping[str, Kind] = {
    "worker killed": Kind(10, WORKERS, RESTART, BOOT_SECONDS),
    "worker frozen": Kind(8, WORKERS, freezing),
    "worker stopped": Kind(3, WORKERS, RESTART, BOOT_SECONDS),
    "parser killed": Kind(2, WORKERS, within(0, 0)),
    "clock wrong": Kind(2, (*WORKERS, *POLLERS), RESTART, BOOT_SECONDS),
    "scratch full": Kind(3, WORKERS[-1:], within(2, 10)),
    "poller killed": Kind(6, POLLERS, RESTART, BOOT_SECONDS),
    "poller frozen": Kind(4, POLLERS, freezing),
    "poller stopped": Kind(1, POLLERS, RESTART, BOOT_SECONDS),
    "api killed": Kind(3, APIS, RESTART, BOOT_SECONDS),
    "api frozen": Kind(1, APIS, within(*SHORT)),
    "valkey killed": Kind(3, ("valkey",), within(0.1, 5), 2),
    "valkey flushed": Kind(3, ("valkey",), within(0, 0)),
    "valkey frozen": Kind(1, ("valkey",), within(1, 8)),
    "postgres killed": Kind(2, ("postgres",), within(0.1, 4), 3),
    "postgres restarted": Kind(2, ("postgres",), within(0.1, 3), 3),
    "postgres cut": Kind(4, ("postgres",), within(0, 0)),
    "postgres frozen": Kind(2, ("postgres",), within(1, 8)),
    "milvus killed": Kind(3, ("milvus",), within(0.5, 10), 4),
    "milvus frozen": Kind(2, ("milvus",), within(1, 15)),
    "milvus slow": Kind(2, ("milvus weather",), within(3, 10)),
    "milvus refusing": Kind(3, ("milvus writes",), within(3, 10)),
    "milvus unanswering": Kind(3, ("milvus writes",), within(3, 10)),
    "milvus cut": Kind(4, ("milvus calls",), within(0, 0)),
    "embedder 429": Kind(3, ("embedder rate",), within(2, 8)),
    "embedder 500": Kind(3, ("embedder errors",), within(2, 8)),
    "embedder slow": Kind(2, ("embedder speed",), within(2, 8)),
    "embedder wrong": Kind(4, ("embedder answers",), within(2, 8)),
    "embedder down": Kind(2, ("embedder",), within(2, 12)),
    "embedder killed": Kind(2, ("embedder",), within(0.1, 8), 3),
    "s3 failing": Kind(4, ("r2 errors",), within(0, 0)),
    "s3 cut": Kind(3, ("r2 cuts",), within(0, 0)),
    "s3 slow": Kind(3, ("r2 speed",), within(0, 0)),
    "s3 killed": Kind(2, ("objects",), within(0.1, 5), 2),
    "s3 frozen": Kind(1, ("objects",), within(1, 6)),
    "queue doubling": Kind(3, ("queue sends",), within(0, 0)),
    "queue late": Kind(3, ("queue delays",), within(0, 0)),
    "queue losing": Kind(3, ("queue drops",), within(0, 0)),
    "queue repeating": Kind(3, ("queue leases",), within(0, 0)),
    "queue shuffling": Kind(1, ("queue order",), within(5, 10)),
    "queue pulls lost": Kind(2, ("queue pulls",), within(0, 0)),
    "queue acks failing": Kind(2, ("queue acks",), within(0, 0)),
    "queue garbage": Kind(3, ("queue bodies",), within(0, 0)),
    "cloudflare killed": Kind(2, ("cloudflare",), within(0.1, 5), 3),
    "cloudflare frozen": Kind(1, ("cloudflare",), within(1, 6)),
}


def draw(seed: int, count: int, *, without: frozenset[str]) -> list[Fault]:
    """`without` are the kinds that this machine cannot do."""
    random = Random(f"faults {seed}")
    kinds = {name: kind for name, kind in KINDS.items() if name not in without}
    busy_until: dict[str, float] = {}
    faults: list[Fault] = []
    now = 0.0
    while len(faults) < count:
        now += random.uniform(*BETWEEN_SECONDS)
        while True:
            [name] = random.choices(list(kinds), weights=[kind.weight for kind in kinds.values()])
            target = random.choice(kinds[name].targets)
            seconds = kinds[name].seconds(random)
            if busy_until.get(target, 0.0) <= now and not _last_of_its_kind(
                target, busy_until, now
            ):
                break
        busy_until[target] = now + seconds + kinds[name].rest
        faults.append(Fault(now, name, target, seconds, random.random()))
    return faults


def _last_of_its_kind(target: str, busy_until: Mapping[str, float], now: float) -> bool:
    """All workers may be away for a moment, but not for the length of a freeze: nothing would be
    at stake meanwhile."""
    for kind in (POLLERS, WORKERS, APIS):
        if target in kind:
            others = [each for each in kind if each != target]
            return all(busy_until.get(each, 0.0) > now + LONG[0] / 2 for each in others)
    return False
