"""Following along: a WebSocket that tells what happens, and the same events as pages."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

import structlog
from litestar import Router, WebSocket, get, websocket
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import QueryParameter

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.limits import PAGE_DEFAULT
from api.live.closing import Close, Closed
from api.live.connection import Connection
from api.live.entry import CURSOR_DIGITS_MAX, cursor_of
from api.live.hub import TooManyListeners
from api.live.live import Live
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DatasetId, Limit
from db.errors import CursorExpired, DatasetNotFound, is_away
from db.repositories.datasets import DatasetRepository
from db.repositories.events import EventRepository, EventRow
