"""The terminal that commands print to: tables on standard output, messages on standard error.

Messages go through `logging`: what our own loggers say is printed as plain lines. Other packages' notices and progress
bars stay off the terminal, their errors come through; with `--debug` their warnings are shown as well.
"""

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 180  # columns where output goes to a file or a pipe and neither a terminal nor COLUMNS tells the width
OURS = "sightscale"


def open_console() -> "Console":
    """A console for tables on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_WIDTH)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes lines to whatever standard error is at that moment."""

    def __init__(self, line: str) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(logging.Formatter(line))

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class keeps the stream it is made with
        """Standard error now."""
        return sys.stderr


_our_lines = _StandardError("%(message)s")
_foreign_lines = _StandardError("%(name)s: %(message)s")
_foreign_lines.addFilter(lambda record: record.name != OURS and not record.name.startswith(f"{OURS}."))


def setup_logging(debug: bool = False) -> None:
    """Print what our loggers say from INFO on, and other packages' errors; with `debug` also their warnings.

    Calling it again changes the levels and adds nothing twice.
    """
    ours = logging.getLogger(OURS)
    ours.setLevel(logging.DEBUG if debug else logging.INFO)
    ours.addHandler(_our_lines)
    _foreign_lines.setLevel(logging.WARNING if debug else logging.ERROR)
    logging.getLogger().addHandler(_foreign_lines)


def is_debugging() -> bool:
    """Whether `--debug` was given."""
    return logging.getLogger(OURS).isEnabledFor(logging.DEBUG)


class _SilentBar:
    """Stands in for lmms-eval's progress bar while it scores, which takes a moment."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def update(self, _: int = 1) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to clear."""


def quieten() -> None:
    """Keep other packages' progress bars and notices off the terminal; errors still come through.

    With `--debug` only the progress bars go.
    """
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    if not is_debugging():
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        warnings.filterwarnings("ignore", category=UserWarning)
    import lmms_eval.evaluator
    from loguru import logger

    lmms_eval.evaluator.tqdm = _SilentBar  # its bar for scoring ignores TQDM_DISABLE
    logger.remove()
    logger.add(sys.stderr, level="WARNING" if is_debugging() else "ERROR", format="{message}")
