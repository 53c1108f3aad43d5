"""The part of a filter that asks about documents, which Postgres answers.

    {"media_type": "application/pdf", "uploaded_at": {"gte": "2026-01-01"},
     "metadata": {"customer": "acme", "year": {"gte": 2020, "lte": 2026}}}

Kept apart from what stands in the rows of the index: a document's metadata may change, and rows
never do.
"""

import re
from collections.abc import Mapping

from db.repositories.searching import Comparison, DocumentCondition, Scalar
from pipeline.filter_values import NUMBER_MAX, FilterError, Operator, comparisons, moment, text

METADATA_KEYS_MAX = 16
METADATA_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
METADATA_VALUE_CHARS_MAX = 512

MEDIA_TYPE_OPERATORS = frozenset({Operator.EQUALS, Operator.IN})
TIME_OPERATORS = frozenset({Operator.FROM, Operator.TO})
METADATA_OPERATORS = frozenset({Operator.EQUALS, Operator.IN, Operator.FROM, Operator.TO})
DOCUMENT_FIELDS = ("media_type", "uploaded_at", "metadata")


def document_conditions(name: str, given: object) -> list[DocumentCondition]:
    """The conditions of one of DOCUMENT_FIELDS. FilterError names what is wrong."""
    match name:
        case "media_type":
            return [
                DocumentCondition(
                    name,
                    Comparison(operator.value),
                    tuple(text(name, value).lower() for value in values),
                )
                for operator, values in comparisons(name, given, MEDIA_TYPE_OPERATORS)
            ]
        case "uploaded_at":
            return [
                DocumentCondition(
                    name,
                    Comparison(operator.value),
                    (moment(name, values[0], at_end=operator is Operator.TO),),
                )
                for operator, values in comparisons(name, given, TIME_OPERATORS)
            ]
        case _:
            return _metadata_conditions(given)


def checked_metadata(given: Mapping[str, object]) -> dict[str, Scalar]:
    """Metadata as it is stored. FilterError names the key that is wrong."""
    if len(given) > METADATA_KEYS_MAX:
        raise FilterError("metadata", f"has more than {METADATA_KEYS_MAX} keys")
    return {_key(key): _scalar(f"metadata.{key}", value) for key, value in given.items()}


def _metadata_conditions(given: object) -> list[DocumentCondition]:
    if not isinstance(given, Mapping) or not given:
        raise FilterError("metadata", "must be an object of keys")
    conditions: list[DocumentCondition] = []
    for key, wanted in given.items():
        name = f"metadata.{key}"
        for operator, values in comparisons(name, wanted, METADATA_OPERATORS):
            scalars = tuple(_scalar(name, value) for value in values)
            if operator in (Operator.FROM, Operator.TO) and isinstance(scalars[0], bool):
                raise FilterError(name, "true and false have no order")
            conditions.append(
                DocumentCondition(_key(key), Comparison(operator.value), scalars, is_metadata=True)
            )
    return conditions


def _key(key: object) -> str:
    if not isinstance(key, str) or METADATA_KEY.fullmatch(key) is None:
        raise FilterError(
            f"metadata.{key}",
            "a key has up to 64 letters, digits, `_`, `-` and `.`, no digit first",
        )
    return key


def _scalar(name: str, value: object) -> Scalar:
    if isinstance(value, str):
        checked = text(name, value)
        if len(checked) > METADATA_VALUE_CHARS_MAX:
            raise FilterError(name, f"is longer than {METADATA_VALUE_CHARS_MAX} characters")
        return checked
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) <= NUMBER_MAX:  # no infinity, no NaN
        return value
    raise FilterError(name, "takes text, numbers, true and false")
