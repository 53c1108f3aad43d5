"""The one way into a queue, for API clients and for R2's events alike."""

from collections.abc import Sequence
from dataclasses import replace

from cloudflare_standin.database import DatabaseThread
from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.message_store import MessageStore
from cloudflare_standin.records import Metrics, NewMessage


class Sender:
    def __init__(self, thread: DatabaseThread, messages: MessageStore, faults: FaultBoard) -> None:
        self._thread = thread
        self._messages = messages
        self._faults = faults

    async def send(self, queue_id: str, messages: Sequence[NewMessage]) -> Metrics:
        """Durable when this returns. Raises QueueNotFound."""
        outgoing = list(messages)
        late = self._faults.take("sends_to_delay", len(outgoing))
        delay = self._faults.current.send_delay_seconds
        outgoing[:late] = [replace(message, delay_seconds=delay) for message in outgoing[:late]]
        twice = self._faults.take("sends_to_duplicate", len(outgoing))
        outgoing += outgoing[:twice]
        return await self._thread.run(self._messages.send, queue_id, outgoing)
