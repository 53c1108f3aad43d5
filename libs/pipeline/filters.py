"""What a search may be narrowed by: a closed grammar, from JSON to a Milvus expression.

    {"page": {"gte": 2, "lte": 9}, "file_name": {"in": ["a.pdf", "b.pdf"]}, "heading": "Results"}

Fields are joined by AND, so are the operators of one field; a bare value means `eq`. Nothing of
the caller reaches the expression but escaped literals. Tenant and dataset are no fields here:
the store puts them around every expression itself. What is asked of documents instead of rows
(`document_filters.py`) is for Postgres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from db.repositories.searching import DocumentCondition
from pipeline.document_filters import DOCUMENT_FIELDS, document_conditions
from pipeline.filter_values import FilterError, Operator, comparisons, identifier, number, text

__all__ = ["Filter", "FilterError", "compile_filter", "one_of", "parse", "quote"]

CONDITIONS_MAX = 32  # more than every field and operator once over makes sense of

TEXT_OPERATORS = frozenset({Operator.EQUALS, Operator.IN, Operator.PREFIX})
NAME_OPERATORS = frozenset({Operator.EQUALS, Operator.IN})
NUMBER_OPERATORS = frozenset({Operator.EQUALS, Operator.IN, Operator.FROM, Operator.TO})
# What would end a literal, or break it off; every other character stands for itself.
ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})
COMPARISONS = {Operator.EQUALS: "==", Operator.FROM: ">=", Operator.TO: "<="}


@dataclass(frozen=True, slots=True)
class Field:
    """A name of the grammar: the column behind it and what may be asked of it."""

    column: str
    operators: frozenset[Operator]
    is_number: bool = False
    is_list: bool = False
    is_id: bool = False
    is_json: bool = False  # a value in the field that takes anything


FIELDS: Mapping[str, Field] = {
    "file_name": Field("file_name", TEXT_OPERATORS),
    "document_id": Field("document", NAME_OPERATORS, is_id=True),
    "sheet": Field("sheet", NAME_OPERATORS),
    "heading": Field("heading_path", NAME_OPERATORS, is_list=True),
    "page": Field("page", NUMBER_OPERATORS, is_number=True),
    "line": Field("line", NUMBER_OPERATORS, is_number=True),
    "attachment": Field('metadata["attachment"]', TEXT_OPERATORS, is_json=True),
    "path": Field('metadata["path"]', TEXT_OPERATORS, is_json=True),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. `values` holds one value but for `in`."""

    field: Field
    operator: Operator
    values: tuple[str, ...] | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions that must all hold, of rows and of documents; none means everything."""

    conditions: tuple[Condition, ...] = ()
    documents: tuple[DocumentCondition, ...] = ()


def parse(raw: object) -> Filter:
    """The filter in a request's JSON value (None: no filter). FilterError names what is wrong."""
    if raw is None:
        return Filter()
    if not isinstance(raw, Mapping):
        raise FilterError("filter", "must be an object of fields")
    conditions: list[Condition] = []
    documents: list[DocumentCondition] = []
    for name, value in raw.items():
        if name in DOCUMENT_FIELDS:
            documents += document_conditions(name, value)
            continue
        field = FIELDS.get(name)
        if field is None:
            known = ", ".join([*FIELDS, *DOCUMENT_FIELDS])
            raise FilterError(str(name), f"unknown field; known are {known}")
        conditions += [
            _condition(name, field, operator, values)
            for operator, values in comparisons(name, value, field.operators)
        ]
    if len(conditions) + len(documents) > CONDITIONS_MAX:
        raise FilterError("filter", f"has more than {CONDITIONS_MAX} conditions")
    return Filter(tuple(conditions), tuple(documents))


def compile_filter(wanted: Filter) -> str:
    """The Milvus expression of what is asked of rows; empty for no conditions."""
    return " and ".join(f"({_compile(condition)})" for condition in wanted.conditions)


def quote(text: str) -> str:
    """A string literal of Milvus's expression language that holds exactly this text."""
    return f'"{text.translate(ESCAPES)}"'


def one_of(column: str, values: Sequence[str]) -> str:
    """The clause that a column has one of these values."""
    return f"{column} in [{', '.join(quote(value) for value in values)}]"


def _condition(name: str, field: Field, operator: Operator, values: Sequence[object]) -> Condition:
    if field.is_number:
        return Condition(field, operator, tuple(number(name, value) for value in values))
    read = identifier if field.is_id else text
    return Condition(field, operator, tuple(read(name, value) for value in values))


def _compile(condition: Condition) -> str:
    column = condition.field.column
    literals = [quote(v) if isinstance(v, str) else str(v) for v in condition.values]
    if condition.field.is_list:
        return f"array_contains_any({column}, [{', '.join(literals)}])"
    match condition.operator:
        case Operator.IN if condition.field.is_json:  # Milvus Lite knows `in` for columns only
            return " or ".join(f"{column} == {literal}" for literal in literals)
        case Operator.IN:
            return f"{column} in [{', '.join(literals)}]"
        case Operator.PREFIX:
            return _prefix(column, str(condition.values[0]))
        case operator:
            clause = f"{column} {COMPARISONS[operator]} {literals[0]}"
            # Zero stands for "no page"; it must not pass as a small one.
            return f"{column} >= 1 and {clause}" if operator is Operator.TO else clause


def _prefix(column: str, prefix: str) -> str:
    # A range instead of LIKE: how LIKE escapes its wildcards differs between servers.
    clause = f"{column} >= {quote(prefix)}"
    beyond = _successor(prefix)
    return clause if beyond is None else f"{clause} and {column} < {quote(beyond)}"


def _successor(prefix: str) -> str | None:
    """The least text above every text that starts so, in code point order, which is also UTF-8's;
    None if there is none."""
    stem = prefix.rstrip("\U0010ffff")
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    if following == 0xD800:
        following = 0xE000  # surrogates are no characters
    return stem[:-1] + chr(following)
