"""The secrets of one stack: drawn once, kept in a private file, the same after every restart."""

import json
import secrets
import string
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import StackError
from .files import write_private

# Needs no quoting in URLs, shells and config files.
ALPHANUMERIC = string.ascii_letters + string.digits


def _word(length: int) -> str:
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(length))


@dataclass(frozen=True)
class Credentials:
    """Shaped like the real ones: an R2 key has 32 hex digits, its secret 64."""

    account_id: str
    r2_access_key_id: str
    r2_secret_access_key: str
    cloudflare_token: str
    openai_key: str
    postgres_password: str
    redis_password: str
    milvus_token: str
    api_key: str

    @classmethod
    def generate(cls) -> "Credentials":
        return cls(
            account_id=secrets.token_hex(16),
            r2_access_key_id=secrets.token_hex(16),
            r2_secret_access_key=secrets.token_hex(32),
            cloudflare_token=_word(40),
            openai_key="sk-local-" + _word(40),
            postgres_password=_word(32),
            redis_password=_word(32),
            milvus_token="root:" + _word(32),
            api_key="sluice_" + _word(40),
        )

    @classmethod
    def load_or_create(cls, path: Path) -> "Credentials":
        """Read the file; draw what it lacks, so that a newer launcher can add a secret."""
        known: dict[str, str] = {}
        if path.exists():
            try:
                known = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise StackError(
                    f"{path} is damaged; delete it and run 'make clean' to start over"
                ) from error
        names = {field.name for field in fields(cls)}
        kept = {name: value for name, value in known.items() if name in names}
        credentials = cls(**{**asdict(cls.generate()), **kept})
        if asdict(credentials) != known:
            write_private(path, json.dumps(asdict(credentials), indent=2) + "\n")
        return credentials
