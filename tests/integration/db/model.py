"""What the state machine's documents ought to be: an object store, and what the index was told.

The store's clock is the machine's own, read to the microsecond, so that the order of uploads and
deletes is never in doubt here; what a clock of whole seconds does to it is tested with the stages.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from db.repositories.changes import Change
from pipeline.store.objects import ObjectVersion


@dataclass(frozen=True, slots=True)
class Version:
    """The state of an object after one of its changes; `etag` is None where there is none."""

    number: int
    etag: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """A job gave up, or was told to, when the newest version it could know was `number`."""

    number: int
    etag: str | None


@dataclass(slots=True)
class ModelDocument:
    """One key of the bucket and what the service has been told about it."""

    dataset_id: UUID
    name: str
    versions: list[Version] = field(default_factory=list)
    events: list[tuple[int, Change]] = field(default_factory=list)  # sent, with the version
    told: int = 0  # the newest version that an event, a client or a look has told of
    deleted: int = 0  # the newest version when a client last deleted the document
    verdict: Verdict | None = None

    @property
    def key(self) -> str:
        return f"{self.dataset_id}/{self.name}"

    @property
    def number(self) -> int:
        return len(self.versions)

    @property
    def etag(self) -> str | None:
        return self.versions[-1].etag if self.versions else None

    def head(self) -> ObjectVersion | None:
        if self.etag is None:
            return None
        return ObjectVersion(self.etag, 10, "text/plain", self.versions[-1].at, {})

    def put(self, etag: str) -> None:
        self._change(etag)

    def remove(self) -> None:
        if self.etag is not None:
            self._change(None)

    def hint(self, reason: str, *, size: int | None = None, etag: str | None = None) -> Change:
        """What a client, a person or the audit says, having looked at the store or not."""
        self.told = self.number
        return Change(self.dataset_id, self.key, self.name, reason, etag=etag, size=size)

    def _change(self, etag: str | None) -> None:
        version = Version(self.number + 1, etag, datetime.now(UTC))
        self.versions.append(version)
        event = Change(
            dataset_id=self.dataset_id,
            object_key=self.key,
            file_name=self.name,
            reason="event",
            etag=etag,
            size=10 if etag else None,
            at=version.at,
            gone=etag is None,
        )
        self.events.append((version.number, event))
