"""Where the images of a page stand, those in forms included: PDFium tells of each in the
coordinates of the form that holds it."""

import ctypes
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pypdfium2
from pypdfium2 import raw

IMAGES_MAX = 200  # of a page
OBJECTS_MAX = 20_000  # looked at on a page; drawings have thousands of paths
FORMS_DEPTH_MAX = 4
HASHED_BYTES_MAX = 16 * 1024 * 1024

Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class PlacedImage:
    """Corners in the page's own coordinates; `pixels` are those of the source, and `digest` names
    its bytes."""

    corners: list[tuple[float, float]]
    pixels: int
    digest: bytes


def placed_images(page: pypdfium2.PdfPage) -> Iterator[PlacedImage]:
    """The first `IMAGES_MAX` of a page; of its objects `OBJECTS_MAX` are looked at."""
    yield from _Walk().inside(
        raw.FPDFPage_CountObjects(page),
        lambda at: raw.FPDFPage_GetObject(page, at),
        _IDENTITY,
        depth=0,
    )


class _Walk:
    def __init__(self) -> None:
        self._objects = 0
        self._images = 0

    def inside(
        self, count: int, get: Callable[[int], Any], matrix: Matrix, *, depth: int
    ) -> Iterator[PlacedImage]:
        for at in range(count):
            self._objects += 1
            if self._objects > OBJECTS_MAX or self._images >= IMAGES_MAX:
                return
            item = get(at)
            kind = raw.FPDFPageObj_GetType(item) if item else None
            if kind == raw.FPDF_PAGEOBJ_IMAGE:
                placed = _placed(item, matrix)
                self._images += placed is not None
                yield from [] if placed is None else [placed]
            elif kind == raw.FPDF_PAGEOBJ_FORM and depth < FORMS_DEPTH_MAX:
                yield from self._form(item, matrix, depth=depth + 1)

    def _form(self, form: Any, matrix: Matrix, *, depth: int) -> Iterator[PlacedImage]:
        own = raw.FS_MATRIX()
        if raw.FPDFPageObj_GetMatrix(form, own):
            yield from self.inside(
                raw.FPDFFormObj_CountObjects(form),
                lambda at: raw.FPDFFormObj_GetObject(form, at),
                _product((own.a, own.b, own.c, own.d, own.e, own.f), matrix),
                depth=depth,
            )


def _placed(item: Any, matrix: Matrix) -> PlacedImage | None:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return None
    width, height = ctypes.c_uint(), ctypes.c_uint()
    raw.FPDFImageObj_GetImagePixelSize(item, width, height)
    corners = [
        _moved(x.value, y.value, matrix)
        for x, y in ((left, bottom), (right, bottom), (left, top), (right, top))
    ]
    return PlacedImage(corners, width.value * height.value, _digest(item))


def _digest(item: Any) -> bytes:
    """Of the image as the file holds it, nothing is unpacked; empty for one that is too long."""
    size = raw.FPDFImageObj_GetImageDataRaw(item, None, 0)
    held = (ctypes.c_ubyte * size)() if 0 < size <= HASHED_BYTES_MAX else None
    if held is None:
        return b""
    raw.FPDFImageObj_GetImageDataRaw(item, held, size)
    return hashlib.sha256(held).digest()


def _moved(x: float, y: float, matrix: Matrix) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _product(inner: Matrix, outer: Matrix) -> Matrix:
    """The inner one first, as PDF multiplies."""
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + m,
    )
