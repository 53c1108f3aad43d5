"""What a child says arrives as it was meant, and nothing else is believed."""

import socket

import orjson
import pytest

from pipeline.document import Block, BlockKind, PageNote, PageReason, ParseSummary
from pipeline.parse.outbox import Outbox, receive
from pipeline.parse.protocol import ProtocolError, Sign, decode_reply, encode_reply
from pipeline.parse.source import PAGE_NOTES_MAX, Draft, Notes


def test_a_summary_with_notes_of_pages_arrives_whole() -> None:
    summary = ParseSummary(
        "application/pdf",
        "read_pdf",
        page_count=3,
        char_count=10,
        warnings=("pages_without_text",),
        pages_with_text=2,
        pages_by_ocr=1,
        page_notes=(
            PageNote(2, PageReason.OCR, confidence=0.91, uncovered=0.8),
            PageNote(3, PageReason.NO_TEXT, attachment="Fwd.eml/scan.pdf"),
        ),
    )

    assert decode_reply(encode_reply(summary)) == summary


def test_a_sign_arrives_and_an_unknown_one_is_refused() -> None:
    assert decode_reply(encode_reply(Sign.WANTS_OCR)) is Sign.WANTS_OCR
    with pytest.raises(ProtocolError):
        decode_reply(orjson.dumps({"sign": "wants_root"}))


def test_the_notes_of_pages_are_capped_and_their_counts_are_not() -> None:
    notes = Notes()
    pages = PAGE_NOTES_MAX + 500

    for page in range(1, pages + 1):
        notes.page_read([Draft("text")], PageNote(page, PageReason.OCR, confidence=0.9))
    notes.page_read([], PageNote(pages + 1, PageReason.NO_TEXT))
    notes.all_pages_read()

    assert len(notes.page_notes) == PAGE_NOTES_MAX
    assert (notes.pages_with_text, notes.pages_by_ocr) == (pages, pages)
    assert notes.warnings == ["pages_without_text"]


def test_a_reader_that_is_long_without_a_block_sends_what_there_is_or_a_sign_of_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pipeline.parse.outbox.LIFE_SECONDS", 0.0)
    ours, theirs = socket.socketpair()
    block = Block("Rye rests.", BlockKind.PARAGRAPH, 0, "")

    with ours, theirs:
        outbox = Outbox(ours)
        outbox.show_life()
        outbox.add(block)
        outbox.show_life()
        received = [decode_reply(receive(theirs) or b"") for _ in range(2)]

    assert received == [Sign.READING, [block]]
