"""Rows that looked orphaned once are looked at again after a grace, before they go.

Postgres alone decides whether rows may go, so this is only patience: what a stale attempt writes
after its lease ran out is then purged at once with the rest.
"""

from datetime import UTC, datetime, timedelta

from pipeline.store.rows import StoredGeneration

Suspect = tuple[str, str, int]


class Suspects:
    """`begin` and `end` enclose a round."""

    def __init__(self, grace: timedelta) -> None:
        self._grace = grace
        self._before: dict[Suspect, datetime] = {}
        self._now: dict[Suspect, datetime] = {}

    def begin(self) -> None:
        self._now = {}

    def end(self) -> None:
        self._before = self._now

    def suspected_long(self, space: str, stored: StoredGeneration) -> bool:
        """Whether these rows looked orphaned at an earlier round already, a grace ago."""
        key = (space, stored.document, stored.generation)
        now = datetime.now(UTC)
        since = self._before.get(key, now)
        if now - since >= self._grace and since < now:
            return True
        self._now[key] = since
        return False
