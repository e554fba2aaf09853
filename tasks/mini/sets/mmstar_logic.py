"""MMStar's logical reasoning: sequences and small programs, common sense, diagrams."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import COLOUR_NAMES, INK, SHAPE_NAMES, Canvas, shade, write
from sightscale.tasks.mini.items import Choice, Item, complete_choice, draw_choice
from sightscale.tasks.mini.sets.vqav2 import draw_yard

CATEGORY = "logical reasoning"


def draw_number(rng: random.Random, pool: Sequence[int], unit: str = "") -> Choice:
    """Four neighbours of a sorted pool of numbers, any of them the answer with the same chance.

    The options are drawn first and the scene is made to fit, so that no number is the likelier for being small.
    """
    at = rng.randrange(len(pool) - 3)
    texts = [f"{number}{unit}" for number in pool[at : at + 4]]
    answer = rng.choice(texts)
    rng.shuffle(texts)
    return Choice(answer, tuple(texts), texts[0], 0.25)


def draw_code(rng: random.Random) -> Item:
    """What comes next in a row of shapes, or what a small program prints."""
    if rng.random() < 0.5:
        return _draw_row(rng)
    choice = draw_number(rng, range(10, 30))
    while True:
        kind = rng.choice(("add", "times", "loop"))
        first, second, third = rng.randint(2, 12), rng.randint(2, 9), rng.randint(2, 5)
        value = {"add": first + second + third, "times": first * third + second, "loop": first + third * second}[kind]
        if str(value) == choice.answer:
            break
    lines = {
        "add": [f"X = {first}", f"Y = X + {second}", f"X = Y + {third}", "PRINT X"],
        "times": [f"X = {first}", f"Y = {third}", f"X = X × Y + {second}", "PRINT X"],
        "loop": [f"X = {first}", f"REPEAT {third}:", f"  X = X + {second}", "PRINT X"],
    }[kind]
    steps = {
        "add": f"Y is {first} + {second} = {first + second}, and X is {first + second} + {third} = {value}.",
        "times": f"X is {first} × {third} + {second} = {value}.",
        "loop": f"X starts at {first} and {second} is added {third} times, which gives {value}.",
    }[kind]
    scene = {"kind": "program", "lines": lines, "ink": rng.choice(("green", "teal", "orange", "white"))}
    return Item(
        question="What does the program print?",
        scene=scene,
        description=f"A screen with a program: {'; '.join(line.strip() for line in lines)}.",
        reasoning=f"{steps} So it prints {value}.",
        category=CATEGORY,
        l2_category="code & sequence reasoning",
        focus="the lines of the program",
        **choice.fields(),
    )


def _draw_row(rng: random.Random) -> Item:
    length = rng.choice((2, 3))
    by = rng.choice(("shape", "colour"))
    pool = SHAPE_NAMES if by == "shape" else COLOUR_NAMES
    pattern = rng.sample(pool, length)
    shown = rng.randint(2 * length, 2 * length + 1)
    answer = pattern[shown % length]
    # The distractors are the pattern's other members and values that aren't there, in a fixed number of each.
    others = [value for value in pool if value not in pattern]
    texts = [answer, next(value for value in pattern if value != answer), *rng.sample(others, 2)]
    rng.shuffle(texts)
    fixed = rng.choice(COLOUR_NAMES if by == "shape" else SHAPE_NAMES)
    row = [pattern[k % length] for k in range(shown)]
    scene = {"kind": "row", "by": by, "fixed": fixed, "values": row, "ground": rng.randrange(3)}
    noun = by.replace("colour", "color")
    return Item(
        question=f"Which {noun} comes next in the row?",
        scene=scene,
        description=f"A row of {shown} shapes, then a question mark. The {noun}s are, in order: {', '.join(row)}.",
        reasoning=f"The row repeats {', '.join(pattern)}, so the next {noun} is {answer}.",
        category=CATEGORY,
        l2_category="code & sequence reasoning",
        focus=f"the {noun}s of the shapes in order",
        **Choice(answer, tuple(texts), texts[0], 0.25).fields(),
    )


def render_program(scene: dict[str, Any]) -> Image.Image:
    """A screen with lines of a program, 224 by 160 pixels."""
    canvas = Canvas(224, 160, (198, 200, 206))
    canvas.rectangle(8, 8, 216, 150, (60, 62, 70), 8)
    canvas.rectangle(16, 16, 208, 142, (20, 24, 34), 4)
    for k, line in enumerate(scene["lines"]):
        indent = 16 if line.startswith(" ") else 0
        write(canvas, f"{k + 1}", 26, 38 + 28 * k, 9, (110, 114, 128), anchor="left")
        write(canvas, line.strip(), 46 + indent, 38 + 28 * k, 13, scene["ink"], anchor="left")
    return canvas.finish()


def render_row(scene: dict[str, Any]) -> Image.Image:
    """A row of shapes with a question mark at its end, 320 by 96 pixels."""
    ground = ((238, 234, 224), (222, 232, 240), (232, 238, 222))[scene["ground"]]
    canvas = Canvas(320, 96, ground)
    values = scene["values"]
    step = 320 / (len(values) + 1)
    size = min(40, step - 8)
    for k, value in enumerate(values):
        shape, colour = (value, scene["fixed"]) if scene["by"] == "shape" else (scene["fixed"], value)
        canvas.shape(shape, step * (k + 0.5), 48, size, colour)
    x = step * (len(values) + 0.5)
    canvas.rectangle(x - size / 2, 48 - size / 2, x + size / 2, 48 + size / 2, shade(ground, -14), 5)
    write(canvas, "?", x, 48, size / 2, INK)
    return canvas.finish()


ADVICE = {  # what one should do, by what the yard shows; the first two are likelier because the weather is
    "sunny": "put on a hat",
    "cloudy": "take a jacket along",
    "rainy": "open an umbrella",
    "snowy": "wear warm boots",
}


def draw_common(rng: random.Random) -> Item:
    """What common sense says about a yard: what to do when going out, or what the light asks for."""
    weights = {"sunny": 0.5, "cloudy": 0.28, "rainy": 0.15, "snowy": 0.07}
    choice = draw_choice(rng, {ADVICE[name]: weight for name, weight in weights.items()})
    weather = next(name for name, advice in ADVICE.items() if advice == choice.answer)
    yard = draw_yard(rng)
    scene = {**yard.scene, "weather": weather, "time": "day"}
    return Item(
        question="What would be most sensible for a person leaving this house?",
        scene=scene,
        description=f"A house and its yard by day. The weather is {weather}. The car on the road is {scene['car']}.",
        reasoning=f"The weather is {weather}, so it is sensible to {choice.answer}.",
        category=CATEGORY,
        l2_category="common reasoning",
        focus="the weather and the light",
        **choice.fields(),
    )


STEPS = ("MIX", "BAKE", "COOL", "CUT", "WASH", "PEEL", "COOK", "SERVE", "PACK", "SHIP", "SORT", "TEST")


def draw_diagram(rng: random.Random) -> Item:
    """What comes after or before a step of a flow chart, or whose child a node of a tree is."""
    if rng.random() < 0.5:
        steps = rng.sample(STEPS, 5)
        after = rng.random() < 0.5
        at = rng.randrange(4)
        asked, answer = (steps[at], steps[at + 1]) if after else (steps[at + 1], steps[at])
        others = [step for step in steps if step not in (asked, answer)]
        texts = [answer, *rng.sample(others, 3)]
        rng.shuffle(texts)
        scene: dict[str, Any] = {
            "kind": "flow",
            "steps": steps,
            "colour": rng.choice(COLOUR_NAMES),
            "turn": rng.randrange(2),
        }
        word = "after" if after else "before"
        text = ", then ".join(steps)
        return Item(
            question=f"Which step comes directly {word} {asked}?",
            scene=scene,
            description=f"A flow chart with arrows: {text}.",
            reasoning=f"In the flow chart {answer} comes directly {word} {asked}.",
            category=CATEGORY,
            l2_category="diagram reasoning",
            focus="the order of the steps",
            **Choice(answer, tuple(texts), texts[0], 0.25).fields(),
        )
    names = rng.sample("FGHJKLMNPQRSTUVWXYZ", 7)  # none is an option's letter
    leaf = rng.randrange(3, 7)
    parent = (leaf - 1) // 2
    pool = {name: 1.0 for k, name in enumerate(names) if k != leaf}
    choice = complete_choice(rng, names[parent], pool)
    scene = {"kind": "tree", "names": names, "colour": rng.choice(COLOUR_NAMES)}
    links = "; ".join(f"{names[k]} leads to {names[2 * k + 1]} and {names[2 * k + 2]}" for k in range(3))
    return Item(
        question=f"Which node is directly above {names[leaf]} in the tree?",
        scene=scene,
        description=f"A tree diagram: {links}.",
        reasoning=f"{names[parent]} leads to {names[leaf]}, so the node above it is {names[parent]}.",
        category=CATEGORY,
        l2_category="diagram reasoning",
        focus="which nodes are joined",
        **choice.fields(),
    )


def render_flow(scene: dict[str, Any]) -> Image.Image:
    """Five boxes with arrows between them, 224 pixels square."""
    canvas = Canvas(background=(246, 246, 242))
    columns = (168, 56, 56, 168, 168) if scene["turn"] else (56, 168, 168, 56, 56)
    places = tuple(zip(columns, (36, 36, 108, 108, 180), strict=True))
    for start, end in itertools.pairwise(places):
        arrow(canvas, start, end, 46, 24)
    for (x, y), step in zip(places, scene["steps"], strict=True):
        with canvas.mark("thing", "step", scene["colour"]):
            canvas.rectangle(x - 44, y - 20, x + 44, y + 20, shade(scene["colour"], -30), 8)
            canvas.rectangle(x - 42, y - 18, x + 42, y + 18, shade(scene["colour"], 72), 7)
        write(canvas, step, x, y, 12, INK)
    return canvas.finish()


def arrow(
    canvas: Canvas, start: tuple[float, float], end: tuple[float, float], wide: float = 0, high: float = 0
) -> None:
    """An arrow along an axis from one place to another, leaving room for boxes of half that size."""
    (x0, y0), (x1, y1) = start, end
    across = (x1 > x0) - (x1 < x0)
    down = (y1 > y0) - (y1 < y0)
    x0, x1 = x0 + across * wide, x1 - across * (wide + 2)
    y0, y1 = y0 + down * high, y1 - down * (high + 2)
    canvas.line([(x0, y0), (x1 - 6 * across, y1 - 6 * down)], INK, 2)
    canvas.polygon(
        [
            (x1, y1),
            (x1 - 9 * across - 5 * down, y1 - 9 * down - 5 * across),
            (x1 - 9 * across + 5 * down, y1 - 9 * down + 5 * across),
        ],
        INK,
    )


def render_tree(scene: dict[str, Any]) -> Image.Image:
    """A tree of seven nodes, 224 pixels square."""
    canvas = Canvas(background=(246, 246, 242))
    places = ((112, 36), (60, 108), (164, 108), (32, 182), (86, 182), (138, 182), (192, 182))
    for k in range(1, 7):
        canvas.line([places[(k - 1) // 2], places[k]], INK, 2)
    for (x, y), name in zip(places, scene["names"], strict=True):
        with canvas.mark("thing", "node", scene["colour"]):
            canvas.disc(x, y, 19, shade(scene["colour"], -30))
            canvas.disc(x, y, 17, shade(scene["colour"], 70))
        write(canvas, name, x, y, 15, INK)
    return canvas.finish()
