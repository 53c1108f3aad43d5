"""Doing each kind of fault, and undoing it when its time is over."""

import asyncio
import errno
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import psutil
from redis.asyncio import Redis
from redis.exceptions import RedisError

from stack.backends import Backends
from stack.errors import StackError

from .milvus_proxy import MilvusProxy
from .plan import Fault
from .servers import Switches
from .system import SCRATCH_BYTES, System

STARTS_MAX = 5  # of a server that was killed: what it left behind may take a moment to go
WATCH_SECONDS = 0.5
CLOCK_SITE = Path(__file__).with_name("clock_site")
CLOCK_SECONDS_MAX = 600  # beyond a quarter of an hour signatures are rightly refused
FILLER = "chaos-filler"
FILLER_STEP = 1 << 16
BROKEN_KINDS = (
    "wrong_count", "wrong_dimensions", "nan", "zero", "empty", "malformed_json", "truncated_body",
    "shuffled",
)  # fmt: skip
GARBAGE = ("!! no base64 {", "e30=", "W10=", "bnVsbA==", "", "////", "eyJhY3Rpb24iOiAxfQ==")

# What stands in a fault's way when another one has just struck at the same place.
FAILURES = (
    OSError, StackError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx.HTTPError, RedisError,
)  # fmt: skip
SERVERS = ("valkey", "postgres", "milvus", "embedder", "s3", "cloudflare")
ON_SERVERS = {(who, what) for who in SERVERS for what in ("killed", "frozen", "restarted")}


