"""Work folders: each held by one process at a time, begun with one set-up that no later call may change, and gone on
from after a kill or a full disk, since what a later run relies on is written whole or not at all."""

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from safetensors import SafetensorError, safe_open

from sightscale.tasks.errors import UserError, blaming, first_line

COMPLETE = "complete"
# How torch and safetensors word what the file system refuses them; neither raises OSError for it.
_REFUSED = ("No space left", "quota exceeded", "Read-only file system", "PytorchStreamWriter", "inline_container")


def check_writable(folder: Path) -> None:
    """Raises UserError where no file can be written into the folder; one that isn't there yet is not left behind."""
    with blaming(folder, "write to"):
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        if made:
            folder.rmdir()


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


@contextmanager
def going_on(work: Path) -> Iterator[None]:
    """Turn what the file system refuses to training inside into a UserError that says how to go on."""
    try:
        yield
    except UserError:
        raise
    except (OSError, SafetensorError, RuntimeError) as error:
        if not isinstance(error, OSError) and not any(part in str(error) for part in _REFUSED):
            raise
        with_path = f" {error.filename}" if isinstance(error, OSError) and error.filename else ""
        reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
        raise UserError(
            f"training in {work} was refused a file{with_path}: {reason}; once there is room for it, the same command "
            "goes on from the last checkpoint"
        ) from error


def write_whole(folder: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder that appears under its name when all of it is there."""
    unfinished = folder.with_name(f"{folder.name}.partial")
    for stale in (unfinished, folder):
        if stale.exists():
            shutil.rmtree(stale)
    write(unfinished)
    (unfinished / COMPLETE).touch()
    unfinished.replace(folder)


def is_whole(folder: Path) -> bool:
    """Whether a folder that `write_whole` filled is there, with weights of their full length."""
    return (folder / COMPLETE).is_file() and holds_weights(folder)


def holds_weights(folder: Path) -> bool:
    """Whether the folder has safetensors files, none of them cut short or damaged in its header."""
    paths = list(folder.glob("*.safetensors"))
    try:
        for path in paths:
            with safe_open(path, framework="pt"):
                pass
    except (OSError, SafetensorError):
        return False
    return bool(paths)
