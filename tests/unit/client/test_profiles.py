"""Where the server and its key come from."""

import stat
from pathlib import Path

import pytest

from sluice import NotConfigured
from sluice.configuration import Configuration, save_profile


def test_variables_win_over_the_file_and_a_named_profile_over_both(tmp_path: Path) -> None:
    path = tmp_path / "sluice" / "config.toml"
    first, second = Configuration.of("https://a.example/", "k1"), Configuration.of("http://b", "k2")
    save_profile(path, "work", first)
    save_profile(path, 'at "home"', second)
    file = {"XDG_CONFIG_HOME": str(tmp_path)}
    variables = {**file, "SLUICE_API_URL": "https://c.example/api/v1/", "SLUICE_API_KEY": "k3"}

    assert Configuration.load(None, file) == first
    assert Configuration.load(None, variables) == Configuration.of("https://c.example", "k3")
    assert Configuration.load('at "home"', variables) == second
    assert Configuration.load(None, {**variables, "SLUICE_PROFILE": "work"}) == first
    with pytest.raises(NotConfigured):
        Configuration.load("other", file)
    assert "k1" not in repr(first)


def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    save_profile(path, "work", Configuration.of("https://a.example", "k1"))
    environment = {"SLUICE_CONFIG": str(path)}

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Configuration.load(None, environment).warning == ""
    path.chmod(0o644)
    assert "chmod 600" in Configuration.load(None, environment).warning


@pytest.mark.parametrize("text", ["", "sluice.example.org", "ftp://host", "https://"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(NotConfigured):
        Configuration.of(text, "key")
