"""Labels: places for the names of points, where none lies on another name.

In pixels, from the upper left. Names near their points come first; one that finds no place there stands further up
or down, to be led to its point by a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

HEIGHT, ASIDE, RADIUS = 13.0, 8.0, 5.0  # of a name, from a point to its name, of a point
LIFTS = tuple(lift for row in range(12) for lift in (-7.0 - 14 * row, 17.0 + 14 * row))  # from a point to a baseline
NEAR = 24.0  # a lift that needs no line
Side = Literal["start", "end"]
SIDES: tuple[Side, Side] = ("start", "end")
_Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True)
class Label:
    """Where a name's baseline starts, or ends for side `end`; `far` of its point or not."""

    x: float
    y: float
    side: Side
    far: bool


def place_labels(points: Sequence[tuple[float, float]], widths: Sequence[float], frame: _Box) -> list[Label]:
    """A place for each point's name of that width, in order; within the frame's left, top, right, bottom.

    A name lies on another only where no place is left, and on a foreign point only where each is on one.
    """
    marks = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    placed: list[Label] = []
    taken: list[_Box] = []
    for at, ((x, y), width) in enumerate(zip(points, widths, strict=True)):
        places = [_label(x, y, lift, side) for lift in LIFTS for side in SIDES]
        boxes = {one: _box(one, width) for one in places}
        inside = [one for one in places if _within(boxes[one], frame)]
        clear = [one for one in inside if not any(_overlap(boxes[one], other) for other in taken)]
        others = marks[:at] + marks[at + 1 :]
        alone = (one for one in clear if not any(_overlap(boxes[one], other) for other in others))
        chosen = next(alone, next(iter(clear or inside), places[int(x > (frame[0] + frame[2]) / 2)]))
        placed.append(chosen)
        taken.append(boxes[chosen])
    return placed


def _label(x: float, y: float, lift: float, side: Side) -> Label:
    return Label(x + ASIDE if side == "start" else x - ASIDE, y + lift, side, abs(lift) > NEAR)


def _box(label: Label, width: float) -> _Box:
    left = label.x if label.side == "start" else label.x - width
    return left, label.y - HEIGHT + 2, left + width, label.y + 2


def _within(box: _Box, frame: _Box) -> bool:
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