@dataclass
class Arena:
    """What faults are done to."""

    backends: Backends
    system: System
    proxy: MilvusProxy
    switches: Switches
    clock_library: Path | None
    injected: list[Fault] = field(default_factory=list)
    missed: list[tuple[Fault, str]] = field(default_factory=list)
    ended_by_themselves: list[str] = field(default_factory=list)
    garbage: int = 0
    _away: set[str] = field(default_factory=set)

    async def run(self, faults: list[Fault], tell: Callable[[str], None]) -> None:
        """All of them, each at its moment; returns when the last one is over."""
        began = time.monotonic()

        async def one(fault: Fault) -> None:
            await asyncio.sleep(began + fault.at - time.monotonic())
            tell(f"{fault.kind}: {fault.target}, {fault.seconds:.1f} s, dose {fault.dose:.2f}")
            try:
                done = await self._inject(fault)
            except FAILURES as error:
                self.missed.append((fault, repr(error)))
                tell(f"  {fault.kind} missed: {error!r}")
                return
            if done:
                self.injected.append(fault)
            else:
                self.missed.append((fault, "nothing there to do it to"))

        watch = asyncio.create_task(self.watch())
        try:
            async with asyncio.TaskGroup() as tasks:
                for fault in faults:
                    tasks.create_task(one(fault))
        finally:
            watch.cancel()

    async def watch(self) -> None:
        """A supervisor's part: what ended by itself is noted and started again."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for name, service in self.system.services.items():
                if name not in self._away and not service.running:
                    self.ended_by_themselves.append(f"{name} (code {service.exit_code})")
                    await self.system.start_one(name)

    async def _inject(self, fault: Fault) -> bool:
        """Whether there was anything to do it to."""
        who, _, what = fault.kind.partition(" ")
        if (who, what) in ON_SERVERS:
            return await self._server(fault, what)
        ways: dict[str, Callable[[Fault, str], Awaitable[bool]]] = {
            "worker": self._service,
            "poller": self._service,
            "api": self._service,
            "clock": self._wrong_clock,
            "parser": self._kill_parser,
            "scratch": self._fill_disk,
            "milvus": self._milvus,
            "embedder": self._embedder,
            "s3": self._r2,
            "queue": self._queue,
            "postgres": self._cut_postgres,
            "valkey": self._flush_valkey,
        }
        return await ways[who](fault, what)

    async def _service(self, fault: Fault, what: str) -> bool:
        service = self.system.services[fault.target]
        if not service.running:
            return False
        if what == "frozen":
            service.freeze()
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                service.thaw()
            return True
        self._away.add(fault.target)
        try:
            if what == "killed":
                self._note_death(fault.target)
                await asyncio.to_thread(service.kill)
            else:
                await asyncio.to_thread(service.terminate)
            await asyncio.sleep(fault.seconds)
            await self.system.start_one(fault.target)
        finally:
            self._away.discard(fault.target)
        return True

    def _note_death(self, name: str) -> None:
        now = time.time()
        self.system.deaths.update((process.pid, now) for process in self.system.processes(name))

    async def _wrong_clock(self, fault: Fault, _: str) -> bool:
        seconds = round((fault.dose * 2 - 1) * CLOCK_SECONDS_MAX)
        more = {
            "LD_PRELOAD": str(self.clock_library),
            "CHAOS_SKEW_SECONDS": str(seconds),
            "PYTHONPATH": str(CLOCK_SITE),
        }
        self.system.with_environment(fault.target, more)
        return await self._service(fault, "killed")

    async def _kill_parser(self, fault: Fault, _: str) -> bool:
        parsers = []
        for process in self.system.processes(fault.target):
            with suppress(psutil.Error):
                if any("pipeline.parse" in word for word in process.cmdline()):
                    parsers.append(process)
        if not parsers:
            return False
        with suppress(psutil.Error):
            parsers[int(fault.dose * len(parsers))].send_signal(signal.SIGKILL)
        return True

    async def _fill_disk(self, fault: Fault, what: str) -> bool:
        """The disk is seen by its worker alone; the kernel shows us its root."""
        if self.system.small_disk is None or not self.system.services[fault.target].running:
            return False
        pid = self.system.services[fault.target].pid
        filler = Path(f"/proc/{pid}/root{self.system.small_disk}") / FILLER
        try:
            with filler.open("wb", buffering=0) as file:
                for _ in range(0, 2 * SCRATCH_BYTES, FILLER_STEP):
                    file.write(bytes(FILLER_STEP))
            # Not full yet? Then the worker has just begun, and this is everybody's disk.
            filler.unlink()
            return False
        except OSError as error:
            if error.errno != errno.ENOSPC:
                return False  # the worker has just been killed
        await asyncio.sleep(fault.seconds)
        with suppress(OSError):
            filler.unlink()
        return True

    async def _milvus(self, fault: Fault, what: str) -> bool:
        weather = self.proxy.weather
        match what:
            case "cut":
                return self.proxy.cut() > 0
            case "slow":
                weather.delay_seconds = 0.2 + 2 * fault.dose
            case "refusing":
                weather.refused_share = 0.2 + 0.8 * fault.dose
            case "unanswering":
                weather.unanswered_share = 0.2 + 0.8 * fault.dose
        await asyncio.sleep(fault.seconds)
        match what:
            case "slow":
                weather.delay_seconds = 0
            case "refusing":
                weather.refused_share = 0
            case "unanswering":
                weather.unanswered_share = 0
        return True

    async def _embedder(self, fault: Fault, what: str) -> bool:
        share = 0.3 + 0.7 * fault.dose
        on: dict[str, object]
        off: dict[str, object]
        match what:
            case "429":
                on, off = {"rate_limited_share": share}, {"rate_limited_share": 0}
            case "500":
                on, off = {"server_error_share": share}, {"server_error_share": 0}
            case "slow":  # the slowest exceed the time limit of a call
                on, off = {"slow_share": share, "slow_ms": 9_000 * fault.dose}, {"slow_share": 0}
            case "wrong":
                kind = BROKEN_KINDS[int(fault.dose * len(BROKEN_KINDS))]
                on, off = {"broken_share": share, "broken_kind": kind}, {"broken_share": 0}
            case _:
                on, off = {"down": True}, {"down": False}
        await self.switches.embedder(**on)
        await asyncio.sleep(fault.seconds)
        await self.switches.embedder(**off)
        return True

    async def _r2(self, fault: Fault, what: str) -> bool:
        count = 1 + round(fault.dose * 10)
        match what:
            case "failing":
                status = (429, 500, 503)[count % 3]
                await self.switches.cloudflare(objects_to_fail=2 * count, object_status=status)
            case "cut":
                await self.switches.cloudflare(downloads_to_cut=count)
            case _:
                pause = 8 * fault.dose
                await self.switches.cloudflare(downloads_to_slow=3, download_pause_seconds=pause)
        return True

    async def _queue(self, fault: Fault, what: str) -> bool:
        count = 1 + round(fault.dose * 5)
        match what:
            case "doubling":
                await self.switches.cloudflare(sends_to_duplicate=count)
            case "late":
                await self.switches.cloudflare(
                    sends_to_delay=count, send_delay_seconds=3 + 3 * count
                )
            case "losing":
                await self.switches.cloudflare(events_to_drop=count)
            case "repeating":  # their leases end at once
                await self.switches.cloudflare(deliveries_to_repeat=count)
            case "shuffling":
                await self.switches.cloudflare(shuffle=True)
                await asyncio.sleep(fault.seconds)
                await self.switches.cloudflare(shuffle=False)
            case "pulls lost":
                await self.switches.cloudflare(pulls_to_lose=1, pulls_to_fail=count)
            case "acks failing":
                await self.switches.cloudflare(acks_to_fail=count, fail_status=503)
            case _:
                await self.switches.garbage(GARBAGE[int(fault.dose * len(GARBAGE))])
                self.garbage += 1
        return True

    async def _flush_valkey(self, fault: Fault, what: str) -> bool:
        async with Redis.from_url(self.system.environment["REDIS_URL"]) as redis:
            await redis.flushall()
        return True

    async def _cut_postgres(self, fault: Fault, what: str) -> bool:
        url = self.system.environment["DATABASE_URL"]
        connection = await asyncpg.connect(url, timeout=5, ssl=False)
        try:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        return True

    async def _server(self, fault: Fault, what: str) -> bool:
        name = {"embedder": "embeddings"}.get(fault.target, fault.target)
        if what == "frozen":
            self.backends.freeze(name)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                self.backends.thaw(name)
            return True
        end = self.backends.stop if what == "restarted" else self.backends.kill
        await asyncio.to_thread(end, name)
        await asyncio.sleep(fault.seconds)
        for left in reversed(range(STARTS_MAX)):
            try:
                await asyncio.to_thread(self.backends.start, name)
                break
            except StackError:
                if not left:
                    raise
        return True


def impossible(*, small_disk: bool, clock_library: Path | None) -> frozenset[str]:
    """The kinds of faults that this machine cannot do."""
    kinds = set()
    if not small_disk:
        kinds.add("scratch full")
    if clock_library is None:
        kinds.add("clock wrong")
    return frozenset(kinds)
