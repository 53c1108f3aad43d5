"""Every way an attempt can go wrong, on one screen.

The class decides what happens to the job, the code is what the status API shows. Messages may
change, codes may not. A message is for people and never quotes a document or a secret.
"""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar


class Dependency(StrEnum):
    """What an attempt can find unavailable; also the key of a breaker."""

    OBJECT_STORE = "object_store"
    EMBEDDER = "embedder"
    VECTOR_STORE = "vector_store"
    DATABASE = "database"
    SCRATCH = "scratch"


class PipelineError(Exception):
    """Anything the pipeline raises on purpose."""

    code: ClassVar[str] = "internal_error"
    advice: ClassVar[str] = ""  # what whoever reads the message can do, in a sentence

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def explanation(self) -> str:
        """What happened and what to do, as a job and a document show it."""
        said = self.message[:1].upper() + self.message[1:]
        if said and said[-1] not in ".!?":
            said += "."
        return f"{said} {self.advice}".strip()


def code_of(error: BaseException) -> str | None:
    """For a log: the code of an error of ours, with what it depended on."""
    match error:
        case DependencyError():
            return f"{error.code} ({error.dependency})"
        case PipelineError():
            return error.code
        case _:
            return None


class PermanentError(PipelineError):
    """Retrying cannot help; the job fails now."""


class DocumentError(PipelineError):
    """This document's attempt went wrong; it has a few tries."""


class DependencyError(PipelineError):
    """Something we depend on is unavailable; the job waits and no try is charged."""

    code = "dependency_unavailable"
    is_away: ClassVar[bool] = True  # False: it works, and asks us to slow down

    def __init__(
        self, message: str, *, dependency: Dependency, retry_after: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.dependency = dependency
        self.retry_after = retry_after


class ScratchFull(DependencyError):
    """The worker's disk took no more; no document is to blame for that."""

    code = "scratch_full"


class LeaseLost(PipelineError):
    """Another attempt owns the job, or it was cancelled: stop, write nothing more."""

    code = "lease_lost"


class ObjectChanged(PipelineError):
    """The object is no longer the version that HEAD saw; start over with the new one, uncharged."""

    code = "object_changed"


class Interrupted(PipelineError):
    """A shutdown or the soft time limit ended the attempt; it is released, uncharged."""

    code = "interrupted"


class RemovalsHeld(PipelineError):
    """Too many objects vanished at once without anybody asking; a person should look first."""

    code = "removals_held"


# What a document can be, or do, that no retry mends.


class DocumentEncrypted(PermanentError):
    code = "document_encrypted"
    advice = "Remove the password and upload the file again."


class DocumentCorrupt(PermanentError):
    code = "document_corrupt"
    advice = "Open it in the program that made it, save it anew and upload it again."


class UnsupportedType(PermanentError):
    code = "unsupported_type"
    advice = "Convert it to a type that is read, such as PDF, DOCX, HTML or plain text."


class TooLarge(PermanentError):
    code = "too_large"
    advice = "Split it into smaller files, or save it as plain text, CSV or JSON Lines."


class TooManyPages(PermanentError):
    code = "too_many_pages"
    advice = "Split it into files of fewer pages."


class TooManyChunks(PermanentError):
    code = "too_many_chunks"
    advice = "Split it, or take larger chunks for the dataset."


# What the parser child can do to itself.


class ParserOutOfMemory(DocumentError):
    code = "parser_out_of_memory"
    advice = "Split the file, or have SLUICE_PARSER_MEMORY raised."


class ParserTimeout(DocumentError):
    code = "parser_timeout"
    advice = "Split the file, or have SLUICE_PARSER_TIMEOUT_SECONDS raised."


class ParserCrashed(DocumentError):
    code = "parser_crashed"
    advice = "Save the file anew or in another format; report it if you may share it."


class ParserScratchFull(DocumentError):
    """The parser wrote more than a document is worth."""

    code = "parser_scratch_full"
    advice = "Save the file anew or in another format; report it if you may share it."


class InternalError(DocumentError):
    """An exception nobody expected; the log has the traceback."""

    code = "internal_error"
    advice = "Report it with the job's id."


class AttemptTimeout(DocumentError):
    """The hard limit of one attempt passed without progress."""

    code = "attempt_timeout"
    advice = "Split the file, or have SLUICE_HARD_LIMIT_SECONDS raised."
