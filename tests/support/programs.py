"""A PATH as it is where nothing was installed for us: what the commands may call, and no more."""

import shutil
from pathlib import Path

# What every machine has on which somebody clones a repository and types `make`. Of the shell's
# tools only those that are called: another one should be a decision. `unshare` is called for root
# alone, as whom Postgres does not run.
PROGRAMS = ("python3", "git", "make", "sh", "dirname", "expand", "grep", "rm", "sed", "unshare")


def bare_path(folder: Path) -> str:
    """Links to these programs, as far as they are there, in the folder, which is made."""
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            (folder / name).symlink_to(found)
    return str(folder)
