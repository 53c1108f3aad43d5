"""Parameters that several paths share."""

from typing import Annotated
from uuid import UUID

from litestar.params import FromPath, QueryParameter

from api.cursors import CURSOR_CHARS_MAX
from api.limits import PAGE_DEFAULT, PAGE_MAX

DatasetId = FromPath[UUID]
DocumentId = FromPath[UUID]
TaskId = FromPath[UUID]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="Items of one page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=CURSOR_CHARS_MAX, description="The `next_cursor` of the page before."
    ),
]
DEFAULT_LIMIT = PAGE_DEFAULT
