"""Whether a page's text layer can be all that the page says."""

import pypdfium2
from pypdfium2 import raw

from pipeline.parse.pdf.lines import Page

# A text this long is no stamp on a scan.
CHARACTERS_ENOUGH = 200
IMAGE_SHARE_MIN = 0.25  # of the page: less is an emblem or a photograph beside text
UNKNOWN_SHARE_MAX = 0.3  # of characters that no font names
OBJECTS_MAX = 2_000  # that are looked at; a drawing of more is found by its first ones
DRAWN_OBJECTS_MIN = 20  # paths, on a page without any text: letters drawn as outlines


def is_thin(document: pypdfium2.PdfDocument, page: Page) -> bool:
    """A page that shows nothing is not: there is nothing to be read."""
    if page.unknown_share > UNKNOWN_SHARE_MAX:
        return True
    characters = page.characters
    if characters >= CHARACTERS_ENOUGH:
        return False
    share, drawn = _ink(document, page)
    return share >= IMAGE_SHARE_MIN or (
        not characters and (share > 0 or drawn >= DRAWN_OBJECTS_MIN)
    )


def _ink(document: pypdfium2.PdfDocument, page: Page) -> tuple[float, int]:
    """The share of the page that images cover, overlaps counted twice; the number of paths."""
    area, drawn = 0.0, 0
    opened = document[page.number - 1]
    try:
        for number, item in enumerate(opened.get_objects(max_depth=3)):
            if number >= OBJECTS_MAX:
                break
            if item.type == raw.FPDF_PAGEOBJ_PATH:
                drawn += 1
            elif item.type == raw.FPDF_PAGEOBJ_IMAGE:
                left, bottom, right, top = item.get_bounds()
                area += max(right - left, 0.0) * max(top - bottom, 0.0)
    except pypdfium2.PdfiumError:
        pass  # what has been seen of it counts
    finally:
        opened.close()
    return area / max(page.width * page.height, 1.0), drawn
