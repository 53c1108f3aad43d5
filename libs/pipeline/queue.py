"""The names on the doorbell: what the poller announces and the worker answers to.

A message carries a job id and nothing else.
"""

from dataclasses import dataclass
from typing import Final

# Files from this size on have a queue of their own, so that they cannot hold every slot.
LARGE_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """`priority` orders what one process has fetched: Dramatiq takes the lower number first."""

    actor_name: str
    queue_name: str
    priority: int = 10


PROCESS_DOCUMENT: Final = Task("process_document", "documents")
PROCESS_LARGE_DOCUMENT: Final = Task("process_large_document", "documents-large")
# For the dataset that has nothing out with the workers: it stands in no line behind another's
# thousand files.
PROCESS_NEXT_DOCUMENT: Final = Task("process_next_document", "documents-next", priority=0)
ALL_TASKS: Final = (PROCESS_NEXT_DOCUMENT, PROCESS_DOCUMENT, PROCESS_LARGE_DOCUMENT)
