"""How much of a page pictures take, asked of PDFium without an object of ours for each of its."""

import ctypes

import pypdfium2
from pypdfium2 import raw

PICTURES_LOOKED_AT = 500
# Forms may hold pictures.
_KINDS = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)


def picture_share(page: pypdfium2.PdfPage) -> float:
    """May be more than all, where they overlap. Raises PdfiumError for a broken page."""
    width, height = page.get_size()
    edges = [ctypes.c_float() for _ in range(4)]
    left, bottom, right, top = edges
    area, seen = 0.0, 0
    for at in range(raw.FPDFPage_CountObjects(page)):
        item = raw.FPDFPage_GetObject(page, at)
        if raw.FPDFPageObj_GetType(item) not in _KINDS:
            continue
        if not raw.FPDFPageObj_GetBounds(item, *edges):
            raise pypdfium2.PdfiumError("a picture without a place")
        area += max(right.value - left.value, 0.0) * max(top.value - bottom.value, 0.0)
        seen += 1
        if seen == PICTURES_LOOKED_AT:
            break
    return float(area / max(width * height, 1.0))
