"""Things: everyday objects drawn from plain shapes, each recognisable at thirty pixels."""

from collections.abc import Callable

from sightscale.tasks.mini.drawing.canvas import INK, Canvas, Rgb, rgb, shade

Colour = str | Rgb


class _Pen:
    """Draws in a thing's own square, from −100 to 100 across and down, about a point."""

    def __init__(self, canvas: Canvas, x: float, y: float, size: float) -> None:
        self.canvas, self.x, self.y, self.unit = canvas, x, y, size / 200

    def at(self, u: float, v: float) -> tuple[float, float]:
        return self.x + u * self.unit, self.y + v * self.unit

    def box(self, u0: float, v0: float, u1: float, v1: float, fill: Colour, radius: float = 0) -> None:
        self.canvas.rectangle(*self.at(u0, v0), *self.at(u1, v1), fill, radius * self.unit)

    def oval(self, u0: float, v0: float, u1: float, v1: float, fill: Colour) -> None:
        self.canvas.ellipse(*self.at(u0, v0), *self.at(u1, v1), fill)

    def disc(self, u: float, v: float, radius: float, fill: Colour) -> None:
        self.canvas.disc(*self.at(u, v), radius * self.unit, fill)

    def fill(self, points: list[tuple[float, float]], fill: Colour) -> None:
        self.canvas.polygon([self.at(*point) for point in points], fill)

    def line(self, points: list[tuple[float, float]], fill: Colour, width: float) -> None:
        self.canvas.line([self.at(*point) for point in points], fill, max(1.0, width * self.unit))


def _house(pen: _Pen, colour: Colour) -> None:
    pen.box(-70, -10, 70, 100, colour)
    pen.fill([(-90, -10), (0, -95), (90, -10)], shade(colour, -45))
    pen.box(-16, 40, 18, 100, shade(colour, -60))
    for u in (-54, 32):
        pen.box(u, 10, u + 26, 36, (190, 225, 245))


def _tree(pen: _Pen, colour: Colour) -> None:
    pen.box(-14, 20, 14, 100, "brown")
    for u, v, radius in ((-34, -8, 46), (34, -8, 46), (0, -46, 52)):
        pen.disc(u, v, radius, colour)


def _car(pen: _Pen, colour: Colour) -> None:
    pen.fill([(-50, -5), (-30, -50), (40, -50), (64, -5)], shade(colour, -25))
    pen.fill([(-36, -8), (-22, -40), (0, -40), (0, -8)], (200, 230, 245))
    pen.fill([(10, -8), (10, -40), (34, -40), (48, -8)], (200, 230, 245))
    pen.box(-98, -8, 98, 44, colour, 16)
    for u in (-54, 54):
        pen.disc(u, 46, 26, INK)
        pen.disc(u, 46, 11, "gray")


def _boat(pen: _Pen, colour: Colour) -> None:
    pen.line([(0, 40), (0, -95)], "brown", 9)
    pen.fill([(8, -90), (8, 26), (82, 26)], "white")
    pen.fill([(-8, -70), (-8, 26), (-62, 26)], (235, 235, 225))
    pen.fill([(-98, 38), (98, 38), (64, 92), (-64, 92)], colour)


def _sun(pen: _Pen, colour: Colour) -> None:
    for du, dv in ((1, 0), (0.7, 0.7), (0, 1), (-0.7, 0.7), (-1, 0), (-0.7, -0.7), (0, -1), (0.7, -0.7)):
        pen.line([(64 * du, 64 * dv), (96 * du, 96 * dv)], colour, 12)
    pen.disc(0, 0, 50, colour)


def _cloud(pen: _Pen, colour: Colour) -> None:
    for u, v, radius in ((-52, 14, 38), (50, 14, 40), (-8, -14, 54)):
        pen.disc(u, v, radius, colour)
    pen.box(-56, 10, 56, 52, colour, 18)


def _flower(pen: _Pen, colour: Colour) -> None:
    pen.line([(0, 0), (0, 96)], "green", 11)
    pen.fill([(0, 74), (50, 40), (40, 74)], "green")
    for u, v in ((0, -66), (40, -36), (26, 8), (-26, 8), (-40, -36)):
        pen.disc(u, v, 27, colour)
    pen.disc(0, -28, 22, "brown" if rgb(colour) == rgb("yellow") else "yellow")


def _fish(pen: _Pen, colour: Colour) -> None:
    pen.fill([(50, 0), (98, -52), (98, 52)], shade(colour, -30))
    pen.oval(-98, -48, 70, 48, colour)
    pen.disc(-58, -12, 12, "white")
    pen.disc(-60, -12, 6, INK)
    pen.line([(-28, -26), (-20, 0), (-28, 26)], shade(colour, -40), 8)


