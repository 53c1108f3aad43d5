"""What the list of a document's images answers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from api.search_views import BoxView
from pipeline.store.rows import StoredRow


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image of a document: `text` is its caption or what was recognised in it, `url` shows it,
    scaled down, until `url_expires_at`. `width` and `height` are pixels of what the URL shows."""

    chunk_id: str
    page: int | None
    box: BoxView | None
    attachment: str | None
    text: str
    width: int | None
    height: int | None
    url: str | None
    url_expires_at: datetime | None

    @classmethod
    def of(cls, row: StoredRow, url: str | None, expires_at: datetime) -> Self:
        box = row.position.box
        return cls(
            chunk_id=row.id,
            page=row.position.page,
            box=None if box is None else BoxView.of(box),
            attachment=row.position.attachment,
            text=row.text,
            width=_pixels(row, "width"),
            height=_pixels(row, "height"),
            url=url,
            url_expires_at=None if url is None else expires_at,
        )


@dataclass(frozen=True, slots=True)
class ImagesView:
    """A page of them; `next_offset` asks for the next, null at the end."""

    items: list[ImageView]
    next_offset: int | None


def _pixels(row: StoredRow, name: str) -> int | None:
    value = row.metadata.get(name)
    return int(value) if isinstance(value, int | float) else None
