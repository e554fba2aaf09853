"""MMStar's math: geometry, clocks and coins, charts."""

import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import INK, Canvas, shade, write
from sightscale.tasks.mini.items import Choice, Item
from sightscale.tasks.mini.sets.mmstar_logic import draw_number

CATEGORY = "math"
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
FRUITS = ("APPLES", "PEARS", "PLUMS", "GRAPES", "LEMONS", "CHERRIES", "PEACHES", "MELONS")
COINS = {1: ("brown", 15), 2: ("brown", 18), 5: ("orange", 20), 10: ("gray", 22)}
CHART_COLOURS = ("red", "blue", "orange", "green", "purple", "teal")
# Twelve points of a circle in thousandths, clockwise from twelve o'clock.
DIAL = (
    *((0, -1000), (500, -866), (866, -500), (1000, 0), (866, 500), (500, 866)),
    *((0, 1000), (-500, 866), (-866, 500), (-1000, 0), (-866, -500), (-500, -866)),
)


def draw_geometry(rng: random.Random) -> Item:
    """A triangle's third angle, or a rectangle's area or perimeter."""
    if rng.random() < 0.5:
        choice = draw_number(rng, range(30, 130, 5), "°")
        value = int(choice.answer.rstrip("°"))
        while True:
            first = 5 * rng.randint(4, 18)
            second = 180 - value - first
            if 20 <= second <= 90:
                break
        scene: dict[str, Any] = {
            "kind": "triangle",
            "angles": [first, second],
            "flip": rng.randrange(2),
            "colour": rng.choice(CHART_COLOURS),
        }
        return Item(
            question="How large is the angle marked with a question mark?",
            scene=scene,
            description=f"A triangle. Two of its angles are {first}° and {second}°; the third has a question mark.",
            reasoning=f"The angles of a triangle make 180°, and 180 - {first} - {second} = {value}, so it is {value}°.",
            category=CATEGORY,
            l2_category="geometry",
            focus="the figure and its labelled angles",
            **choice.fields(),
        )
    asked = rng.choice(("area", "perimeter"))
    sizes: dict[int, list[tuple[int, int]]] = {}
    for wide in range(3, 13):
        for high in range(2, 9):
            sizes.setdefault(wide * high if asked == "area" else 2 * (wide + high), []).append((wide, high))
    choice = draw_number(rng, sorted(sizes))
    value = int(choice.answer)
    wide, high = rng.choice(sizes[value])
    scene = {"kind": "rectangle", "sides": [wide, high], "colour": rng.choice(CHART_COLOURS), "grid": rng.randrange(2)}
    sum_of = f"{wide} × {high}" if asked == "area" else f"2 × ({wide} + {high})"
    return Item(
        question=f"What is the {asked} of the rectangle?",
        scene=scene,
        description=f"A rectangle that is {wide} wide and {high} high.",
        reasoning=f"The {asked} is {sum_of} = {value}.",
        category=CATEGORY,
        l2_category="geometry",
        focus="the figure and its labelled sides",
        **choice.fields(),
    )


def render_triangle(scene: dict[str, Any]) -> Image.Image:
    """A triangle with two labelled angles, 224 by 170 pixels; its shape is a sketch, as in a school book."""
    canvas = Canvas(224, 170, (250, 248, 240))
    corners = [(26, 140), (198, 140), (132, 30)]
    if scene["flip"]:
        corners = [(224 - x, y) for x, y in corners]
    canvas.polygon(corners, shade(scene["colour"], 70))
    canvas.line([*corners, corners[0]], INK, 2.5)
    inward = [(112 - x) / 112 for x, _ in corners]
    first, second = scene["angles"]
    write(canvas, f"{first}°", corners[0][0] + 52 * inward[0], 128, 12, INK)
    write(canvas, f"{second}°", corners[1][0] + 50 * inward[1], 128, 12, INK)
    write(canvas, "?", corners[2][0], 64, 16, (190, 30, 30))
    return canvas.finish()


