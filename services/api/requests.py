"""The bodies that the API takes. Unknown fields are refused: a misspelt one must not pass."""

import re
import unicodedata
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from api.errors import FieldError, InvalidRequest
from api.file_names import KEY_BYTES_MAX, FileName
from api.limits import PUT_BYTES_MAX
from pipeline.chunk import ChunkSettings
from pipeline.chunk.registry import STRATEGIES
from pipeline.chunk.settings import sizes_of
from pipeline.document_filters import checked_metadata

SIZE_MIN = min(sizes_of(strategy).least for strategy in STRATEGIES)
SIZE_MAX = max(sizes_of(strategy).most for strategy in STRATEGIES)
FILES_MAX = 1_000  # of one request: some 300 KB of signed URLs in the answer
DATASET_NAME_CHARS_MAX = 200
PRIORITY_MAX = 100
CONTENT_TYPE_FORMAT = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}( *; *[ -~]*)?"
)


def _presentable(text: str) -> str:
    """Trimmed and folded to NFC. ValueError if blank, or if it cannot be shown or stored."""
    text = unicodedata.normalize("NFC", text.strip())
    if not text:
        raise ValueError("must not be blank")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise ValueError("must not contain control characters")
    return text


def storable(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    if any(character == "\0" or unicodedata.category(character) == "Cs" for character in text):
        raise ValueError("holds a character that no text has")
    return text


def _content_type(text: str) -> str:
    if CONTENT_TYPE_FORMAT.fullmatch(text) is None:
        raise ValueError("must be a media type, such as text/plain or text/csv; charset=utf-8")
    return text


def _known_strategy(name: str) -> str:
    if name not in STRATEGIES:
        raise ValueError(f"must be one of {', '.join(STRATEGIES)}")
    return name


def _ranges() -> str:
    return "; ".join(
        f"`{name}`: {sizes.least} to {sizes.most} {sizes.unit}"
        for name, sizes in ((name, sizes_of(name)) for name in STRATEGIES)
    )


def as_uuid(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return UUID(value)
    except ValueError as error:
        raise ValueError("must be a UUID") from error


DatasetName = Annotated[
    str,
    Field(min_length=1, max_length=DATASET_NAME_CHARS_MAX, examples=["Annual reports"]),
    AfterValidator(_presentable),
]
Priority = Annotated[
    int,
    Field(
        ge=-PRIORITY_MAX,
        le=PRIORITY_MAX,
        description="Datasets of a higher priority are indexed before others of the tenant.",
    ),
]
Strategy = Annotated[
    str,
    AfterValidator(_known_strategy),
]
Metadata = Annotated[
    dict[str, str | int | float | bool],
    AfterValidator(checked_metadata),
    Field(
        description="Up to 16 keys of yours with text, numbers, true or false, to filter by. They "
        "hold from this request on; what is left out stays as it is.",
        examples=[{"customer": "acme", "year": 2026}],
    ),
]
ContentType = Annotated[
    str,
    Field(max_length=255, examples=["application/pdf"]),
    AfterValidator(_content_type),
]


def with_example(**body: Any) -> ConfigDict:
    """For the documentation: a body that can be sent as it stands."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Chunking(Body):
    """How documents are cut into the passages that search finds. `recursive` (the default),
    `heading` and `semantic` count characters, `token` counts tokens of cl100k. What is left out
    stays as it is, or is the default at first; a change of the strategy brings its default size and
    overlap."""

    strategy: Strategy | None = Field(
        None, description=f"One of {', '.join(f'`{name}`' for name in STRATEGIES)}."
    )
    size: int | None = Field(
        None,
        ge=SIZE_MIN,
        le=SIZE_MAX,
        description=f"Of a passage, at most. {_ranges()}",
    )
    overlap: int | None = Field(
        None, ge=0, lt=SIZE_MAX, description="What a passage repeats of the one before."
    )
    heading_prefix: bool | None = Field(
        None,
        description="Whether a passage is embedded, and searched for words, with the headings "
        "above it. What is shown stays the passage itself.",
    )

    def over(self, base: ChunkSettings) -> ChunkSettings:
        """
        Raises:
            InvalidRequest: together they make no sense.
        """
        given = self.model_dump(exclude_none=True)
        if self.strategy not in (None, base.strategy):
            sizes = sizes_of(given["strategy"])
            given = {"size": sizes.size, "overlap": sizes.overlap, **given}
        strategy, size = given.get("strategy", base.strategy), given.get("size", base.size)
        overlap = given.get("overlap", base.overlap)
        sizes = sizes_of(strategy)
        if not sizes.least <= size <= sizes.most:
            rule = f"must be between {sizes.least} and {sizes.most} {sizes.unit} with {strategy}"
            raise InvalidRequest(FieldError("chunking.size", rule))
        if overlap >= size:
            raise InvalidRequest(FieldError("chunking", self._conflict(size, overlap)))
        return replace(base, **given)

    def _conflict(self, size: int, overlap: int) -> str:
        rule = f"must be less than the size, {size}"
        if self.overlap is None:
            return f"the overlap, which is {overlap} where none is given, {rule}"
        if self.size is None:
            return f"the overlap {rule} where none is given"
        return f"the overlap {rule}"


class NewFile(Body):
    """A file to upload. What is given of type and size is signed: the upload must match it."""

    model_config = with_example(
        file_name="reports/2026/summary.pdf",
        metadata={"customer": "acme", "year": 2026},
    )

    file_name: FileName
    content_type: ContentType | None = None
    size: int | None = Field(
        None, ge=0, le=PUT_BYTES_MAX, description="In bytes; a deployment may take less."
    )
    metadata: Metadata | None = None


def _without_duplicates(files: list[NewFile]) -> list[NewFile]:
    seen: set[str] = set()
    for file in files:
        if file.file_name in seen:
            raise ValueError(f"the file name {file.file_name!r} is there twice")
        seen.add(file.file_name)
    return files


NewFiles = Annotated[
    list[NewFile], Field(min_length=1, max_length=FILES_MAX), AfterValidator(_without_duplicates)
]


class UpdateDocument(Body):
    """What is said of a document, all of it anew."""

    model_config = with_example(metadata={"customer": "acme", "year": 2026, "signed": True})

    metadata: Metadata


class CreateDataset(Body):
    """A dataset, and the files that will be uploaded to it first."""

    model_config = with_example(
        name="Annual reports",
        files=[{"file_name": "reports/2026/summary.pdf"}, {"file_name": "figures.xlsx"}],
    )

    name: DatasetName
    files: NewFiles | None = Field(
        None, description="Leave it out to make a dataset without upload URLs."
    )
    chunking: Chunking = Chunking()
    priority: Priority = 0


class UpdateDataset(Body):
    """What to change; what is left out stays as it is."""

    model_config = with_example(
        name="Annual reports, all years",
        priority=10,
    )

    name: DatasetName | None = None
    priority: Priority | None = None
    paused: bool | None = Field(
        None, description="While a dataset is paused, its documents are not indexed."
    )
    chunking: Chunking | None = Field(
        None,
        description=(
            "Holds for what is indexed from then on; trigger a job to index a document anew."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _says_something(cls, given: Any) -> Any:
        if isinstance(given, dict) and all(value is None for value in given.values()):
            raise ValueError("give at least one of name, priority, paused, chunking")
        return given


class UpdateTenant(Body):
    """A pause of everything, or its end."""

    model_config = with_example(paused=True)

    paused: bool = Field(description="While a tenant is paused, none of its documents is indexed.")


class RequestUploads(Body):
    """More files for a dataset. The name of an existing document overwrites it."""

    model_config = with_example(
        files=[{"file_name": "reports/2027/summary.pdf"}],
    )

    files: NewFiles


class UploadedFile(Body):
    """A file that was uploaded."""

    file_name: FileName


class CompleteUploads(Body):
    """Which files were uploaded; all that have an upload URL if left out."""

    model_config = with_example(
        files=[{"file_name": "reports/2026/summary.pdf"}],
    )

    files: list[UploadedFile] | None = Field(None, min_length=1, max_length=FILES_MAX)


class TriggerJob(Body):
    """An object of the bucket to look at again."""

    model_config = with_example(
        dataset_id="0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11",
        object_key="0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11/reports/2026/summary.pdf",
    )

    dataset_id: Annotated[UUID, BeforeValidator(as_uuid)]
    object_key: Annotated[str, Field(min_length=1, max_length=KEY_BYTES_MAX)]
