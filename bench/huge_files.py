"""Files of any size and four kinds, written as fast as the disk takes them."""

import json
import random
from collections.abc import Iterator
from pathlib import Path

FORMATS = ("csv", "jsonl", "txt", "json")
ROWS = 20_000  # made once and repeated: every reader holds far less than that much
UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_WORDS = (
    "harbour", "rye", "flour", "oven", "dough", "starter", "salt", "barley", "delivery", "invoice",
    "kilogram", "supplier", "morning", "temperature", "baker", "order", "customer", "Müller",
    "crème", "面包", "хлеб", "price", "quality", "batch", "hygiene",
)  # fmt: skip


def bytes_of(text: str) -> int:
    """`1.5GB`, `512MiB` or a number of bytes."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * factor)
    return int(text)


def write(path: Path, kind: str, size: int, *, seed: int) -> int:
    """Writes whole rows until the file has `size` bytes at least; the file's size."""
    draw = random.Random(seed)
    first, between, last = {
        "csv": ("number,name,price,remark\n", "", ""),
        "jsonl": ("", "", ""),
        "txt": ("", "", ""),
        "json": ("[", ",", '{"number": 0}]\n'),
    }[kind]
    body = "".join(row + between for row in _rows(draw, kind)).encode()
    with path.open("wb") as file:
        file.write(first.encode())
        while file.tell() < size:
            file.write(body[: max(size - file.tell(), 1)] if kind == "txt" else body)
        file.write(last.encode())
        return file.tell()


def _rows(draw: random.Random, kind: str) -> Iterator[str]:
    for number in range(ROWS):
        name = " ".join(draw.choices(_WORDS, k=2))
        remark = " ".join(draw.choices(_WORDS, k=draw.randint(5, 40)))
        price = draw.randint(1, 9_999) / 100
        if kind == "csv":
            yield f'{number},{name},{price},"{remark}"\n'
        elif kind == "txt":
            yield f"{name.capitalize()} {remark}.{draw.choice((' ', chr(10), chr(10) * 2))}"
        else:
            record = {"number": number, "name": name, "price": price, "remark": remark}
            yield json.dumps(record, ensure_ascii=False) + ("\n" if kind == "jsonl" else "")
