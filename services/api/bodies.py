"""Reading a body: what keeps it from being JSON is said in words for people."""

import json
from typing import Any

from litestar import Request
from litestar.exceptions import SerializationException

from api.errors import FieldError, InvalidRequest


class ApiRequest(Request[Any, Any, Any]):
    """The framework passes some of the decoder's errors on as they are, others it misnames."""

    __slots__ = ()

    async def json(self) -> Any:
        """
        Raises:
            InvalidRequest: the body is not JSON, or holds what is no text.
        """
        try:
            return await super().json()
        except UnicodeDecodeError as error:
            raise InvalidRequest(FieldError("body", "must be encoded in UTF-8")) from error
        except SerializationException as error:
            complaint = _complaint(await self.body(), str(error))
            raise InvalidRequest(FieldError("body", complaint)) from error


def _complaint(body: bytes, said: str) -> str:
    if _has_lone_surrogate(body):
        return "holds characters that are not valid text: halves of a surrogate pair"
    if "truncated" in said:
        return "must be JSON; this ends too early"
    return f"must be JSON; {said.removeprefix('JSON is malformed: ')}"


def _has_lone_surrogate(body: bytes) -> bool:
    """Whether that alone is wrong: the standard library's decoder lets it pass."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False
