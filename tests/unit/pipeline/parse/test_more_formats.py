"""Types that docling-rs reads besides Office: told by their bytes where these have a mark."""

import json

import pytest

from pipeline.document import BlockKind
from pipeline.parse.media_types import MediaType
from unit.pipeline.parse.conftest import Parse

LATEX = (
    "\\documentclass{article}\n\\begin{document}\n\\section{Sourdough}\n"
    "The mother is \\emph{grey}.\n"
    "\\begin{tabular}{ll}\nShift & Starts \\\\\nNight & 22:00 \\\\\n\\end{tabular}\n"
    "\\end{document}\n"
)
ASCIIDOC = (
    "= Handbook\n\n== Sourdough\n\nThe mother is grey.\n\n"
    "|===\n|Shift |Starts\n\n|Night |22:00\n|===\n"
)
VTT = "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nThe mother is grey.\n"
NOTEBOOK = json.dumps(
    {
        "cells": [
            {
                "cell_type": "markdown",
                "metadata": {},
                "source": ["# Sourdough\n", "The mother is grey."],
            },
            {
                "cell_type": "code",
                "execution_count": 1,
                "metadata": {},
                "outputs": [{"output_type": "stream", "name": "stdout", "text": ["42\n"]}],
                "source": ["print(42)"],
            },
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)
MHTML = (
    "From: <Saved by Blink>\r\nSubject: Page\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/html\r\n\r\n"
    "<h1>Sourdough</h1><p>The mother is grey.</p>\r\n--b--\r\n"
)
JATS = (
    '<?xml version="1.0"?><!DOCTYPE article PUBLIC "-//NLM//DTD JATS (Z39.96) Journal Archiving and'
    ' Interchange DTD v1.2 20190208//EN" "JATS-archivearticle1.dtd"><article><front><article-meta>'
    "<title-group><article-title>Sourdough</article-title></title-group></article-meta></front>"
    "<body><sec><title>Mother</title><p>The mother is grey.</p></sec></body></article>"
)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (LATEX, "a.tex", MediaType.LATEX),
        (LATEX, "paper", MediaType.LATEX),
        (ASCIIDOC, "a.adoc", MediaType.ASCIIDOC),
        (VTT, "a.vtt", MediaType.VTT),
        (VTT, "talk.txt", MediaType.VTT),
        (NOTEBOOK, "a.ipynb", MediaType.NOTEBOOK),
        (MHTML, "a.mhtml", MediaType.MHTML),
        (MHTML, "saved.eml", MediaType.MHTML),
        (JATS, "article.nxml", MediaType.XML),
        (JATS, "article", MediaType.XML),
    ],
)
def test_a_text_format_is_read_as_what_it_is(
    parse: Parse, content: str, name: str, expected: MediaType
) -> None:
    blocks, summary = parse(content, name)

    assert summary.media_type == expected.value
    assert any(block.text == "The mother is grey." for block in blocks)


@pytest.mark.parametrize(("content", "name"), [(LATEX, "a.tex"), (ASCIIDOC, "a.adoc")])
def test_its_headings_and_tables_are_known(parse: Parse, content: str, name: str) -> None:
    blocks, _ = parse(content, name)

    [table] = [block for block in blocks if block.kind is BlockKind.TABLE]
    assert table.text == "| Shift | Starts |\n| --- | --- |\n| Night | 22:00 |"
    assert table.heading_path[-1] == "Sourdough"


def test_a_notebook_keeps_what_its_cells_printed(parse: Parse) -> None:
    blocks, _ = parse(NOTEBOOK, "a.ipynb")

    assert [b.text for b in blocks if b.kind is BlockKind.CODE] == ["print(42)", "42"]


def test_json_under_the_name_of_a_notebook_is_json(parse: Parse) -> None:
    _, summary = parse('{"loaves": 30}', "a.ipynb")

    assert summary.media_type == MediaType.JSON.value
