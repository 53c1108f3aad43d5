"""Whose turn it is at the parser children: first come, first served, but nobody takes them all.

A child is held until its document is stored, so a few long documents, or a few that kill their
parser again and again, would keep everybody else out.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guest:
    """`owner`: whose documents count together; None for one on its own."""

    owner: Hashable | None = None
    large: bool = False


class Turns:
    """At most `places` guests; of one owner all but one, of large ones half. For one event loop."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._places_of_owner = max(places - 1, 1)
        self._places_of_large = max(places // 2, 1)
        self._owners: Counter[Hashable] = Counter()
        self._inside = 0
        self._large = 0
        self._waiting: deque[tuple[Guest, asyncio.Future[None]]] = deque()

    async def take(self, guest: Guest) -> None:
        """Wait for a place; who waits for none of its own lets later ones pass."""
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((guest, admitted))
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self.give_back(guest)  # let in and called away at one moment
            raise

    def give_back(self, guest: Guest) -> None:
        self._inside -= 1
        self._large -= guest.large
        if guest.owner is not None:
            self._owners[guest.owner] -= 1
            if not self._owners[guest.owner]:
                del self._owners[guest.owner]
        self._admit()

    def _admit(self) -> None:
        still_waiting: deque[tuple[Guest, asyncio.Future[None]]] = deque()
        for guest, admitted in self._waiting:
            if admitted.done():
                continue
            if self._has_place_for(guest):
                self._inside += 1
                self._large += guest.large
                if guest.owner is not None:
                    self._owners[guest.owner] += 1
                admitted.set_result(None)
            else:
                still_waiting.append((guest, admitted))
        self._waiting = still_waiting

    def _has_place_for(self, guest: Guest) -> bool:
        return (
            self._inside < self._places
            and (guest.owner is None or self._owners[guest.owner] < self._places_of_owner)
            and (not guest.large or self._large < self._places_of_large)
        )