def _cup(pen: _Pen, colour: Colour) -> None:
    pen.disc(62, 10, 40, shade(colour, -30))
    pen.disc(62, 10, 20, (238, 234, 224))
    pen.box(-74, -56, 60, 84, colour, 18)
    pen.oval(-74, -74, 60, -38, shade(colour, -45))


def _ball(pen: _Pen, colour: Colour) -> None:
    pen.disc(0, 0, 92, shade(colour, -40))
    pen.disc(0, 0, 86, colour)
    pen.line([(-80, -30), (0, 4), (80, -30)], "white", 12)
    pen.line([(0, 4), (0, 84)], "white", 12)


def _umbrella(pen: _Pen, colour: Colour) -> None:
    pen.line([(0, -60), (0, 70), (14, 88), (34, 82), (36, 66)], INK, 9)
    pen.canvas.pie(*pen.at(0, 10), 96 * pen.unit, 180, 360, colour)
    for u in (-64, 0, 64):
        pen.canvas.pie(*pen.at(u, 12), 32 * pen.unit, 180, 360, shade(colour, -35))


def _book(pen: _Pen, colour: Colour) -> None:
    pen.box(-78, -94, 78, 94, shade(colour, -40), 8)
    pen.box(-62, -94, 78, 94, colour, 8)
    pen.box(-36, -62, 54, -22, "white", 4)
    pen.line([(-22, -42), (40, -42)], INK, 7)


def _clock(pen: _Pen, colour: Colour) -> None:
    pen.disc(0, 0, 96, colour)
    pen.disc(0, 0, 78, "white")
    pen.line([(0, 0), (0, -52)], INK, 10)
    pen.line([(0, 0), (36, 20)], INK, 10)


def _apple(pen: _Pen, colour: Colour) -> None:
    pen.line([(2, -40), (14, -90)], "brown", 12)
    pen.oval(12, -96, 66, -66, "green")
    pen.disc(-32, 18, 58, colour)
    pen.disc(32, 18, 58, colour)
    pen.oval(-54, -20, 54, 92, colour)


def _bird(pen: _Pen, colour: Colour) -> None:
    pen.fill([(40, 20), (98, -10), (92, 44)], shade(colour, -30))
    pen.oval(-70, -24, 66, 62, colour)
    pen.disc(-54, -34, 38, colour)
    pen.fill([(-88, -40), (-100, -24), (-80, -20)], "orange")
    pen.disc(-60, -42, 7, INK)
    pen.fill([(-20, 6), (44, 0), (12, 44)], shade(colour, -45))
    for u in (-16, 14):
        pen.line([(u, 58), (u, 92)], "orange", 7)


def _balloon(pen: _Pen, colour: Colour) -> None:
    pen.line([(0, 44), (10, 70), (-6, 98)], INK, 5)
    pen.oval(-62, -98, 62, 40, colour)
    pen.fill([(-12, 52), (12, 52), (0, 34)], colour)
    pen.oval(-36, -74, -14, -36, shade(colour, 55))


def _key(pen: _Pen, colour: Colour) -> None:
    pen.disc(-52, 0, 46, colour)
    pen.disc(-52, 0, 20, (238, 234, 224))
    pen.box(-12, -12, 98, 12, colour)
    pen.box(58, 8, 74, 44, colour)
    pen.box(82, 8, 98, 36, colour)


def _mushroom(pen: _Pen, colour: Colour) -> None:
    pen.box(-26, 0, 26, 94, (240, 228, 205), 14)
    pen.canvas.pie(*pen.at(0, 14), 94 * pen.unit, 180, 360, colour)
    for u, v, radius in ((-44, -16, 15), (4, -48, 17), (48, -14, 14)):
        pen.disc(u, v, radius, "white")


def _lamp(pen: _Pen, colour: Colour) -> None:
    pen.box(-8, 0, 8, 84, INK)
    pen.oval(-48, 74, 48, 98, INK)
    pen.fill([(-38, -92), (38, -92), (78, 8), (-78, 8)], colour)


def _chair(pen: _Pen, colour: Colour) -> None:
    pen.box(-60, -96, -40, 96, shade(colour, -35))
    pen.box(-60, -96, -44, 20, colour)
    pen.box(-60, 4, 62, 30, colour, 6)
    pen.box(44, 28, 62, 96, shade(colour, -35))


