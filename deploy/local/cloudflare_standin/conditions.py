"""Conditional requests: which state of an object a client insists on."""

from dataclasses import dataclass
from typing import Self

from cloudflare_standin.s3_errors import NotImplementedHere, PreconditionFailed
from cloudflare_standin.target import WireRequest
from cloudflare_standin.upstream import ObjectState


@dataclass(frozen=True, slots=True)
class Conditions:
    if_match: str | None
    if_none_match: str | None

    @classmethod
    def of_write(cls, wire: WireRequest) -> Self:
        """R2 honours these on PutObject and the multipart calls, but not on deletes."""
        for name in ("if-modified-since", "if-unmodified-since"):
            if wire.header(name) is not None:
                raise NotImplementedHere(f"the local stand-in does not know {name} on writes")
        return cls(wire.header("if-match"), wire.header("if-none-match"))

    @classmethod
    def of_copy(cls, wire: WireRequest) -> Self:
        """R2 has headers of its own for the destination of a copy."""
        for name, _ in wire.headers:
            if name.startswith("x-amz-copy-source-if-"):
                raise NotImplementedHere(f"the local stand-in does not know {name}")
        return cls(
            wire.header("cf-copy-destination-if-match"),
            wire.header("cf-copy-destination-if-none-match"),
        )

    def __bool__(self) -> bool:
        return self.if_match is not None or self.if_none_match is not None

    def check(self, state: ObjectState | None) -> None:
        """Raise PreconditionFailed unless the object is in the state asked for."""
        if self.if_match is not None and (
            state is None or not etag_matches(self.if_match, state.etag)
        ):
            raise PreconditionFailed("The object is not the version given in If-Match")
        if (
            self.if_none_match is not None
            and state is not None
            and etag_matches(self.if_none_match, state.etag)
        ):
            raise PreconditionFailed("The object exists or is the version given in If-None-Match")


def etag_matches(header: str, etag: str) -> bool:
    """True if the list of ETags, or `*`, covers this one; quotes do not matter."""
    given = {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}
    return "*" in given or etag.strip('"') in given
