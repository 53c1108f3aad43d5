"""The messages of the socket, each a JSON object on one line."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from db.repositories.events import EventRow

DATASET_DELETED = "dataset.deleted"


@dataclass(frozen=True, slots=True)
class EventFrame:
    """An event, encoded once for all who are told."""

    number: int
    kind: str
    tenant_id: UUID
    dataset_id: UUID
    text: str

    @classmethod
    def of(cls, row: EventRow) -> "EventFrame":
        text = _encoded(
            type="event",
            cursor=row.number,
            at=row.at.isoformat(),
            kind=row.kind,
            dataset_id=str(row.dataset_id),
            document_id=_text(row.document_id),
            job_id=_text(row.job_id),
            data=row.data,
        )
        return cls(row.number, row.kind, row.tenant_id, row.dataset_id, text)


def ready(cursor: int) -> str:
    return _encoded(type="ready", cursor=cursor)


def ping(cursor: int) -> str:
    """`cursor`: all events up to it were told, so that one who hears few can still resume."""
    return _encoded(type="ping", cursor=cursor)


def lagged() -> str:
    return _encoded(type="lagged")


def _encoded(**message: Any) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
