"""What can go wrong with the image endpoint.

None of these opens a breaker: only documents with pictures wait for it, and the others go on.
"""

from datetime import timedelta

from pipeline.errors import Dependency, DependencyError


class ImageEmbedderError(DependencyError):
    """The image endpoint gives no usable answer now; no document is to blame."""

    code = "image_embedder_unavailable"
    is_away = False  # the breaker of the embedder is about texts

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, dependency=Dependency.EMBEDDER, retry_after=retry_after)


class ImageEmbedderFailed(ImageEmbedderError):
    """It answers 5xx; over one of the pictures, perhaps."""


class ImageEmbedderRateLimited(ImageEmbedderError):
    code = "image_embedder_rate_limited"


class ImageEmbedderAnswerInvalid(ImageEmbedderError):
    """Status 200, but not the vectors that were asked for."""

    code = "image_embedder_answer_invalid"


class ImageEmbedderMisconfigured(ImageEmbedderError):
    """The endpoint refuses us, the model or every input: a setting is wrong."""

    code = "image_embedder_misconfigured"


class ImageRefused(Exception):
    """The endpoint does not take these inputs; fewer or others it may."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
