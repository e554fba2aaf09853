"""Scenes: objects on a three by three grid of places, described in words and drawn.

An object is told apart by its shape, colour, size and texture. Places are cells of the grid, so "left of" and
"above" hold by a whole column or row and are never a matter of opinion.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing.canvas import TEXTURES, Canvas, shade
from sightscale.tasks.mini.words import NUMBERS, a, opened

SHAPE_NAMES = ("circle", "square", "triangle", "star", "heart", "cross", "diamond", "ring", "hexagon", "arrow")
COLOUR_NAMES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
SIZES = {"small": 34, "large": 60}
PLACES = (
    *("at the top left", "at the top", "at the top right"),
    *("on the left", "in the middle", "on the right"),
    *("at the bottom left", "at the bottom", "at the bottom right"),
)
RELATIONS: dict[str, Callable[["Thing", "Thing"], bool]] = {
    "left of": lambda thing, other: thing.column < other.column and thing.row == other.row,
    "right of": lambda thing, other: thing.column > other.column and thing.row == other.row,
    "above": lambda thing, other: thing.row < other.row and thing.column == other.column,
    "below": lambda thing, other: thing.row > other.row and thing.column == other.column,
}


@dataclass(frozen=True)
class Thing:
    """One object of a scene; (dx, dy) is how far in pixels it stands from the middle of its place."""

    shape: str
    colour: str
    size: str
    texture: str
    place: int
    dx: int = 0
    dy: int = 0

    @property
    def row(self) -> int:
        return self.place // 3

    @property
    def column(self) -> int:
        return self.place % 3

    @property
    def name(self) -> str:
        """All that tells it apart: "large striped red star"."""
        texture = "" if self.texture == "plain" else f"{self.texture} "
        return f"{self.size} {texture}{self.colour} {self.shape}"

    @property
    def centre(self) -> tuple[int, int]:
        """Its middle in pixels of a picture 224 across."""
        return 40 + 72 * self.column + self.dx, 40 + 72 * self.row + self.dy

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Its box in pixels: left, top, right, bottom."""
        (x, y), half = self.centre, SIZES[self.size] // 2
        return x - half, y - half, x + half, y + half


def draw_things(
    rng: random.Random,
    count: int,
    *,
    shapes: Sequence[str] = SHAPE_NAMES,
    colours: Sequence[str] = COLOUR_NAMES,
    distinct: bool = True,
) -> list[Thing]:
    """Objects in different places; if `distinct`, no two have both shape and colour in common."""
    things: list[Thing] = []
    looks: set[tuple[str, str]] = set()
    for place in rng.sample(range(9), count):
        look = rng.choice(shapes), rng.choice(colours)
        while distinct and look in looks:
            look = rng.choice(shapes), rng.choice(colours)
        looks.add(look)
        size, texture = rng.choice(tuple(SIZES)), rng.choices(TEXTURES, weights=(4, 1, 1, 1))[0]
        things.append(Thing(look[0], look[1], size, texture, place, rng.randint(-5, 5), rng.randint(-5, 5)))
    return sorted(things, key=lambda thing: thing.place)


def scene_of(things: Sequence[Thing], ground: str = "paper") -> dict[str, Any]:
    """The things as a scene, in the order of their places."""
    return {"kind": "things", "ground": ground, "things": [asdict(thing) for thing in things]}


def things_of(scene: dict[str, Any]) -> list[Thing]:
    """The things of a scene."""
    return [Thing(**fields) for fields in scene["things"]]


GROUNDS = {"paper": (238, 234, 224), "sky": (214, 232, 246), "meadow": (216, 236, 204), "sand": (247, 232, 202)}


def render_things(scene: dict[str, Any]) -> Image.Image:
    """The picture of a scene of things, 224 pixels square."""
    ground = GROUNDS[scene["ground"]]
    canvas = Canvas(background=ground)
    canvas.gradient(shade(ground, 35), ground)
    for thing in things_of(scene):
        x, y = thing.centre
        canvas.ellipse(x - 20, y + SIZES[thing.size] / 2 - 3, x + 20, y + SIZES[thing.size] / 2 + 5, shade(ground, -14))
        canvas.shape(thing.shape, x, y, SIZES[thing.size], thing.colour, thing.texture)
    return canvas.finish()


def describe_things(things: Sequence[Thing]) -> str:
    """A sentence for each thing, from the top left to the bottom right, after one that counts them."""
    if len(things) == 1:
        return f"There is one object. {opened(a(things[0].name))} is {PLACES[things[0].place]}."
    sentences = [f"{opened(a(thing.name))} is {PLACES[thing.place]}." for thing in things]
    return f"There are {NUMBERS[len(things)]} objects. {' '.join(sentences)}"
