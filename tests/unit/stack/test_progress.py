"""Progress that reads well on a terminal and in a file."""

import io

from stack.progress import ProgressBoard, line_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def document(name: str, status: str, progress: int = 0) -> dict[str, object]:
    return {
        "file_name": name,
        "status": status,
        "progress": progress,
        "stage": "embed",
        "chunk_count": 7,
        "error_code": "document_encrypted",
    }


def test_outside_a_terminal_a_line_appears_only_when_it_changes() -> None:
    output = io.StringIO()
    board = ProgressBoard(output)

    board.show([document("a.txt", "processing", 50)])
    board.show([document("a.txt", "processing", 50)])
    board.show([document("a.txt", "completed")])

    assert output.getvalue().count("a.txt") == 2
    assert "\x1b" not in output.getvalue()


def test_on_a_terminal_the_lines_are_drawn_over_each_other() -> None:
    output = Terminal()
    board = ProgressBoard(output)

    board.show([document("b.txt", "queued"), document("a.txt", "queued")])
    board.show([document("b.txt", "queued"), document("a.txt", "processing", 10)])

    assert output.getvalue().count("\x1b[2F") == 1
    assert output.getvalue().index("a.txt") < output.getvalue().index("b.txt")


def test_a_finished_file_shows_its_chunks_and_a_failed_one_its_code() -> None:
    completed = line_of(document("a.txt", "completed"))
    failed = line_of(document("a.txt", "failed"))

    assert completed.endswith("7 chunks")
    assert failed.endswith("document_encrypted")
