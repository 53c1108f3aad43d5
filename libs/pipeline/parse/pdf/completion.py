"""The seam for whatever reads a page whose text layer is missing, or too thin for what it shows."""

from dataclasses import dataclass
from typing import Protocol

import pypdfium2

from pipeline.parse.source import Draft


@dataclass(frozen=True, slots=True)
class PageNote:
    """What is to be said of the document because of this page."""

    warning: str  # a stable code; noted once a document


class CompletePage(Protocol):
    """Called for such pages alone, in their order."""

    def __call__(
        self, document: pypdfium2.PdfDocument, page_number: int, drafts: list[Draft]
    ) -> tuple[list[Draft], PageNote | None]:
        """The drafts of the page, which counts from 1, in place of those of its text layer.

        Their positions name the page; boxes are in points from the top left of the page as it is
        shown. The document stays open and is not to be closed.
        """
        ...


def complete_page(
    document: pypdfium2.PdfDocument, page_number: int, drafts: list[Draft]
) -> tuple[list[Draft], PageNote | None]:
    """Nothing more is known of the page than its text layer says."""
    return drafts, None
