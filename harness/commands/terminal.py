"""The terminal: tables on standard output, messages on standard error, and nothing of other packages between them."""

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 180  # columns where output goes to a file or a pipe and no terminal says how wide it is


def setup_logging(*, debug: bool = False) -> None:
    """Print our own messages as plain lines on standard error; with `debug` the finer ones too."""
    handler = logging.StreamHandler()  # sys.stderr as it is now
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("sightscale")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    logger.propagate = False


def open_console() -> "Console":
    """A console for tables on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else FILE_WIDTH)


class _SilentBar:
    """Stands in for lmms-eval's progress bar while it scores, which takes a moment."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def update(self, _: int = 1) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to clear."""


def quieten() -> None:
    """Keep other packages' progress bars and notices off the terminal; errors still come through."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    warnings.filterwarnings("ignore", category=UserWarning)
    import lmms_eval.evaluator
    from loguru import logger

    lmms_eval.evaluator.tqdm = _SilentBar  # its bar for scoring ignores TQDM_DISABLE
    logger.remove()
    logger.add(sys.stderr, level="ERROR", format="{message}")
