"""Writes records and rows as text that an embedding model and a reader both understand."""

from collections.abc import Iterable, Iterator, Sequence

# Deeper than any data made by people; a parser's stack must not follow a file down.
DEPTH_MAX = 200
Scalar = str | int | float | bool | None


def row_text(header: Sequence[str], cells: Sequence[str]) -> str:
    """`column: value`, one a line, empty values left out; a cell past the header has a number."""
    pairs: list[str] = []
    for at, cell in enumerate(cells):
        value = cell.strip()
        if value:
            name = header[at].strip() if at < len(header) else ""
            pairs.append(f"{name or f'column {at + 1}'}: {value}")
    return "\n".join(pairs)


def scalar_text(value: object) -> str:
    """As JSON writes it, but strings bare and null empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a decoded JSON value as (path, text); a list of scalars is one leaf."""
    pending: list[tuple[str, object]] = [(path, value)]
    while pending:
        at, node = pending.pop()
        if isinstance(node, dict):
            children = [(f"{at}.{key}" if at else str(key), child) for key, child in node.items()]
            pending.extend(reversed(children))
        elif isinstance(node, list):
            if any(isinstance(item, dict | list) for item in node):
                items = [(f"{at}[{index}]", item) for index, item in enumerate(node)]
                pending.extend(reversed(items))
            else:
                yield at, ", ".join(filter(None, map(scalar_text, node)))
        else:
            yield at, scalar_text(node)


def record_text(pairs: Iterable[tuple[str, str]]) -> str:
    """`path: value`, one a line; a value without a path stands alone."""
    return "\n".join(f"{path}: {text}" if path else text for path, text in pairs if text.strip())
