"""A lock on a folder, held by one process and gone with it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(folder: Path, *, wait: bool) -> Iterator[None]:
    """Hold the folder's lock. Raises ValueError where another process has it, unless told to wait for that."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another process trains here; wait for it, or stop it first") from error
        yield
