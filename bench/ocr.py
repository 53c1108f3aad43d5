"""How well and how fast pages are recognised: `python bench/ocr.py FOLDER [--pages 20]`.

Pages of the folder's PDFs that have a text layer are drawn as a scanner would see them, recognised,
and compared with that layer: word recall (how many of its words, counted, come out again), words
that are parted at a line's end joined on both sides. Then processor seconds a page and the peak of
memory. `--tilt` turns each page by so many degrees, `--blur` softens it by so many pixels.
"""

import argparse
import re
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pypdfium2

from pipeline.parse.ocr.engine import engine
from pipeline.parse.ocr.paragraphs import paragraphs
from pipeline.parse.ocr.raster import Raster

WORDS_MIN = 30  # a page with fewer says little
PAGES_OF_A_FILE = 2  # so that no long file outweighs the others
_PARTED = re.compile(r"(?<=[^\W\d_])[-\u00ad\u2010\ufffe\x02]\s*\n\s*(?=[^\W\d_])")
# Scripts without blanks: every sign is a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> Counter[str]:
    whole = _PARTED.sub("", text.replace("\r", "")).replace("\ufffe", "").replace("\x02", "")
    return Counter(_WORD.findall(whole.lower()))


def pages(folder: Path) -> Iterator[tuple[str, pypdfium2.PdfPage, Counter[str]]]:
    for path in sorted(folder.rglob("*.pdf")):
        try:
            document = pypdfium2.PdfDocument(path)
        except pypdfium2.PdfiumError:
            continue
        for number in range(min(len(document), PAGES_OF_A_FILE)):
            page = document[number]
            expected = words(page.get_textpage().get_text_bounded())
            if expected.total() >= WORDS_MIN:
                yield f"{path.name} {number + 1}", page, expected
        document.close()


def drawn(page: pypdfium2.PdfPage, *, dpi: int, tilt: float, blur: float) -> Raster:
    raster = np.ascontiguousarray(page.render(scale=dpi / 72).to_numpy()[:, :, :3])
    rows, columns = raster.shape[:2]
    if tilt:
        turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), tilt, 1.0)
        raster = cv2.warpAffine(raster, turn, (columns, rows), borderValue=(255, 255, 255)).astype(
            np.uint8
        )
    return cv2.GaussianBlur(raster, (0, 0), blur).astype(np.uint8) if blur else raster


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--dpi", type=int, default=200)
    parser.add_argument("--tilt", type=float, default=0.0)
    parser.add_argument("--blur", type=float, default=0.0)
    chosen = parser.parse_args()
    recalls, seconds, found_words, all_words = [], 0.0, 0, 0
    engine()
    for name, page, expected in pages(chosen.folder):
        raster = drawn(page, dpi=chosen.dpi, tilt=chosen.tilt, blur=chosen.blur)
        begun = cpu_seconds()
        seen = engine().read(raster)
        text = "\n".join(paragraph.text for paragraph in paragraphs(seen.lines))
        took = cpu_seconds() - begun
        found = (words(text) & expected).total()
        recalls.append(found / expected.total())
        seconds += took
        found_words, all_words = found_words + found, all_words + expected.total()
        print(f"{recalls[-1]:.3f}  {took:5.1f} s  {len(seen.lines):4} lines  {name}", flush=True)
        if len(recalls) == chosen.pages:
            break
    if not recalls:
        raise SystemExit("no PDF in the folder has a page with a text layer")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"word recall {sum(recalls) / len(recalls):.4f} a page (median {np.median(recalls):.4f}), "
        f"{found_words / all_words:.4f} of all words; "
        f"{seconds / len(recalls):.2f} CPU-s a page; peak {peak} MB; {len(recalls)} pages"
    )


if __name__ == "__main__":
    main()
