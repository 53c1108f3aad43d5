"""Parameters that several paths share."""

from typing import Annotated
from uuid import UUID

from litestar.params import PathParameter, QueryParameter

from api.cursors import CURSOR_CHARS_MAX
from api.limits import PAGE_DEFAULT, PAGE_MAX

DatasetId = Annotated[UUID, PathParameter(description="The `id` of a dataset.")]
DocumentId = Annotated[UUID, PathParameter(description="The `id` of a document.")]
TaskId = Annotated[UUID, PathParameter(description="The `task_id` of a job.")]
Limit = Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, description="Items of one page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(
        max_length=CURSOR_CHARS_MAX, description="The `next_cursor` of the page before."
    ),
]
DEFAULT_LIMIT = PAGE_DEFAULT
