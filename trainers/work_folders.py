"""Work folders: each held by one process at a time, and begun with one set-up that no later call may change."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightscale.tasks.errors import UserError, blaming


@contextmanager
def hold(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold the folder's lock, which is gone with the process.

    Raises UserError where another process has it, unless `wait` says to wait for that.
    """
    with blaming(folder, "write to"):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise UserError(f"{folder}: another process works here; wait for it, or stop it first") from error
        yield


def claim(mark: Path, setup: str, mend: str) -> None:
    """Note in the file `mark`, whole or not at all, with what its folder was begun.

    Raises UserError, with `mend` as what to do, where it was begun with another set-up.
    """
    with blaming(mark, "write"):
        if mark.is_file() and mark.read_text() != setup:
            raise UserError(f"{mark.parent} was begun with another {mend}")
        partial = mark.with_name(f"{mark.name}.partial")
        partial.write_text(setup)
        partial.replace(mark)
