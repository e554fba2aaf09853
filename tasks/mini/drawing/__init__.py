"""Drawing: pictures of plain shapes, letters and things, byte for byte the same on every machine."""

from sightscale.tasks.mini.drawing.canvas import COLOURS, INK, SHAPES, TEXTURES, Canvas, rgb, shade
from sightscale.tasks.mini.drawing.lettering import fitting_height, write
from sightscale.tasks.mini.drawing.marks import Mark, forget_marks, move_marks, recording
from sightscale.tasks.mini.drawing.scenes import (
    COLOUR_NAMES,
    GROUNDS,
    PLACES,
    RELATIONS,
    SHAPE_NAMES,
    SIZES,
    Thing,
    describe_things,
    draw_things,
    render_things,
    scene_of,
    things_of,
)
from sightscale.tasks.mini.drawing.things import THINGS, draw_thing

__all__ = [
    "COLOURS",
    "COLOUR_NAMES",
    "GROUNDS",
    "INK",
    "PLACES",
    "RELATIONS",
    "SHAPES",
    "SHAPE_NAMES",
    "SIZES",
    "TEXTURES",
    "THINGS",
    "Canvas",
    "Mark",
    "Thing",
    "describe_things",
    "draw_thing",
    "draw_things",
    "fitting_height",
    "forget_marks",
    "move_marks",
    "recording",
    "render_things",
    "rgb",
    "scene_of",
    "shade",
    "things_of",
    "write",
]
