"""The terminal that commands print tables to."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 140  # columns where output goes to a file or a pipe and no terminal says how wide it is


def open_console() -> "Console":
    """A console for tables on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else FILE_WIDTH)
