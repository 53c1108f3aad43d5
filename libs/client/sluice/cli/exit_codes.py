"""What the command's exit code says; `sluice --help` has the same list."""

from sluice.errors import (
    Forbidden,
    InvalidRequest,
    NotConfigured,
    NotFound,
    NothingToUpload,
    SluiceError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from sluice.resources import AmbiguousName, DatasetMissing

DONE = 0
SOME_FAILED = 1
USAGE = 2
NO_ACCESS = 3
INTERRUPTED = 130

EXPLAINED = """\b
Exit codes:
  0    done; of an upload: every file is searchable
  1    some files failed, or the order was refused
  2    the command was not understood, or names what is not there
  3    the server cannot be reached, or does not accept the key
  130  interrupted; run the same command again to go on"""


def exit_code_of(error: SluiceError) -> int:
    wrong = (NothingToUpload, AmbiguousName, DatasetMissing, InvalidRequest, NotFound)
    if isinstance(error, wrong):
        return USAGE
    no_access = (NotConfigured, Unreachable, UnexpectedAnswer, Unauthenticated, Forbidden)
    return NO_ACCESS if isinstance(error, (*no_access, Unavailable)) else SOME_FAILED
