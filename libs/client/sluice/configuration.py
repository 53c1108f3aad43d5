"""Where the API is and which key opens it: arguments, environment, or a profile.

Variables win over the file, and a profile that is named wins over both:

    # ~/.config/sluice/config.toml
    default = "work"

    [profiles.work]
    url = "https://sluice.example.org"
    key = "sluice_..."
"""

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from sluice.errors import NotConfigured

URL_VARIABLE = "SLUICE_API_URL"
KEY_VARIABLE = "SLUICE_API_KEY"
PROFILE_VARIABLE = "SLUICE_PROFILE"
FILE_VARIABLE = "SLUICE_CONFIG"
API_PATH = "/api/v1"


@dataclass(frozen=True, slots=True)
class Configuration:
    """`warning` is a sentence for the person, or empty."""

    url: str
    key: str = field(repr=False)
    warning: str = ""

    @classmethod
    def of(cls, url: str, key: str, *, warning: str = "") -> Self:
        """
        Raises:
            NotConfigured: that is no address.
        """
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise NotConfigured(f"{url!r} is no address; one looks like https://sluice.example.org")
        path = parts.path.rstrip("/").removesuffix(API_PATH)
        return cls(f"{parts.scheme}://{parts.netloc}{path}", key.strip(), warning)

    @classmethod
    def load(cls, profile: str | None = None, environment: Mapping[str, str] | None = None) -> Self:
        """
        Raises:
            NotConfigured: neither variables nor a profile say enough.
        """
        given = os.environ if environment is None else environment
        name = profile or given.get(PROFILE_VARIABLE)
        url, key = given.get(URL_VARIABLE), given.get(KEY_VARIABLE)
        if name is None and url and key:
            return cls.of(url, key)
        return cls._from_file(file_path(given), name)

    @classmethod
    def _from_file(cls, path: Path, name: str | None) -> Self:
        content = read_file(path)
        chosen = name or content.get("default") or "default"
        profile = content.get("profiles", {}).get(chosen)
        if not isinstance(profile, dict):
            if name is not None:
                raise NotConfigured(f"there is no profile {name!r} in {path}")
            raise NotConfigured(
                f"no server is known: set {URL_VARIABLE} and {KEY_VARIABLE} "
                "(`source .local/env` after `make up`), or run `sluice login`"
            )
        url, key = profile.get("url"), profile.get("key")
        if not isinstance(url, str) or not isinstance(key, str):
            raise NotConfigured(f"profile {chosen!r} in {path} must have a url and a key")
        return cls.of(url, key, warning=_too_open(path))


def file_path(environment: Mapping[str, str] | None = None) -> Path:
    given = os.environ if environment is None else environment
    if given.get(FILE_VARIABLE):
        return Path(given[FILE_VARIABLE]).expanduser()
    folder = given.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "sluice" / "config.toml"


def read_file(path: Path) -> dict[str, Any]:
    """Empty if there is none.

    Raises:
        NotConfigured: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path} cannot be read: {error}") from error


def save_profile(path: Path, name: str, configuration: Configuration) -> None:
    """Write or replace one profile; the first one becomes the default. Only its owner may read the
    file, from its first byte on."""
    content = read_file(path)
    profiles: dict[str, Any] = dict(content.get("profiles", {}))
    profiles[name] = {"url": configuration.url, "key": configuration.key}
    lines = [f"default = {_quoted(content.get('default') or name)}", ""]
    for each, values in profiles.items():
        lines.append(f"[profiles.{_quoted(each)}]")
        lines += [f"{_quoted(key)} = {_quoted(value)}" for key, value in values.items()]
        lines.append("")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    beside.replace(path)


def _quoted(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)  # a basic string of TOML is written alike


def _too_open(path: Path) -> str:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return f"others may read the key in {path}: chmod 600 {path}"
    return ""
