"""The pictures of one document, each to its drafts: recognised, joined, put in their place."""

from dataclasses import dataclass
from statistics import fmean

from pipeline.document import Box, PageNote, PageReason, Position
from pipeline.parse.ocr.paragraphs import Paragraph, paragraphs
from pipeline.parse.ocr.raster import Line, Raster
from pipeline.parse.source import Draft, Source

# Below it more than one word in ten was wrong in what was measured.
CONFIDENCE_LOW = 0.85


@dataclass(frozen=True, slots=True)
class Recognised:
    drafts: list[Draft]
    note: PageNote


class Pictures:
    """Counts the pages that were recognised; the networks load with the first."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def refusal(self) -> PageReason | None:
        """Why no further picture of the document is read, if none is."""
        limits = self._source.limits
        if not limits.ocr:
            return PageReason.OCR_OFF
        recognised = self._source.recognitions.pages
        return PageReason.OCR_LIMIT if recognised >= limits.ocr_pages_max else None

    def begin(self) -> None:
        """Makes room for one more; before it is drawn, for that may take most of the memory."""
        self._source.before_ocr()
        self._source.recognitions.pages += 1

    def read(
        self,
        raster: Raster,
        page: int,
        *,
        points_per_pixel: float = 1.0,
        known: list[Box] | None = None,
        uncovered: float | None = None,
    ) -> Recognised:
        """The raster is the whole page. What stands in a `known` box, of a text layer, is left
        out. A page that the networks fail over has a note that says so."""
        # They take half a second and 100 MB, and most documents do without.
        from pipeline.parse.ocr.engine import engine  # noqa: PLC0415

        reader = engine()
        try:
            seen = reader.read(raster)
        except Exception:
            # Networks and OpenCV raise anything; the other pages are still to be read.
            unreadable = PageNote(page, PageReason.UNREADABLE, uncovered=uncovered)
            return Recognised([], unreadable)
        rows, columns = raster.shape[:2]
        shown = _Shown(seen.quarters, rows, columns, points_per_pixel)
        lines = [line for line in seen.lines if not _is_known(shown.box(line), known or [])]
        found = paragraphs(lines)
        drafts = [
            Draft(paragraph.text, position=Position(page=page, box=shown.box(paragraph)))
            for paragraph in found
        ]
        share_read = len(seen.lines) / max(len(seen.lines) + seen.unread, 1)
        return Recognised(drafts, _note(page, found, share_read, uncovered))


@dataclass(frozen=True, slots=True)
class _Shown:
    """The page as it is shown, of so many rows and columns, turned upright by so many quarters."""

    quarters: int
    rows: int
    columns: int
    points_per_pixel: float

    def box(self, edges: Line | Paragraph) -> Box:
        """Back from the upright raster to the page, in points."""
        left, top, right, bottom = edges.left, edges.top, edges.right, edges.bottom
        rows, columns = self.rows, self.columns
        match self.quarters:
            case 1:
                turned = (columns - bottom, left, columns - top, right)
            case 2:
                turned = (columns - right, rows - bottom, columns - left, rows - top)
            case 3:
                turned = (top, rows - right, bottom, rows - left)
            case _:
                turned = (left, top, right, bottom)
        return Box(*(round(max(edge, 0.0) * self.points_per_pixel, 2) for edge in turned))


def _note(
    page: int, found: list[Paragraph], share_read: float, uncovered: float | None
) -> PageNote:
    """A line that could not be read counts as one that was read without any confidence: a page in
    a script that the networks do not know is not to look well read because of its numbers."""
    if not found:
        return PageNote(page, PageReason.NO_TEXT, uncovered=uncovered)
    weights = [len(paragraph.text) for paragraph in found]
    confidence = fmean((paragraph.confidence for paragraph in found), weights) * share_read
    low = confidence < CONFIDENCE_LOW
    reason = PageReason.OCR_LOW_CONFIDENCE if low else PageReason.OCR
    return PageNote(page, reason, round(confidence, 3), uncovered)


def _is_known(box: Box, known: list[Box]) -> bool:
    """Whether half of the line, along its middle, lies within boxes of the text layer."""
    middle = (box.top + box.bottom) / 2
    covered = sum(
        max(min(box.right, other.right) - max(box.left, other.left), 0.0)
        for other in known
        if other.top <= middle <= other.bottom
    )
    return covered > (box.right - box.left) / 2
