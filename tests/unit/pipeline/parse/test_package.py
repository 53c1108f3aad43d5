"""A zip package is unpacked into nothing before anybody believes its directory."""

import zipfile
from pathlib import Path

import pytest

from data.hostile_packages import docx, lying_bomb, overlapping_bomb
from pipeline.errors import DocumentCorrupt, TooLarge
from pipeline.parse.limits import GIB, MIB, ParseLimits
from pipeline.parse.package import check_package


def check(path: Path, content: bytes, limits: ParseLimits) -> None:
    path.write_bytes(content)
    with zipfile.ZipFile(path) as package:
        check_package(path, package, limits)


def test_an_honest_package_passes(tmp_path: Path) -> None:
    check(tmp_path / "file.docx", docx("Rye dough rests."), ParseLimits())


def test_a_part_larger_than_it_says_is_found(tmp_path: Path) -> None:
    with pytest.raises(DocumentCorrupt, match="larger than it says"):
        check(tmp_path / "file.docx", lying_bomb(), ParseLimits())


def test_parts_that_share_bytes_are_found(tmp_path: Path) -> None:
    with pytest.raises(DocumentCorrupt, match="overlap"):
        check(tmp_path / "file.docx", overlapping_bomb(), ParseLimits(unpacked_bytes=2 * GIB))


def test_what_all_parts_unpack_to_is_limited(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        check(tmp_path / "file.docx", docx(" " * 2 * MIB), ParseLimits(unpacked_bytes=MIB))
