"""`python -m stack` explains itself."""

from dataclasses import fields

import pytest

from stack.__main__ import main
from stack.ports import Ports, variable


def test_the_help_names_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    shown = capsys.readouterr().out.split()
    ports = {variable(port.name) for port in fields(Ports)}
    assert {"SLUICE_LOCAL_DIR", "SLUICE_LOCAL_PORT_BASE", "SLUICE_EMBEDDINGS_MODE"} <= set(shown)
    assert ports <= set(shown)
