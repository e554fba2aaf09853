"""Errors that a user can fix: the exception whose message is shown as one line, without a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UserError(ValueError):
    """A mistake that the user can fix. The message is one line: the input, the reason, and what to do.

    The command line shows only its message and exits with code 1. Any other exception is a bug and keeps its traceback.
    """


def first_line(error: BaseException) -> str:
    """The first line of an error's message that isn't empty, or else the name of its type."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def blaming(path: Path | str, action: str = "use") -> Iterator[None]:
    """Turn file-system errors in the block into a UserError that names `path` and the reason."""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) and error.filename else path
        raise UserError(f"cannot {action} {named}: {(error.strerror or first_line(error)).lower()}") from error
