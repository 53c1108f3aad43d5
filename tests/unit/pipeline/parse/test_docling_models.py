"""Docling's models: looked for when a worker starts, and used by the children where they are.

The models themselves are not here: what is tried is which engine is asked, and what it says.
"""

from pathlib import Path

import docling_rs
import pytest
from pydantic import ValidationError

from data.make_samples import pdf
from data.pictures import pdf_of, picture
from pipeline.document import PageReason
from pipeline.errors import DocumentCorrupt, DocumentEncrypted
from pipeline.parse.docling_models import REQUIRED, VARIABLE, checked, engine_name, environment
from pipeline.parse.engine_choice import read_pdf
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType
from pipeline.parse.source import Notes, Source
from unit.pipeline.parse.conftest import Parse
from worker.settings import WorkerSettings

DATA = Path(__file__).parents[3] / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files of the right names that hold no models."""
    folder = tmp_path / "some models"
    for name in REQUIRED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"no model")
    return folder


def docling_models_of(value: str) -> Path | None:
    kind = WorkerSettings.model_fields["docling_models"]
    assert kind.validation_alias == VARIABLE
    required = {
        str(field.validation_alias): "redis://x"
        for field in WorkerSettings.model_fields.values()
        if field.is_required()
    }
    return WorkerSettings.model_validate({**required, VARIABLE: value}).docling_models


def test_what_is_required_is_what_the_engine_downloads() -> None:
    assert set(REQUIRED) == set(docling_rs.models._REQUIRED.values())


def test_a_folder_that_is_not_there_ends_the_start_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"there is no folder .*/none.*make models"):
        docling_models_of(str(tmp_path / "none"))


def test_a_folder_without_models_ends_the_start_with_what_it_lacks(folder: Path) -> None:
    (folder / REQUIRED[0]).unlink()

    with pytest.raises(ValidationError, match=f"lacks {REQUIRED[0]}; .*make models"):
        docling_models_of(str(folder))


def test_an_empty_setting_means_no_models() -> None:
    assert docling_models_of("") is None
    assert engine_name(None) == "without models"
    assert environment(None) == {}


def test_the_folder_reaches_the_children_and_the_log(folder: Path) -> None:
    found = docling_models_of(str(folder))

    assert found == checked(folder)
    assert environment(found) == {VARIABLE: str(folder)}
    assert str(folder) in engine_name(found)


def test_a_pdf_goes_through_the_models_where_a_folder_is_set(
    parse: Parse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setenv("DOCLING_RS_MODELS_DIR", str(folder / "models"))

    # The engine tries to load what are no models: without the setting this file is read.
    with pytest.raises(DocumentCorrupt, match="cannot be read"):
        parse(pdf([["Rye rests for thirty hours."]]), "a.pdf")


@pytest.mark.parametrize(
    ("limits", "calls", "reason"),
    [
        (ParseLimits(), [(False, (1, 1)), (True, (2, 2)), (False, (3, 4))], "no_text"),
        (ParseLimits(ocr=False), [(False, (1, 4))], "ocr_off"),
        (ParseLimits(ocr_pages_max=0), [(False, (1, 4))], "ocr_limit"),
    ],
    ids=["on", "off", "used-up"],
)
def test_with_models_the_pages_that_lack_text_are_recognised_as_the_settings_allow(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    limits: ParseLimits,
    calls: list[tuple[bool, tuple[int, int]]],
    reason: str,
) -> None:
    asked: list[tuple[bool, tuple[int, int]]] = []
    real = docling_rs.DocumentConverter

    class WithoutModels:
        """Takes what the full pipeline is asked, and reads the text layer."""

        def __init__(self, *, do_ocr: bool, **_options: object) -> None:
            self._inner = self
            self._recognises = do_ocr
            self._reads = real(text_layer_only=True, do_ocr=False, do_table_structure=False)._inner

        def convert(self, path: Path, page_range: tuple[int, int]) -> object:
            asked.append((self._recognises, page_range))
            return self._reads.convert(path, page_range=page_range)

    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setattr(docling_rs, "DocumentConverter", WithoutModels)
    written = ["Rye bread is baked on Tuesday and on Friday, as it was in the old days."] * 6
    scan = picture(["Three loaves of rye,", "to be fetched at noon."], size=(480, 200))
    path = folder / "a.pdf"
    path.write_bytes(pdf_of([(written, None), ((), scan), ((), None), (written, None)]))
    made_room: list[None] = []
    source = Source(
        path,
        MediaType.PDF,
        path.stat().st_size,
        limits,
        folder,
        before_ocr=lambda: made_room.append(None),
    )

    notes = Notes()
    drafts = list(read_pdf(source, notes))

    assert asked == calls
    assert len(made_room) == sum(recognises for recognises, _ in calls)
    assert {draft.position.page for draft in drafts if draft.text.strip()} == {1, 4}
    assert [(note.page, note.reason.value) for note in notes.page_notes] == [
        (2, reason),
        (3, PageReason.BLANK.value),
    ]
    assert (notes.page_count, notes.pages_with_text, notes.pages_by_ocr) == (4, 2, 0)
    assert "pages_without_text" in notes.warnings


def test_an_encrypted_pdf_is_named_so_with_models_too(
    parse: Parse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))

    with pytest.raises(DocumentEncrypted):
        parse(DATA / "encrypted.pdf")
