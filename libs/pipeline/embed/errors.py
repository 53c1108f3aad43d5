"""What can go wrong with the embedder, by what the job should do about it."""

from datetime import timedelta

from pipeline.errors import Dependency, DependencyError, DocumentError, PermanentError


class EmbedderError(DependencyError):
    """The embedder gives no usable answer now; no document is to blame."""

    code = "embedder_unavailable"

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message, dependency=Dependency.EMBEDDER, retry_after=retry_after)


class EmbedderUnavailable(EmbedderError):
    """Unreachable, too slow, or answering 5xx; `status` is set for the last."""

    def __init__(
        self, message: str, *, retry_after: timedelta | None = None, status: int | None = None
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class EmbedderRateLimited(EmbedderError):
    code = "embedder_rate_limited"
    is_away = False


class EmbedderAnswerInvalid(EmbedderError):
    """Status 200, but not the vectors that were asked for."""

    code = "embedder_answer_invalid"


class EmbedderQuotaExhausted(EmbedderError):
    """Waiting for the rate limit does not help; someone has to pay."""

    code = "embedder_quota_exhausted"


class EmbedderMisconfigured(EmbedderError):
    """The endpoint refuses us, the model or every input: a setting is wrong."""

    code = "embedder_misconfigured"


class EmbeddingInputRejected(PermanentError):
    """The endpoint takes other inputs but not this one, even alone."""

    code = "embedding_input_rejected"

    def __init__(self, index: int) -> None:
        super().__init__(f"The embedding endpoint refuses the text with index {index}.")
        self.index = index


class EmbeddingInputFailed(DocumentError):
    """The endpoint works, and answers 5xx whenever this input is in the request."""

    code = "embedding_input_failed"

    def __init__(self, index: int) -> None:
        super().__init__(
            f"The embedding endpoint fails with the text with index {index}, and with no other."
        )
        self.index = index
