"""Which pictures of a document are cropped, and where they stand."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from data import pictures
from pipeline.document import BlockKind, Box, Crop, Position
from pipeline.parse.album import SIDE_MAX, Album, Raster
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType
from pipeline.parse.office_media import add_media
from pipeline.parse.pdf.figures import near_text
from pipeline.parse.protocol import ProtocolError, decode_reply, encode_reply
from pipeline.parse.reading import Reading
from pipeline.parse.source import Draft, Source


def raster(colour: str, *, size: tuple[int, int] = (200, 100)) -> Raster:
    image = Image.new("RGB", size, colour)
    ImageDraw.Draw(image).rectangle((5, 5, 25, 25), fill="black")
    return np.asarray(image)


def crops_of(tmp_path: Path, name: str, data: bytes, *, pictures_max: int = 10) -> list[Crop]:
    path, crops = tmp_path / "original", list[Crop]()
    path.write_bytes(data)
    limits = ParseLimits(ocr=False, pictures_max=pictures_max)
    reading = Reading(
        path,
        file_name=name,
        content_type=None,
        limits=limits,
        scratch=tmp_path,
        on_crop=crops.append,
    )
    list(reading)
    return crops


def test_a_picture_is_taken_once_and_those_that_show_nothing_never() -> None:
    crops: list[Crop] = []
    album = Album(10, crops.append)

    for shown in (raster("red"), raster("red"), raster("blue"), raster("red", size=(300, 20))):
        album.add(shown, Position())
    album.add(np.full((100, 100, 3), 255, np.uint8), Position())

    assert [crop.picture.ordinal for crop in crops] == [0, 1]
    assert not album.overflowed


def test_a_full_album_says_so() -> None:
    album = Album(1)

    album.add(raster("red"), Position())
    album.add(raster("blue"), Position())

    assert album.overflowed


def test_pictures_of_an_attachment_name_it() -> None:
    crops: list[Crop] = []
    album = Album(10, crops.append)

    with album.within("Fwd.eml"), album.within("photo.png"):
        album.add(raster("red"), Position(page=1))
    album.add(raster("blue"), Position())

    assert [crop.picture.position.attachment for crop in crops] == ["Fwd.eml/photo.png", None]


def test_a_large_image_becomes_a_small_jpeg_with_its_own_box(tmp_path: Path) -> None:
    image = Image.fromarray(raster("red", size=(3_000, 1_500)))

    [crop] = crops_of(tmp_path, "red.png", pictures.encoded([image], "PNG"))

    with Image.open(BytesIO(crop.data)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (SIDE_MAX, SIDE_MAX // 2))
    assert crop.picture.position == Position(page=1, box=Box(0, 0, 3_000, 1_500))


def test_a_picture_of_a_pdf_has_its_place_and_its_caption(tmp_path: Path) -> None:
    lines = [f"Line {number} of the text." for number in range(20)] + ["Figure 1: a blue square"]
    image = Image.fromarray(raster("blue", size=(300, 200)))

    [crop] = crops_of(tmp_path, "a.pdf", pictures.pdf_of([(["First page."], None), (lines, image)]))

    box = crop.picture.position.box
    assert crop.picture.position.page == 2
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((50, 342, 200, 442), abs=1)
    assert "Figure 1: a blue square" in crop.picture.near


def test_without_an_image_model_nothing_is_cropped(tmp_path: Path) -> None:
    image = Image.fromarray(raster("red"))

    assert crops_of(tmp_path, "a.png", pictures.encoded([image], "PNG"), pictures_max=0) == []


def test_a_caption_comes_before_other_text_beside_a_picture() -> None:
    def draft(text: str, top: float, kind: BlockKind = BlockKind.PARAGRAPH) -> Draft:
        return Draft(text, kind, position=Position(page=1, box=Box(100, top, 200, top + 10)))

    drafts = [draft("above", 85), draft("below", 215, BlockKind.CAPTION), draft("within", 150)]

    assert near_text(Box(90, 100, 210, 200), drafts) == "below within"


def test_a_child_that_sends_what_is_no_jpeg_is_not_believed() -> None:
    crops: list[Crop] = []
    Album(1, crops.append).add(raster("red"), Position(page=1, box=Box(0, 0, 9, 9)), "near")
    [crop] = crops

    assert decode_reply(encode_reply(crop)) == crop
    with pytest.raises(ProtocolError):
        decode_reply(encode_reply(Crop(crop.picture, b"MZ")))


def test_pictures_of_slides_come_in_the_order_of_the_slides(tmp_path: Path) -> None:
    """Whose files are numbered otherwise."""
    relation = '<Relationship Id="{}" Type="t" Target="{}"/>'
    picture = '<p:pic><p:cNvPr id="4" descr="{}"/><a:blip r:embed="rId1"/></p:pic>'
    parts = {
        "ppt/presentation.xml": '<p:sldId id="1" r:id="r2"/><p:sldId id="2" r:id="r1"/>',
        "ppt/_rels/presentation.xml.rels": relation.format("r1", "slides/slide1.xml")
        + relation.format("r2", "/ppt/slides/slide2.xml"),
        "ppt/slides/slide1.xml": picture.format("A blue one"),
        "ppt/slides/slide2.xml": picture.format("A &amp; B"),
        "ppt/slides/_rels/slide1.xml.rels": relation.format("rId1", "../media/1.png"),
        "ppt/slides/_rels/slide2.xml.rels": relation.format("rId1", "../media/2.png"),
    }
    path, crops = tmp_path / "slides.pptx", list[Crop]()
    with zipfile.ZipFile(path, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)
        for number, colour in enumerate(("blue", "red"), start=1):
            image = Image.fromarray(raster(colour))
            package.writestr(f"ppt/media/{number}.png", pictures.encoded([image], "PNG"))
    source = Source(path, MediaType.PPTX, 1, ParseLimits(), tmp_path, album=Album(10, crops.append))

    add_media(source, {1: "First", 2: "Second"})

    found = [(crop.picture.position.page, crop.picture.near) for crop in crops]
    assert found == [(1, "A & B First"), (2, "A blue one Second")]