def _cat(pen: _Pen, colour: Colour) -> None:
    pen.fill([(-74, -20), (-70, -94), (-18, -56)], colour)
    pen.fill([(74, -20), (70, -94), (18, -56)], colour)
    pen.disc(0, 12, 78, colour)
    for u in (-30, 30):
        pen.oval(u - 13, -18, u + 13, 14, "white" if sum(rgb(colour)) < 620 else (180, 220, 140))
        pen.oval(u - 5, -14, u + 5, 12, INK)
    pen.fill([(-10, 26), (10, 26), (0, 38)], "pink")
    pen.line([(-22, 40), (-11, 52), (0, 40), (11, 52), (22, 40)], INK, 5)
    for v in (28, 42):
        pen.line([(-96, v - 6), (-44, v)], INK, 4)
        pen.line([(96, v - 6), (44, v)], INK, 4)


def _dog(pen: _Pen, colour: Colour) -> None:
    pen.disc(0, 0, 74, colour)
    for side in (-1, 1):
        pen.oval(side * 78 - 26, -62, side * 78 + 26, 44, shade(colour, -40))
        pen.disc(side * 28, -14, 9, INK)
    pen.oval(-42, 10, 42, 80, shade(colour, 50))
    pen.oval(-17, 14, 17, 38, INK)
    pen.line([(0, 38), (0, 54), (-18, 62)], INK, 5)
    pen.line([(0, 54), (18, 62)], INK, 5)


def _bicycle(pen: _Pen, colour: Colour) -> None:
    for u in (-56, 56):
        pen.disc(u, 34, 42, INK)
        pen.disc(u, 34, 32, (238, 234, 224))
    pen.line([(-56, 34), (-22, -24), (38, -24), (0, 34), (-56, 34)], colour, 10)
    pen.line([(0, 34), (-28, -46)], colour, 10)
    pen.line([(56, 34), (34, -60), (58, -66)], colour, 10)
    pen.line([(-42, -48), (-12, -48)], INK, 10)


def _candle(pen: _Pen, colour: Colour) -> None:
    pen.box(-30, -30, 30, 96, colour, 6)
    pen.line([(0, -30), (0, -50)], INK, 6)
    pen.oval(-15, -98, 15, -42, "orange")
    pen.oval(-7, -76, 7, -44, "yellow")


def _leaf(pen: _Pen, colour: Colour) -> None:
    pen.fill([(-90, 60), (-60, -20), (0, -66), (92, -84), (70, 4), (16, 60), (-50, 72)], colour)
    pen.line([(-98, 92), (60, -58)], shade(colour, -45), 8)


_CRESCENT = (
    *((58, 69), (31, 85), (0, 90), (-31, 85), (-58, 69), (-78, 45), (-89, 16), (-89, -16)),
    *((-78, -45), (-58, -69), (-31, -85), (0, -90), (31, -85), (58, -69), (67, -68), (42, -72)),
    *((17, -68), (-4, -55), (-20, -36), (-29, -13), (-29, 13), (-20, 36), (-4, 55), (17, 68)),
    *((42, 72), (67, 68)),
)


def _moon(pen: _Pen, colour: Colour) -> None:
    pen.fill(list(_CRESCENT), colour)


def _hat(pen: _Pen, colour: Colour) -> None:
    pen.box(-52, -70, 52, 50, colour, 10)
    pen.box(-52, 14, 52, 40, shade(colour, -50))
    pen.oval(-98, 34, 98, 76, colour)


def _bottle(pen: _Pen, colour: Colour) -> None:
    pen.box(-16, -98, 16, -40, shade(colour, -20))
    pen.box(-22, -98, 22, -82, INK, 4)
    pen.box(-46, -52, 46, 98, colour, 22)
    pen.box(-46, 0, 46, 56, "white")


THINGS: dict[str, Callable[[_Pen, Colour], None]] = {
    "house": _house,
    "tree": _tree,
    "car": _car,
    "boat": _boat,
    "sun": _sun,
    "cloud": _cloud,
    "flower": _flower,
    "fish": _fish,
    "cup": _cup,
    "ball": _ball,
    "umbrella": _umbrella,
    "book": _book,
    "clock": _clock,
    "apple": _apple,
    "bird": _bird,
    "balloon": _balloon,
    "key": _key,
    "mushroom": _mushroom,
    "lamp": _lamp,
    "chair": _chair,
    "cat": _cat,
    "dog": _dog,
    "bicycle": _bicycle,
    "candle": _candle,
    "leaf": _leaf,
    "moon": _moon,
    "hat": _hat,
    "bottle": _bottle,
}


def draw_thing(canvas: Canvas, name: str, x: float, y: float, size: float, colour: Colour) -> None:
    """Draw a thing about a point, `size` pixels across. Raises ValueError for an unknown name."""
    if name not in THINGS:
        raise ValueError(f"unknown thing {name!r}; known: {', '.join(sorted(THINGS))}")
    with canvas.mark("thing", name, colour):
        THINGS[name](_Pen(canvas, x, y, size), colour)
