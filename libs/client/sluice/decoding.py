"""JSON into frozen dataclasses, and back.

Fields that nobody here knows are passed over and those that an older server does not send are None
or their default, so a client and a server of different versions get along.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from sluice.errors import UnexpectedAnswer

T = TypeVar("T")


def decode(kind: type[T], raw: object) -> T:
    """
    Raises:
        UnexpectedAnswer: this is not what the API answers there.
    """
    try:
        return cast(T, _value(kind, raw))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UnexpectedAnswer(f"the answer is no {kind.__name__}: {error}") from error


def encode(value: object) -> Any:
    """What `json.dumps` takes: times in ISO 8601, money as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return f"{value:f}" if isinstance(value, Decimal) else value


def _value(kind: Any, raw: Any) -> Any:
    if kind is Any or isinstance(kind, TypeVar):
        return raw
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        [kind] = [each for each in arguments if each is not type(None)]
        return None if raw is None else _value(kind, raw)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in raw)
    if origin in (dict, Mapping):
        return {key: _value(arguments[1], item) for key, item in raw.items()}
    return _instance(kind, raw) if is_dataclass(kind) else _plain(kind, raw)


def _plain(kind: Any, raw: Any) -> Any:
    if kind in (datetime, date):
        return kind.fromisoformat(raw)
    if kind is Decimal:
        return Decimal(str(raw))
    if kind is float and isinstance(raw, int):
        return float(raw)
    if not isinstance(raw, kind):
        raise TypeError(f"{type(raw).__name__} where {kind.__name__} was expected")
    return raw


def _instance(kind: Any, raw: Any) -> Any:
    adapt = getattr(kind, "adapt", None)
    given = raw if adapt is None else adapt(raw)
    if not isinstance(given, dict):
        raise TypeError(f"{type(raw).__name__} where an object was expected")
    hints = _hints(kind)
    values = {}
    for field in fields(kind):
        if field.name in given:
            values[field.name] = _value(hints[field.name], given[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = _absent(field.name, hints[field.name])
    return kind(**values)


def _absent(name: str, kind: Any) -> Any:
    if type(None) in get_args(kind):
        return None
    raise ValueError(f"{name} is missing")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)
