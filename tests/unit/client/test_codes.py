"""What the client's errors are called."""

import inspect
from pathlib import Path

import sluice.errors
import sluice.resources
from sluice import SluiceError

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "errors.md").read_text("utf-8")


def test_every_code_of_the_client_is_documented() -> None:
    kinds = {
        kind
        for module in (sluice.errors, sluice.resources)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, SluiceError)
    }

    assert len(kinds) > 10
    assert {kind.code for kind in kinds if f"`{kind.code}`" not in DOCUMENTED} == set()
