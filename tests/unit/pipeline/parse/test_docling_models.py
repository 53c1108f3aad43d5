"""Docling's models: looked for when a worker starts, and used by the children where they are.

The models themselves are not here: what is tried is which engine is asked, and what it says.
"""

from pathlib import Path

import docling_rs
import pytest
from pydantic import ValidationError

from data.make_samples import pdf
from pipeline.errors import DocumentCorrupt, DocumentEncrypted
from pipeline.parse.docling_models import REQUIRED, VARIABLE, checked, engine_name, environment
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


def test_an_encrypted_pdf_is_named_so_with_models_too(
    parse: Parse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))

    with pytest.raises(DocumentEncrypted):
        parse(DATA / "encrypted.pdf")
