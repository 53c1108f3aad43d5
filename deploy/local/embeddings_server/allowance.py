"""What a key may use: buckets of requests and tokens, as OpenAI has, and the headers about them."""

import time

from embeddings_server.problems import RateLimited

MINUTE = 60.0


class _Bucket:
    def __init__(self, a_minute: float, burst: float | None) -> None:
        self.limit = a_minute
        self._most = burst or a_minute
        self._left = self._most
        self._at = time.monotonic()

    def left(self) -> float:
        now = time.monotonic()
        self._left = min(self._left + (now - self._at) * self.limit / MINUTE, self._most)
        self._at = now
        return self._left

    def take(self, units: float) -> None:
        self._left = self.left() - units

    def seconds_until(self, units: float) -> float:
        return max(units - self.left(), 0) / self.limit * MINUTE


class Allowance:
    """None: as much as anybody likes. A bucket is full at the start, and holds `burst` seconds."""

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst_seconds: float | None = None,
        tells: bool = True,
    ) -> None:
        share = None if burst_seconds is None else burst_seconds / MINUTE
        self._buckets = {
            unit: _Bucket(a_minute, None if share is None else max(a_minute * share, 1))
            for unit, a_minute in (
                ("requests", requests_per_minute),
                ("tokens", tokens_per_minute),
            )
            if a_minute
        }
        self._tells = tells

    def take(self, **units: float) -> None:
        """Raises RateLimited if there is not so much, and takes nothing then."""
        for unit, bucket in self._buckets.items():
            wanted = min(units.get(unit, 0), bucket.limit)
            if wanted and bucket.left() < wanted:
                raise RateLimited(
                    f"Rate limit reached on {unit} per min.",
                    retry_after_seconds=round(bucket.seconds_until(wanted), 3),
                )
        for unit, bucket in self._buckets.items():
            bucket.take(units.get(unit, 0))

    def headers(self) -> dict[str, str]:
        if not self._tells:
            return {}
        return {
            f"x-ratelimit-{name}-{unit}": value
            for unit, bucket in self._buckets.items()
            for name, value in (
                ("limit", f"{bucket.limit:g}"),
                ("remaining", f"{max(int(bucket.left()), 0)}"),
                ("reset", f"{bucket.seconds_until(bucket.limit):.3f}s"),
            )
        }