def render_rectangle(scene: dict[str, Any]) -> Image.Image:
    """A rectangle with labelled sides, 224 by 170 pixels."""
    canvas = Canvas(224, 170, (250, 248, 240))
    wide, high = scene["sides"]
    unit = min(150 / wide, 104 / high)
    left, top = 118 - wide * unit / 2, 76 - high * unit / 2
    with canvas.mark("thing", "rectangle", scene["colour"]):
        canvas.rectangle(left - 2, top - 2, left + wide * unit + 2, top + high * unit + 2, INK)
        canvas.rectangle(left, top, left + wide * unit, top + high * unit, shade(scene["colour"], 65))
    if scene["grid"]:
        for k in range(1, wide):
            canvas.line([(left + k * unit, top), (left + k * unit, top + high * unit)], shade(scene["colour"], 30), 1)
        for k in range(1, high):
            canvas.line([(left, top + k * unit), (left + wide * unit, top + k * unit)], shade(scene["colour"], 30), 1)
    write(canvas, str(wide), 118, top + high * unit + 18, 14, INK)
    write(canvas, str(high), left - 20, 76, 14, INK)
    return canvas.finish()


def draw_numeric(rng: random.Random) -> Item:
    """The time on a clock, or the worth of some coins."""
    if rng.random() < 0.5:
        hour, minute = rng.randint(1, 12), 5 * rng.randrange(12)
        others: set[str] = set()
        while len(others) < 3:
            other = f"{rng.randint(1, 12)}:{5 * rng.randrange(12):02d}"
            if other != f"{hour}:{minute:02d}":
                others.add(other)
        texts = [f"{hour}:{minute:02d}", *sorted(others)]
        rng.shuffle(texts)
        scene: dict[str, Any] = {
            "kind": "dial",
            "hour": hour,
            "minute": minute,
            "colour": rng.choice(CHART_COLOURS),
            "wall": rng.randrange(3),
        }
        return Item(
            question="What time does the clock show?",
            scene=scene,
            description=f"A clock. The short hand is at or after {hour} and the long hand points to "
            f"{minute // 5 or 12}, so it shows {hour}:{minute:02d}.",
            reasoning=f"The clock shows {hour}:{minute:02d}.",
            category=CATEGORY,
            l2_category="numeric commonsense and calculation",
            focus="the hands of the clock",
            **Choice(f"{hour}:{minute:02d}", tuple(texts), texts[0], 0.25).fields(),
        )
    choice = draw_number(rng, range(6, 36))
    total, coins = int(choice.answer), [0]
    while sum(coins) != total:
        coins = [rng.choice(tuple(COINS)) for _ in range(rng.randint(3, 6))]
    scene = {"kind": "coins", "coins": coins, "cloth": rng.randrange(3), "shift": rng.randint(-8, 8)}
    return Item(
        question="How much are the coins worth together?",
        scene=scene,
        description=f"Coins with the numbers {', '.join(map(str, coins))}.",
        reasoning=f"{' + '.join(map(str, coins))} = {total}.",
        category=CATEGORY,
        l2_category="numeric commonsense and calculation",
        focus="the numbers on the coins",
        **choice.fields(),
    )


