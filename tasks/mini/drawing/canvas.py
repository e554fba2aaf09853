"""Canvas: pictures drawn from plain shapes, byte for byte the same on every machine.

Shapes are drawn at twice the size with Pillow's integer primitives and reduced by whole boxes, which
smooths their edges without a font library or a filter in floating point.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from PIL import Image, ImageDraw

from sightscale.tasks.mini.drawing.marks import Box, Mark, MarkKind, record

SCALE = 2
Point = tuple[float, float]
Rgb = tuple[int, int, int]

# Far apart in lightness as well as in hue, so that they can be told apart without seeing red or green.
COLOURS: dict[str, Rgb] = {
    "red": (212, 38, 38),
    "orange": (242, 140, 24),
    "yellow": (250, 214, 40),
    "green": (34, 139, 58),
    "blue": (30, 84, 204),
    "purple": (128, 52, 160),
    "pink": (246, 150, 190),
    "brown": (122, 74, 36),
    "black": (24, 24, 28),
    "white": (252, 252, 252),
    "gray": (140, 144, 150),
    "teal": (20, 150, 160),
}
GROUND = (238, 234, 224)  # a paper that every colour stands out from
INK = (40, 42, 48)

SHAPES: dict[str, tuple[Point, ...]] = {  # outlines on a square from −100 to 100
    "square": ((-80, -80), (80, -80), (80, 80), (-80, 80)),
    "triangle": ((0, -92), (96, 76), (-96, 76)),
    "diamond": ((0, -100), (78, 0), (0, 100), (-78, 0)),
    "hexagon": ((-50, -87), (50, -87), (100, 0), (50, 87), (-50, 87), (-100, 0)),
    "cross": (
        *((-32, -96), (32, -96), (32, -32), (96, -32), (96, 32), (32, 32)),
        *((32, 96), (-32, 96), (-32, 32), (-96, 32), (-96, -32), (-32, -32)),
    ),
    "star": (
        *((0, -100), (24, -32), (95, -31), (38, 12), (59, 81), (0, 40)),
        *((-59, 81), (-38, 12), (-95, -31), (-24, -32)),
    ),
    "arrow": ((0, -100), (90, 0), (40, 0), (40, 96), (-40, 96), (-40, 0), (-90, 0)),
    "heart": (
        *((0, 92), (-88, 4), (-96, -38), (-78, -76), (-44, -84), (-14, -66), (0, -40)),
        *((14, -66), (44, -84), (78, -76), (96, -38), (88, 4)),
    ),
}
ROUND_SHAPES = ("circle", "ring")
TEXTURES = ("plain", "striped", "dotted", "checked")
_NAMES = {value: name for name, value in COLOURS.items()}


class Canvas:
    """A picture in the making; coordinates are in pixels of the finished picture, y downwards."""

    def __init__(self, width: int = 224, height: int = 224, background: str | Rgb = GROUND) -> None:
        self.width, self.height = width, height
        self.image = Image.new("RGB", (width * SCALE, height * SCALE), rgb(background))
        self._draw = ImageDraw.Draw(self.image)
        self._marks: list[Mark] = []
        self._extents: list[list[Box]] = []  # what was drawn inside each mark that is still open

    @contextmanager
    def mark(self, kind: MarkKind, name: str, colour: str | Rgb = "", texture: str = "") -> Iterator[None]:
        """Mark all that is drawn inside as one thing, letter or word of that name."""
        self._extents.append([])
        yield
        extent = self._extents.pop()
        if extent:
            lefts, tops, rights, bottoms = zip(*extent, strict=True)
            box = (
                max(0.0, min(lefts)),
                max(0.0, min(tops)),
                min(self.width, max(rights)),
                min(self.height, max(bottoms)),
            )
            if box[0] < box[2] and box[1] < box[3]:
                named = colour if isinstance(colour, str) else _NAMES.get(colour, "")
                self._marks.append(Mark(kind, name, box, named, texture))

    def _cover(self, points: Sequence[Point], around: float = 0) -> None:
        """Note that the box of some points, wider by `around` on every side, was drawn on."""
        if self._extents:
            across, down = [x for x, _ in points], [y for _, y in points]
            box = min(across) - around, min(down) - around, max(across) + around, max(down) + around
            for extent in self._extents:
                extent.append(box)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: str | Rgb, radius: float = 0) -> None:
        """A filled rectangle, its corners rounded by `radius`."""
        self._cover([(x0, y0), (x1, y1)])
        box = [*_up((min(x0, x1), min(y0, y1))), *_up((max(x0, x1), max(y0, y1)))]
        if radius:
            self._draw.rounded_rectangle(box, round(radius * SCALE), fill=rgb(fill))
        else:
            self._draw.rectangle(box, fill=rgb(fill))

    def ellipse(self, x0: float, y0: float, x1: float, y1: float, fill: str | Rgb) -> None:
        """A filled ellipse in a box."""
        self._cover([(x0, y0), (x1, y1)])
        self._draw.ellipse([*_up((x0, y0)), *_up((x1, y1))], fill=rgb(fill))

    def disc(self, x: float, y: float, radius: float, fill: str | Rgb) -> None:
        """A filled circle about a point."""
        self.ellipse(x - radius, y - radius, x + radius, y + radius, fill)

    def pie(self, x: float, y: float, radius: float, start: int, end: int, fill: str | Rgb) -> None:
        """A filled slice of a circle, in degrees clockwise from three o'clock."""
        self._cover([(x - radius, y - radius), (x + radius, y if (start, end) == (180, 360) else y + radius)])
        box = [*_up((x - radius, y - radius)), *_up((x + radius, y + radius))]
        self._draw.pieslice(box, start, end, fill=rgb(fill))

    def polygon(self, points: Sequence[Point], fill: str | Rgb) -> None:
        """A filled polygon."""
        self._cover(points)
        self._draw.polygon([_up(point) for point in points], fill=rgb(fill))

    def line(self, points: Sequence[Point], fill: str | Rgb, width: float = 2) -> None:
        """A polyline with round ends and joints."""
        self._cover(points, width / 2)
        thick = max(1, round(width * SCALE))
        self._draw.line([_up(point) for point in points], fill=rgb(fill), width=thick)
        if thick > 2:
            for x, y in points:
                self.disc(x, y, (thick - 1) / 2 / SCALE, fill)

    def shape(self, kind: str, x: float, y: float, size: float, colour: str | Rgb, texture: str = "plain") -> None:
        """A shape by name about a point, `size` pixels across, its surface textured, with a thin dark outline."""
        with self.mark("thing", kind, colour, texture):
            unit = size / 200
            self._cover([(x + u * unit, y + v * unit) for u, v in SHAPES.get(kind, ((-100, -100), (100, 100)))])
        side = round(size * SCALE)
        mask = _mask(kind, side)
        surface = Image.new("RGB", mask.size, rgb(colour))
        _texture(surface, texture, rgb(colour))
        left, top = round(x * SCALE) - mask.width // 2, round(y * SCALE) - mask.height // 2
        edge = _mask(kind, side + 2 * SCALE)
        self.image.paste(INK, (left - SCALE, top - SCALE), edge)
        self.image.paste(surface, (left, top), mask)

    def gradient(self, top: str | Rgb, bottom: str | Rgb, y0: float = 0, y1: float | None = None) -> None:
        """A vertical run from one colour to another over the rows from y0 to y1."""
        first, last = rgb(top), rgb(bottom)
        start, end = round(y0 * SCALE), round((self.height if y1 is None else y1) * SCALE)
        span = max(1, end - start - 1)
        for y in range(start, end):
            part = y - start
            mixed = tuple((a * (span - part) + b * part) // span for a, b in zip(first, last, strict=True))
            self._draw.line([(0, y), (self.image.width, y)], fill=(mixed[0], mixed[1], mixed[2]))

    def finish(self) -> Image.Image:
        """The finished picture."""
        record(self._marks)
        return self.image.reduce(SCALE)


def rgb(colour: str | Rgb) -> Rgb:
    """A colour by its name or as it is. Raises KeyError for an unknown name."""
    return COLOURS[colour] if isinstance(colour, str) else colour


def shade(colour: str | Rgb, percent: int) -> Rgb:
    """A colour made lighter (above 0) or darker (below) by a share of what room there is."""
    red, green, blue = (part + ((255 - part) if percent > 0 else part) * percent // 100 for part in rgb(colour))
    return red, green, blue


def _up(point: Point) -> tuple[int, int]:
    return round(point[0] * SCALE), round(point[1] * SCALE)


@lru_cache(maxsize=512)
def _mask(kind: str, side: int) -> Image.Image:
    """The shape as a mask, `side` finished half-pixels across."""
    mask = Image.new("1", (side + 1, side + 1))
    draw = ImageDraw.Draw(mask)
    if kind in ROUND_SHAPES:
        draw.ellipse([0, 0, side, side], fill=1)
        if kind == "ring":
            inset = side * 3 // 10
            draw.ellipse([inset, inset, side - inset, side - inset], fill=0)
    elif kind in SHAPES:
        draw.polygon([((x + 100) * side // 200, (y + 100) * side // 200) for x, y in SHAPES[kind]], fill=1)
    else:
        raise ValueError(f"unknown shape {kind!r}; known: {', '.join((*ROUND_SHAPES, *SHAPES))}")
    return mask


def _texture(surface: Image.Image, texture: str, colour: Rgb) -> None:
    """Draw stripes, dots or checks over a surface, in white, or in black on what is light."""
    if texture == "plain":
        return
    draw, side = ImageDraw.Draw(surface), surface.width
    other = (30, 30, 34) if sum(colour) > 560 else (250, 250, 250)
    step = max(8, side // 6)
    if texture == "striped":
        for start in range(-side, side, step):
            draw.line([(start, side), (start + side, 0)], fill=other, width=max(2, step * 2 // 5))
    elif texture == "dotted":
        radius = max(2, step * 3 // 10)
        for row, y in enumerate(range(step // 2, side + step, step)):
            for x in range(step // 2 if row % 2 else 0, side + step, step):
                draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=other)
    elif texture == "checked":
        for row, y in enumerate(range(0, side + 1, step)):
            for x in range(step if row % 2 else 0, side + 1, 2 * step):
                draw.rectangle([x, y, x + step - 1, y + step - 1], fill=other)
    else:
        raise ValueError(f"unknown texture {texture!r}; known: {', '.join(TEXTURES)}")
