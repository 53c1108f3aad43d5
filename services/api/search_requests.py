"""The bodies of searches."""

from base64 import b64decode
from binascii import Error as NotBase64
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from api.limits import IMAGE_BYTES_MAX
from api.requests import Body, as_uuid, storable, with_example
from pipeline.images.shapes import media_type_of
from pipeline.questions import WINDOW

QUERY_CHARS_MAX = 4_000  # beyond what an embedding model reads well
HITS_MAX = 100
HITS_DEFAULT = 10
NEIGHBOURS_MAX = 3
SEARCHED_DATASETS_MAX = 100  # that a request names


class Weights(Body):
    """What meaning and words count in a hybrid search, against each other."""

    dense: float = Field(1.0, ge=0, le=1_000, allow_inf_nan=False)
    keyword: float = Field(1.0, ge=0, le=1_000, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_counts(self) -> Self:
        if self.dense == self.keyword == 0:
            raise ValueError("at least one must be above 0")
        return self

    @property
    def dense_share(self) -> float:
        return self.dense / (self.dense + self.keyword)


def _image(text: str) -> str:
    """Looked at no further than its mark: the api decodes no images."""
    try:
        data = b64decode(text, validate=True)
    except (NotBase64, ValueError) as error:
        raise ValueError("must be base64") from error
    if len(data) > IMAGE_BYTES_MAX:
        raise ValueError(f"may have at most {IMAGE_BYTES_MAX} bytes")
    if media_type_of(data) is None:
        raise ValueError("must be a PNG, JPEG or WebP")
    return text


class Search(Body):
    """A question to a dataset."""

    model_config = with_example(
        query="How did revenue develop?",
        limit=5,
        filter={"page": {"gte": 2}, "metadata": {"year": {"gte": 2024}}},
        neighbours=1,
    )

    query: (
        Annotated[str, Field(min_length=1, max_length=QUERY_CHARS_MAX), AfterValidator(storable)]
        | None
    ) = Field(None, description="Needed unless an image is searched by.")
    image: Annotated[str, AfterValidator(_image)] | None = Field(
        None,
        description="In place of the query, in the mode `image`: a PNG, JPEG or WebP of up to "
        "2 MiB, in base64.",
    )
    limit: int = Field(HITS_DEFAULT, ge=1, le=HITS_MAX, description="Hits at most.")
    offset: int = Field(
        0,
        ge=0,
        lt=WINDOW,
        description="Hits to skip: `next_offset` of the page before. With the limit up to 1,000.",
    )
    mode: Literal["hybrid", "dense", "keyword", "image"] = Field(
        "hybrid",
        description="By meaning (dense), by words (keyword), or both; or `image`: images, by what "
        "they show. Needs an image endpoint. With an image it is the default.",
    )
    filter: dict[str, Any] | None = Field(
        None,
        description=(
            "Of passages: file_name, document_id, sheet, heading, page, line. Of their documents: "
            "media_type, uploaded_at (gte, lte), metadata (an object of its keys). Each has a "
            "value or operators: eq, in, prefix, gte, lte. All must hold."
        ),
        examples=[
            {
                "page": {"gte": 2, "lte": 9},
                "media_type": "application/pdf",
                "uploaded_at": {"gte": "2026-01-01"},
                "metadata": {"customer": {"in": ["acme", "umbrella"]}},
            }
        ],
    )
    weights: Weights | None = Field(
        None,
        description="For the hybrid mode. By default both count the same, and meaning little where "
        "the embedding model does not know the language.",
    )
    min_score: float | None = Field(
        None,
        ge=-1,
        allow_inf_nan=False,
        description="Leaves out hits below it. `dense`: the cosine, up to 1. `keyword`: the BM25 "
        "score, from 0 without an end. `hybrid`: 0 to 1, where 1 is the best of both lists of this "
        "query; it says how a hit compares with the best, not how good that is.",
    )
    group_by: Literal["document"] | None = Field(
        None, description="`document`: of each document its best passage only."
    )
    neighbours: int = Field(
        0,
        ge=0,
        le=NEIGHBOURS_MAX,
        description="Passages before and after each hit to be shown with it.",
    )
    include_url: bool = Field(
        False, description="Whether each hit has a URL, good for a while, of the original file."
    )
    rerank: bool = Field(
        True, description="False: not to be sent to the reranker, where one is configured."
    )

    @property
    def asked_mode(self) -> str:
        by_default = self.image is not None and "mode" not in self.model_fields_set
        return "image" if by_default else self.mode

    @property
    def image_bytes(self) -> bytes | None:
        return None if self.image is None else b64decode(self.image)

    @model_validator(mode="after")
    def _stays_in_the_window(self) -> Self:
        if self.offset + self.limit > WINDOW:
            raise ValueError(f"offset and limit together may be at most {WINDOW}")
        return self


class SearchSeveral(Search):
    """A question to several datasets, or to all."""

    model_config = with_example(
        query="How did revenue develop?",
        dataset_ids=["0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11"],
        group_by="document",
    )

    dataset_ids: (
        Annotated[
            list[Annotated[UUID, BeforeValidator(as_uuid)]],
            Field(min_length=1, max_length=SEARCHED_DATASETS_MAX),
        ]
        | None
    ) = Field(None, description="All of the tenant's, the newest 1,000, if left out.")
