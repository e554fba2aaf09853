"""Dense labels: what covers each patch of a picture, and what holds of the whole, as the drawing code knows it.

A picture is cut into a square of patches. Each has the thing that covers it, that thing's colour, texture, size and
box, the word and the letters that stand in it; all of them share what the scene says of the whole picture (the
weather, the emotion, the style).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sightscale.tasks.mini.drawing import SHAPE_NAMES, Mark, recording
from sightscale.tasks.mini.rendering import render

NOTHING = "nothing"
UNKNOWN = ""  # a part that has no such label
LETTERS = 3  # as many as are told of one patch, from left to right
PATCH_LABELS = ("thing", "colour", "texture", "size", "word", *(f"letter {k + 1}" for k in range(LETTERS)))
LARGE = 47 / 224  # of a picture's side: between the two sizes that shapes have

# What the scenes say of the whole picture, by their kind.
WHOLE: Mapping[str, tuple[str, ...]] = {
    "yard": ("time", "weather", "balls"),
    "product": ("flaw",),
    "cover": ("motif", "layout"),
    "face": ("emotion", "hair", "shirt"),
    "topic": ("topic",),
    "styled": ("style",),
    "dial": ("hour", "minute"),
    "gears": ("count", "first", "apart"),
    "circuit": ("closed", "volts"),
    "map": ("north",),
    "flow": ("turn",),
    "chart": ("form",),
    "row": ("by",),
    "distorted": ("how", "strength"),
    "table": ("cloth",),
    "triangle": ("flip",),
}
WHOLE_LABELS = ("kind", *sorted({f"{kind} {name}" for kind, names in WHOLE.items() for name in names}))


@dataclass(frozen=True)
class LabelledScene:
    """A scene's picture and labels.

    `patches` holds an array (side × side) of names for each of `PATCH_LABELS`, `boxes` is side × side × 4 in fractions
    of the picture (left, top, right, bottom; NaN where nothing is), `whole` holds a name for each of `WHOLE_LABELS`.
    """

    picture: Image.Image
    patches: Mapping[str, np.ndarray]
    boxes: np.ndarray
    whole: Mapping[str, str]


def label_scene(scene: dict[str, Any], side: int) -> LabelledScene:
    """Draw a scene and label its picture in `side` times `side` patches."""
    marks, picture = _draw(scene)
    patches = {name: np.full((side, side), UNKNOWN, dtype=object) for name in PATCH_LABELS}
    for name in ("thing", "word"):
        patches[name][:] = NOTHING
    boxes = np.full((side, side, 4), np.nan, dtype=np.float32)
    for mark in marks:
        box = _fractions(mark, picture.size)
        if mark.kind == "thing":
            covered = _covered(box, side)
            for name, value in _looks(mark, box).items():
                patches[name][covered] = value
            boxes[covered] = box
        elif mark.kind == "word":
            patches["word"][_covered(box, side)] = mark.name
    _place_letters(marks, picture.size, patches)
    return LabelledScene(picture, patches, boxes, whole_labels(scene))


def draw_marks(scene: dict[str, Any]) -> tuple[list[Mark], tuple[int, int]]:
    """What is drawn of a scene, and its picture's width and height in pixels."""
    marks, picture = _draw(scene)
    return marks, picture.size


def _draw(scene: dict[str, Any]) -> tuple[list[Mark], Image.Image]:
    with recording() as marks:
        picture = render(scene)
    return marks, picture


def whole_labels(scene: Mapping[str, Any]) -> dict[str, str]:
    """What a scene says of the whole picture."""
    kind = scene["kind"]
    labels = {f"{kind} {name}": str(scene[name]) for name in WHOLE.get(kind, ())}
    return {name: labels.get(name, UNKNOWN) for name in WHOLE_LABELS} | {"kind": kind}


def _looks(mark: Mark, box: Sequence[float]) -> dict[str, str]:
    shape = mark.name in SHAPE_NAMES
    large = max(box[2] - box[0], box[3] - box[1]) > LARGE
    return {
        "thing": mark.name,
        "colour": mark.colour or UNKNOWN,
        "texture": mark.texture or UNKNOWN,
        "size": ("large" if large else "small") if shape else UNKNOWN,
    }


def _fractions(mark: Mark, size: tuple[int, int]) -> tuple[float, float, float, float]:
    left, top, right, bottom = mark.box
    return left / size[0], top / size[1], right / size[0], bottom / size[1]


def _covered(box: Sequence[float], side: int) -> tuple[slice, slice]:
    """The patches of which a box covers half each way, or that hold half of the box."""
    return _span(box[1], box[3], side), _span(box[0], box[2], side)


def _span(start: float, end: float, side: int) -> slice:
    start, end = start * side, end * side
    needed = 0.5 * min(1.0, end - start)
    first, last = max(0, int(start)), min(side - 1, int(end))
    if min(first + 1, end) - start < needed and first < last:
        first += 1
    if end - max(last, start) < needed and last > first:
        last -= 1
    return slice(first, last + 1)


def _place_letters(marks: Sequence[Mark], size: tuple[int, int], patches: Mapping[str, np.ndarray]) -> None:
    side = len(patches["word"])
    letters: dict[tuple[int, int], list[tuple[float, float, str]]] = {}
    for mark in marks:
        if mark.kind == "letter":
            left, top, right, bottom = _fractions(mark, size)
            x, y = (left + right) / 2 * side, (top + bottom) / 2 * side
            if 0 <= x < side and 0 <= y < side:
                letters.setdefault((int(y), int(x)), []).append((round(2 * y), x, mark.name))
    for k in range(LETTERS):
        patches[f"letter {k + 1}"][:] = NOTHING
    for place, standing in letters.items():
        for k, (_, _, name) in enumerate(sorted(standing)[:LETTERS]):
            patches[f"letter {k + 1}"][place] = name
