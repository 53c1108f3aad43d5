"""The names on the doorbell: what the poller announces and the worker answers to.

A message carries a job id and nothing else.
"""

from dataclasses import dataclass
from typing import Final

# Files from this size on have a queue of their own, so that they cannot hold every slot.
LARGE_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    actor_name: str
    queue_name: str


PROCESS_DOCUMENT: Final = Task("process_document", "documents")
PROCESS_LARGE_DOCUMENT: Final = Task("process_large_document", "documents-large")
ALL_TASKS: Final = (PROCESS_DOCUMENT, PROCESS_LARGE_DOCUMENT)


def task_for(*, large: bool) -> Task:
    return PROCESS_LARGE_DOCUMENT if large else PROCESS_DOCUMENT
