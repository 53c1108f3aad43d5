"""How fast a comparison goes: one request at a time, with a rest after each page."""

import asyncio
from datetime import timedelta

PAGE = 1000
# An audit of a million objects should not be felt.
PAUSE_BETWEEN_PAGES = timedelta(milliseconds=200)


async def rest() -> None:
    await asyncio.sleep(PAUSE_BETWEEN_PAGES.total_seconds())
