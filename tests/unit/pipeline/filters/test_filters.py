import ast
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.repositories.searching import Comparison, DocumentCondition
from pipeline.document_filters import METADATA_KEYS_MAX, checked_metadata
from pipeline.filters import FIELDS, FilterError, compile_filter, parse, quote

UPPER = "01A20A6E-107F-7DB3-B47D-F05E60C5C91F"
LOWER = UPPER.lower()

storable = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=40,
)


def literals(expression: str) -> tuple[list[str], str]:
    """The texts of an expression's literals, and what is left of it without them.

    Reads as Milvus's grammar does: a literal ends at the first quote that no backslash escapes.
    """
    found: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(expression):
        character = expression[position]
        position += 1
        if character != '"':
            rest.append(character)
            continue
        start = position
        while expression[position] != '"':
            position += 2 if expression[position] == "\\" else 1
        raw = expression[start:position]
        assert "\n" not in raw
        assert "\r" not in raw
        found.append(unescape(raw))
        rest.append("?")
        position += 1
    return found, "".join(rest)


def unescape(raw: str) -> str:
    shown = raw.encode("ascii", "backslashreplace").decode()
    return str(ast.literal_eval(f'"{shown}"'))


@given(storable)
def test_no_literal_escapes_its_quotes(text: str) -> None:
    found, rest = literals(f"file_name == {quote(text)}")

    assert found == [text]
    assert rest == "file_name == ?"


@given(
    st.dictionaries(
        st.sampled_from(["file_name", "sheet", "heading"]),
        st.one_of(
            storable,
            st.fixed_dictionaries({"in": st.lists(storable, min_size=1, max_size=4)}),
        ),
        max_size=4,
    )
)
def test_what_a_caller_writes_never_changes_the_form_of_an_expression(
    raw: dict[str, object],
) -> None:
    texts = [
        text
        for value in raw.values()
        for text in (value["in"] if isinstance(value, dict) else [value])
    ]

    found, rest = literals(compile_filter(parse(json.loads(json.dumps(raw)))))

    assert found == texts
    assert set(rest) <= set("abcdefghijklmnopqrstuvwxyz_ ?()[],=&")
    assert " or " not in rest
    assert "tenant" not in rest


@given(storable, storable)
def test_a_prefix_is_the_range_of_all_texts_that_start_so(prefix: str, text: str) -> None:
    bounds, rest = literals(compile_filter(parse({"file_name": {"prefix": prefix}})))

    inside = text >= bounds[0] and (len(bounds) == 1 or text < bounds[1])
    assert inside == text.startswith(prefix)
    assert (prefix + text) >= bounds[0]
    assert len(bounds) == 1 or (prefix + text) < bounds[1]
    assert rest.count("?") == len(bounds)


def test_no_filter_is_no_expression() -> None:
    assert compile_filter(parse(None)) == ""
    assert compile_filter(parse({})) == ""