def render_dial(scene: dict[str, Any]) -> Image.Image:
    """A clock on a wall, 224 pixels square."""
    wall = ((240, 232, 216), (222, 232, 240), (232, 240, 226))[scene["wall"]]
    canvas = Canvas(background=wall)
    canvas.disc(115, 117, 97, shade(wall, -16))
    with canvas.mark("thing", "dial", scene["colour"]):
        canvas.disc(112, 112, 96, scene["colour"])
        canvas.disc(112, 112, 84, "white")
    for k, (dx, dy) in enumerate(DIAL):
        write(canvas, str(k or 12), 112 + dx * 68 / 1000, 112 + dy * 68 / 1000, 12, INK)
    hour, minute = scene["hour"] % 12, scene["minute"]
    (ax, ay), (bx, by) = DIAL[hour], DIAL[(hour + 1) % 12]
    part = minute / 60
    canvas.line(
        [(112, 112), (112 + (ax * (1 - part) + bx * part) * 0.04, 112 + (ay * (1 - part) + by * part) * 0.04)], INK, 6
    )
    dx, dy = DIAL[minute // 5]
    canvas.line([(112, 112), (112 + dx * 0.058, 112 + dy * 0.058)], (60, 62, 70), 3.5)
    canvas.disc(112, 112, 6, (190, 30, 30))
    return canvas.finish()


def render_coins(scene: dict[str, Any]) -> Image.Image:
    """Coins on a cloth, 224 by 170 pixels."""
    cloth = ((120, 150, 130), (130, 140, 170), (160, 130, 130))[scene["cloth"]]
    canvas = Canvas(224, 170, cloth)
    for k, value in enumerate(scene["coins"]):
        x = 44 + 68 * (k % 3) + scene["shift"] * (1 if k < 3 else -1)
        y = 50 + 70 * (k // 3)
        colour, radius = COINS[value]
        canvas.disc(x + 2, y + 3, radius + 4, shade(cloth, -30))
        with canvas.mark("thing", "coin", colour):
            canvas.disc(x, y, radius + 4, shade(colour, -25))
            canvas.disc(x, y, radius, shade(colour, 45))
        write(canvas, str(value), x, y, 15, INK)
    return canvas.finish()


def draw_chart(rng: random.Random) -> Item:
    """The largest, the smallest, or the value of a bar; or the largest slice."""
    names = list(rng.sample(FRUITS, 5) if rng.random() < 0.5 else MONTHS[(start := rng.randrange(8)) : start + 5])
    values = rng.sample(range(2, 19), 5)
    form = rng.choice(("bars", "line"))
    asked = rng.choice(("most", "fewest", "value", "difference"))
    first, second = rng.sample(range(5), 2)
    number = draw_number(rng, range(2, 19) if asked == "value" else range(1, 13))
    while asked in ("value", "difference"):
        result = values[first] if asked == "value" else abs(values[first] - values[second])
        if str(result) == number.answer:
            break
        values = rng.sample(range(2, 19), 5)
    scene = {
        "kind": "chart",
        "form": form,
        "names": names,
        "values": values,
        "colour": rng.choice(CHART_COLOURS),
        "title": rng.choice(("SALES", "VISITS", "HARVEST", "ORDERS")),
    }
    values_text = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
    description = f"A {'bar' if form == 'bars' else 'line'} chart titled {scene['title']}: {values_text}."
    shared: dict[str, Any] = {
        "scene": scene,
        "description": description,
        "category": CATEGORY,
        "l2_category": "statistical reasoning",
        "focus": "the values of the chart",
    }
    if asked in ("most", "fewest"):
        best = values.index(max(values) if asked == "most" else min(values))
        texts = [names[best], *rng.sample([name for name in names if name != names[best]], 3)]
        rng.shuffle(texts)
        word = "largest" if asked == "most" else "smallest"
        return Item(
            question=f"Which entry has the {word} value in the chart?",
            reasoning=f"The {word} value is {values[best]}, of {names[best]}.",
            **Choice(names[best], tuple(texts), texts[0], 0.25).fields(),
            **shared,
        )
    if asked == "value":
        return Item(
            question=f"What is the value of {names[first]} in the chart?",
            reasoning=f"{names[first]} has the value {values[first]}.",
            **number.fields(),
            **shared,
        )
    return Item(
        question=f"By how much do {names[first]} and {names[second]} differ in the chart?",
        reasoning=f"{names[first]} has {values[first]} and {names[second]} has {values[second]}, "
        f"so they differ by {number.answer}.",
        **number.fields(),
        **shared,
    )


def render_chart(scene: dict[str, Any]) -> Image.Image:
    """A chart of five values, each written beside its mark, 288 by 200 pixels."""
    canvas = Canvas(288, 200, (252, 252, 250))
    write(canvas, scene["title"], 150, 16, 12, INK)
    canvas.line([(34, 30), (34, 168), (280, 168)], INK, 2)
    for value in (5, 10, 15):
        y = 168 - value * 7
        canvas.line([(34, y), (280, y)], (224, 224, 224), 1)
        write(canvas, str(value), 20, y, 9, (110, 112, 118))
    points = []
    for k, (name, value) in enumerate(zip(scene["names"], scene["values"], strict=True)):
        x, y = 62 + 47 * k, 168 - value * 7
        points.append((x, y))
        if scene["form"] == "bars":
            with canvas.mark("thing", "bar", scene["colour"]):
                canvas.rectangle(x - 15, y, x + 15, 167, scene["colour"])
        write(canvas, name, x, 180 if k % 2 == 0 or len(name) < 5 else 192, 7, INK)
    if scene["form"] == "line":
        canvas.line(points, scene["colour"], 3)
        for x, y in points:
            canvas.disc(x, y, 4, scene["colour"])
    for (x, y), value in zip(points, scene["values"], strict=True):
        write(canvas, str(value), x, y - 9, 9, INK)
    return canvas.finish()
