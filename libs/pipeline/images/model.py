"""Which model embeds pictures, where it is, and how it is asked."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipeline.settings import ImageEmbeddingSettings

PICTURES_MAX = 1_000  # of a document, whatever is set
CROP_MEDIA_TYPE = "image/jpeg"
# Rises when crops of a document would come out otherwise, or other ones.
CROPS_VERSION = "1"


class ImageFormat(StrEnum):
    """Whose form of requests the endpoint speaks."""

    JINA = "jina"
    VOYAGE = "voyage"
    COHERE = "cohere"
    VLLM = "vllm"


@dataclass(frozen=True, slots=True)
class ImageModel:
    """`url` is the whole address of the endpoint. `dimensions` are asked for only if set. Prices
    are in dollars."""

    url: str
    api_key: SecretStr
    model: str
    form: ImageFormat = ImageFormat.JINA
    dimensions: int | None = None
    batch: int = 8
    pictures_max: int = 200
    timeout: timedelta = timedelta(seconds=60)
    price: Decimal | None = None  # of a million tokens; None: not known

    @property
    def space(self) -> str:
        """A name for the vectors that can be compared with each other; names a collection."""
        address = urlsplit(self.url)
        identity = [
            address.hostname or "",
            address.path.rstrip("/"),
            self.model,
            self.dimensions,
            self.form.value,
        ]
        return "images_" + hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    @property
    def crops(self) -> str:
        """Names what is cut from documents: where it differs they are parsed anew."""
        return f"{CROPS_VERSION} {self.pictures_max}"

    def cost_of(self, tokens: int) -> Decimal | None:
        """Dollars; None if the price is not known."""
        return None if self.price is None else self.price * tokens / 1_000_000


def configured_image_model(settings: ImageEmbeddingSettings) -> ImageModel | None:
    """None where no endpoint is configured."""
    if not settings.image_embedding_url:
        return None
    return ImageModel(
        url=settings.image_embedding_url,
        api_key=settings.image_embedding_api_key,
        model=settings.image_embedding_model,
        form=ImageFormat(settings.image_embedding_format),
        dimensions=settings.image_embedding_dimensions,
        batch=settings.image_embedding_batch,
        pictures_max=settings.images_max,
        timeout=settings.image_embedding_timeout,
        price=settings.image_embedding_price,
    )