@pytest.mark.parametrize(
    ("raw", "expression"),
    [
        ({"page": 3}, "(page == 3)"),
        ({"page": 3.0}, "(page == 3)"),
        ({"page": {"gte": 2, "lte": 9}}, "(page >= 2) and (page >= 1 and page <= 9)"),
        ({"line": {"in": [1, 2]}}, "(line in [1, 2])"),
        ({"document_id": UPPER}, f'(document == "{UPPER.lower()}")'),
        ({"document_id": {"in": [UPPER, LOWER]}}, f'(document in ["{LOWER}", "{LOWER}"])'),
        ({"heading": "A"}, '(array_contains_any(heading_path, ["A"]))'),
        ({"path": "$.a"}, '(metadata["path"] == "$.a")'),
        (
            {"attachment": {"in": ["a", "b"]}},
            '(metadata["attachment"] == "a" or metadata["attachment"] == "b")',
        ),
        ({"file_name": {"prefix": "ab"}}, '(file_name >= "ab" and file_name < "ac")'),
        ({"sheet": {"in": ["x", 'y"']}}, '(sheet in ["x", "y\\""])'),
    ],
)
def test_a_filter_becomes_an_expression(raw: object, expression: str) -> None:
    assert compile_filter(parse(raw)) == expression


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ("page == 1", "filter"),
        ([], "filter"),
        ({"tenant": "x"}, "tenant"),
        ({"dataset": "x"}, "dataset"),
        ({"page": {}}, "page"),
        ({"page": {"ne": 1}}, "page"),
        ({"page": {"prefix": "1"}}, "page"),
        ({"page": "1"}, "page"),
        ({"page": True}, "page"),
        ({"page": 0}, "page"),
        ({"page": 1.5}, "page"),
        ({"page": float("nan")}, "page"),
        ({"page": 2**63}, "page"),
        ({"file_name": 1}, "file_name"),
        ({"file_name": ""}, "file_name"),
        ({"file_name": None}, "file_name"),
        ({"file_name": "a\0b"}, "file_name"),
        ({"file_name": "\ud800"}, "file_name"),
        ({"file_name": "x" * 1_025}, "file_name"),
        ({"file_name": {"in": []}}, "file_name"),
        ({"file_name": {"in": "ab"}}, "file_name"),
        ({"file_name": {"in": ["a"] * 101}}, "file_name"),
        ({"file_name": {"gte": "a"}}, "file_name"),
        ({"heading": {"prefix": "a"}}, "heading"),
        ({"document_id": "a"}, "document_id"),
        ({"document_id": 7}, "document_id"),
        ({"document_id": ""}, "document_id"),
        ({"document_id": "{" + LOWER + "}"}, "document_id"),
        ({"document_id": {"in": [LOWER, "a"]}}, "document_id"),
    ],
)
def test_what_breaks_the_grammar_is_refused_by_name(raw: object, field: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(raw)

    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")


@pytest.mark.parametrize(
    ("value", "words"), [(0, "counts from 1"), (10**30, f"at most {2**63 - 1}")]
)
def test_a_number_out_of_range_says_which_end(value: int, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse({"page": {"gte": value}})


def test_tenant_and_dataset_are_no_fields_of_the_grammar() -> None:
    assert not {field.column for field in FIELDS.values()} & {"tenant", "dataset"}


def test_what_is_asked_of_documents_is_kept_apart_from_what_is_asked_of_rows() -> None:
    found = parse(
        {
            "page": 3,
            "media_type": {"in": ["Text/Plain", "application/pdf"]},
            "uploaded_at": {"gte": "2026-01-02", "lte": "2026-01-02"},
            "metadata": {"customer": "acme", "year": {"gte": 2020, "lte": 2026.5}, "paid": True},
        }
    )

    assert compile_filter(found) == "(page == 3)"
    assert found.documents == (
        DocumentCondition("media_type", Comparison.IN, ("text/plain", "application/pdf")),
        DocumentCondition("uploaded_at", Comparison.FROM, (datetime(2026, 1, 2, tzinfo=UTC),)),
        DocumentCondition(
            "uploaded_at",
            Comparison.TO,
            (datetime(2026, 1, 2, 23, 59, 59, 999_999, tzinfo=UTC),),
        ),
        DocumentCondition("customer", Comparison.EQUALS, ("acme",), is_metadata=True),
        DocumentCondition("year", Comparison.FROM, (2020,), is_metadata=True),
        DocumentCondition("year", Comparison.TO, (2026.5,), is_metadata=True),
        DocumentCondition("paid", Comparison.EQUALS, (True,), is_metadata=True),
    )


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"media_type": 1}, "media_type"),
        ({"media_type": {"gte": "a"}}, "media_type"),
        ({"uploaded_at": "2026-01-02"}, "uploaded_at"),
        ({"uploaded_at": {"gte": "yesterday"}}, "uploaded_at"),
        ({"uploaded_at": {"gte": "2026-01-02T10:00:00"}}, "uploaded_at"),
        ({"uploaded_at": {"gte": "0001-01-01T00:00:00+23:59"}}, "uploaded_at"),
        ({"metadata": {}}, "metadata"),
        ({"metadata": "acme"}, "metadata"),
        ({"metadata": {"a b": 1}}, "metadata.a b"),
        ({"metadata": {"a": None}}, "metadata.a"),
        ({"metadata": {"a": {"prefix": "x"}}}, "metadata.a"),
        ({"metadata": {"a": {"gte": True}}}, "metadata.a"),
        ({"metadata": {"a": {"in": [[]]}}}, "metadata.a"),
        ({"metadata": {"a": float("inf")}}, "metadata.a"),
        ({"metadata": {"a": float("nan")}}, "metadata.a"),
        ({"metadata": {"a": 10**400}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
    ],
)
def test_a_wrong_question_about_documents_names_its_field(raw: object, field: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(raw)

    assert refused.value.field == field


def test_metadata_has_few_keys() -> None:
    few = {f"key{number}": number for number in range(METADATA_KEYS_MAX)}

    assert checked_metadata(few) == few
    with pytest.raises(FilterError):
        checked_metadata({**few, "one_more": 1})
