"""The literals of a filter: read from JSON, checked, and refused with the field's name."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

VALUES_MAX = 100  # literals of one `in`: keeps the expression far below Milvus's limit
VALUE_CHARS_MAX = 1_024  # the longest name a row holds
NUMBER_MAX = 2**63 - 1  # INT64


class FilterError(ValueError):
    """The filter does not follow the grammar; `field` names the part that does not."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class Operator(StrEnum):
    EQUALS = "eq"
    IN = "in"
    PREFIX = "prefix"
    FROM = "gte"
    TO = "lte"


def comparisons(
    name: str, given: object, allowed: frozenset[Operator]
) -> list[tuple[Operator, Sequence[object]]]:
    """The operators of one field with their values; a bare value means `eq`."""
    operators = given if isinstance(given, Mapping) else {Operator.EQUALS.value: given}
    if not operators:
        raise FilterError(name, "needs an operator")
    return [
        (_operator(name, key, allowed), _values(name, key, operators[key])) for key in operators
    ]


def _operator(name: str, key: object, allowed: frozenset[Operator]) -> Operator:
    if not isinstance(key, str) or key not in allowed:
        known = ", ".join(sorted(allowed))
        raise FilterError(name, f"unknown operator {key!r}; allowed are {known}")
    return Operator(key)


def _values(name: str, key: str, given: object) -> Sequence[object]:
    if key != Operator.IN:
        return [given]
    if not isinstance(given, list | tuple) or not 0 < len(given) <= VALUES_MAX:
        raise FilterError(name, f"`in` takes a list of 1 to {VALUES_MAX} values")
    return given


def number(name: str, value: object) -> int:
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        value = int(value)  # JSON does not tell 2 from 2.0
    if not isinstance(value, int) or isinstance(value, bool):
        raise FilterError(name, "takes whole numbers")
    if value < 1:
        raise FilterError(name, "counts from 1")
    if value > NUMBER_MAX:
        raise FilterError(name, f"must be at most {NUMBER_MAX}")
    return value


def text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise FilterError(name, "takes text that is not empty")
    if len(value) > VALUE_CHARS_MAX:
        raise FilterError(name, f"is longer than {VALUE_CHARS_MAX} characters")
    if "\0" in value or any(unicodedata.category(character) == "Cs" for character in value):
        raise FilterError(name, "holds a character that no stored text has")
    return value


def identifier(name: str, value: object) -> str:
    """As the index has it: whoever copies an identifier may have it in capitals."""
    given = text(name, value)
    try:
        read = UUID(given)
    except ValueError as error:
        raise FilterError(name, "takes UUIDs") from error
    if given.lower() != str(read):  # the standard library also takes braces and the like
        raise FilterError(name, "takes UUIDs")
    return str(read)


def moment(name: str, value: object, *, at_end: bool) -> datetime:
    """A time of ISO 8601; a day alone is its first moment in UTC, or its last if `at_end`."""
    given = text(name, value)
    try:
        if len(given) == len("2026-11-25"):
            day = date.fromisoformat(given)
            clock = datetime.max.time() if at_end else datetime.min.time()
            return datetime.combine(day, clock, UTC)
        read = datetime.fromisoformat(given)
        # The first and the last hours of the calendar may be none in UTC.
        in_utc = None if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FilterError(name, "takes a day or a time as ISO 8601 has it") from error
    if in_utc is None:
        raise FilterError(name, "needs an offset, such as Z, behind the time")
    return in_utc
