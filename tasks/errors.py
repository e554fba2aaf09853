"""Errors that a user can mend: the one exception whose message is a line for the user and not a bug's traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """A wrong input, named with its reason and what to do, in one line.

    The command line shows its message alone and exits with 1. Any other exception is a bug and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says something, or the error's type without one."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def blaming(path: Path | str, action: str = "use") -> Iterator[None]:
    """Turn an error of the file system inside the block into a UserError that names `path` and the reason."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) and error.filename else path
        raise UserError(f"cannot {action} {named}: {(error.strerror or first_line(error)).lower()}") from error
