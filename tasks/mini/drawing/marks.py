"""Marks: what was drawn and where, kept for whoever asks while a picture is drawn.

Drawing code knows what covers each part of its picture, so nobody has to find that out from pixels. Outside of
`recording` nothing is kept.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Literal

Box = tuple[float, float, float, float]
MarkKind = Literal["thing", "letter", "word"]


@dataclass(frozen=True)
class Mark:
    """One thing, letter or word: its name and its box (left, top, right, bottom) in pixels of the finished picture.

    What has no colour or texture of its own leaves these empty.
    """

    kind: MarkKind
    name: str
    box: Box
    colour: str = ""
    texture: str = ""


_RECORDED: ContextVar[list[Mark] | None] = ContextVar("sightscale_marks", default=None)


@contextmanager
def recording() -> Iterator[list[Mark]]:
    """The marks of what is drawn inside, in the order of drawing: what comes later covers what came before."""
    marks: list[Mark] = []
    token = _RECORDED.set(marks)
    try:
        yield marks
    finally:
        _RECORDED.reset(token)


def record(marks: list[Mark]) -> None:
    """Add a finished picture's marks, where somebody asked for them."""
    recorded = _RECORDED.get()
    if recorded is not None:
        recorded.extend(marks)


def move_marks(move: Callable[[Box], Box]) -> None:
    """Move the marks recorded so far, as a change of the finished picture does."""
    recorded = _RECORDED.get()
    if recorded is not None:
        recorded[:] = [replace(mark, box=move(mark.box)) for mark in recorded]


def forget_marks() -> None:
    """Drop the marks recorded so far: what they name can no longer be seen."""
    recorded = _RECORDED.get()
    if recorded is not None:
        recorded.clear()
