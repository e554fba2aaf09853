"""MMStar's science and technology: nature, machines, maps."""

import itertools
import random
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import INK, Canvas, shade, write
from sightscale.tasks.mini.items import Choice, Item, draw_choice
from sightscale.tasks.mini.sets.mmstar_logic import arrow
from sightscale.tasks.mini.sets.mmstar_math import DIAL

CATEGORY = "science & technology"
# Who may stand where in a chain. Distractors are of the answer's own level, so knowing who eats whom is no help.
LEVELS = (
    ("GRASS", "CLOVER", "ALGAE", "LEAVES", "SEEDS", "WHEAT"),
    ("BEETLE", "SNAIL", "RABBIT", "MOUSE", "CRICKET", "DUCK"),
    ("FROG", "SPIDER", "LIZARD", "FISH", "TOAD", "SHREW"),
    ("SNAKE", "FOX", "HAWK", "HERON", "OWL", "OTTER"),
)
# Where a box goes when pushed from two sides; most pushes differ, so staying put is rare.
MOTIONS = {"to the left": 0.4, "to the right": 0.4, "it does not move": 0.1, "upwards": 0.1}
TURNS = {"clockwise": 0.45, "counterclockwise": 0.45, "it does not turn": 0.05, "back and forth": 0.05}
TOWNS = ("ALTA", "BREK", "CORA", "DUNE", "ELMO", "FARO", "GATE", "HILL", "ISLE", "JUNO", "KERN", "LIMA")
BEARINGS = ("north", "east", "south", "west")
MONTHS = ("JAN", "MAR", "MAY", "JUL", "SEP", "NOV")


def draw_nature(rng: random.Random) -> Item:
    """What eats what in a food chain, or where pushes move a box."""
    if rng.random() < 0.5:
        chain = [rng.choice(level) for level in LEVELS]
        at, eaten = rng.randrange(3), rng.random() < 0.5
        asked, level = (chain[at + 1], at) if eaten else (chain[at], at + 1)
        answer = chain[level]
        texts = [answer, *rng.sample([name for name in LEVELS[level] if name != answer], 3)]
        rng.shuffle(texts)
        scene: dict[str, Any] = {"kind": "chain", "names": chain, "ground": rng.randrange(3)}
        question = (
            f"What does the {asked} eat in this food chain?" if eaten else f"What eats the {asked} in this food chain?"
        )
        chain_text = "; ".join(f"the {eaten} is eaten by the {eater}" for eaten, eater in itertools.pairwise(chain))
        return Item(
            question=question,
            scene=scene,
            description=f"A food chain with arrows from what is eaten to what eats it: {chain_text}.",
            reasoning=f"The {answer} is eaten by the {asked}." if eaten else f"The {asked} is eaten by the {answer}.",
            category=CATEGORY,
            l2_category="biology & chemistry & physics",
            focus="who eats whom",
            **Choice(answer, tuple(texts), texts[0], 0.25).fields(),
        )
    choice = draw_choice(rng, MOTIONS)
    left, right, lift = rng.randint(2, 20), rng.randint(2, 20), 0
    if choice.answer == "it does not move":
        right = left
    elif choice.answer == "upwards":
        right, lift = left, rng.randint(2, 20)
    else:
        small, large = sorted(rng.sample(range(2, 21), 2))
        left, right = (small, large) if choice.answer == "to the left" else (large, small)
    scene = {
        "kind": "pushes",
        "from_left": left,
        "from_right": right,
        "lift": lift,
        "colour": rng.choice(("red", "orange", "teal", "purple")),
    }
    up = f" A third of {lift} N pushes it up." if lift else ""
    return Item(
        question="Where does the box move?",
        scene=scene,
        description=f"A box. A force of {left} N pushes it to the right and one of {right} N to the left.{up}",
        reasoning=f"{left} N to the right against {right} N to the left{f', and {lift} N upwards' if lift else ''}, "
        f"so the answer is: {choice.answer}.",
        category=CATEGORY,
        l2_category="biology & chemistry & physics",
        focus="the forces and their directions",
        **choice.fields(),
    )


def render_chain(scene: dict[str, Any]) -> Image.Image:
    """A food chain of four, 224 pixels square."""
    ground = ((230, 240, 222), (226, 236, 244), (244, 238, 224))[scene["ground"]]
    canvas = Canvas(background=ground)
    places = ((62, 40), (162, 84), (62, 134), (162, 182))
    for (x0, y0), (x1, y1) in itertools.pairwise(places):
        middle = (x1, y0)
        canvas.line([(x0 + (50 if x1 > x0 else -50), y0), middle], INK, 2)
        arrow(canvas, middle, (x1, y1), 0, 18)
    for (x, y), name in zip(places, scene["names"], strict=True):
        canvas.rectangle(x - 48, y - 16, x + 48, y + 16, shade("green", -20), 16)
        canvas.rectangle(x - 46, y - 14, x + 46, y + 14, shade("green", 75), 14)
        write(canvas, name, x, y, 11, INK)
    return canvas.finish()


def render_pushes(scene: dict[str, Any]) -> Image.Image:
    """A box and the forces on it, 224 by 160 pixels."""
    canvas = Canvas(224, 160, (244, 244, 240))
    canvas.rectangle(0, 128, 224, 160, (206, 200, 188))
    with canvas.mark("thing", "crate", scene["colour"]):
        canvas.rectangle(84, 72, 140, 128, shade(scene["colour"], -35), 3)
        canvas.rectangle(86, 74, 138, 126, scene["colour"], 3)
    arrow(canvas, (18, 100), (84, 100), 0, 0)
    write(canvas, f"{scene['from_left']} N", 44, 84, 12, INK)
    arrow(canvas, (206, 100), (140, 100), 0, 0)
    write(canvas, f"{scene['from_right']} N", 182, 84, 12, INK)
    if scene["lift"]:
        arrow(canvas, (112, 70), (112, 18), 0, 0)
        write(canvas, f"{scene['lift']} N", 146, 34, 12, INK)
    return canvas.finish()


def draw_machine(rng: random.Random) -> Item:
    """Which way the last gear turns, or which lamp of a circuit is on."""
    if rng.random() < 0.5:
        choice = draw_choice(rng, TURNS)
        jammed, rocking = choice.answer == "it does not turn", choice.answer == "back and forth"
        count = rng.randint(2, 4)
        wanted = rng.choice(("clockwise", "counterclockwise")) if jammed or rocking else choice.answer
        first = wanted if count % 2 == 1 else {"clockwise": "counterclockwise", "counterclockwise": "clockwise"}[wanted]
        scene: dict[str, Any] = {
            "kind": "gears",
            "count": count,
            "first": "back and forth" if rocking else first,
            "apart": jammed,
            "colours": rng.sample(("red", "blue", "orange", "green", "purple", "teal", "gray"), count),
        }
        joined = "the last gear does not touch the others" if jammed else "each touches the next"
        how = "is moved back and forth" if rocking else f"turns {first}"
        return Item(
            question="How does the last gear on the right turn?",
            scene=scene,
            description=f"A row of {count} gears; {joined}. The first gear on the left {how}.",
            reasoning=f"The first gear {how} and {joined}, neighbours turn against each other, "
            f"so the answer is: {choice.answer}.",
            category=CATEGORY,
            l2_category="electronics & energy & mechanical eng.",
            focus="the gears, whether they touch, and the arrow",
            **choice.fields(),
        )
    closed = rng.randrange(4)
    colours = rng.sample(("red", "blue", "green", "purple", "orange", "teal"), 4)
    texts = list(colours)
    rng.shuffle(texts)
    scene = {"kind": "circuit", "colours": colours, "closed": closed, "volts": rng.choice((3, 6, 9, 12))}
    lamps = ", ".join(f"the {colour} lamp {'closed' if k == closed else 'open'}" for k, colour in enumerate(colours))
    return Item(
        question="Which lamp is lit in this circuit?",
        scene=scene,
        description=f"A battery of {scene['volts']} V and four branches, each with a lamp and a switch: {lamps}.",
        reasoning=f"Only the switch of the {colours[closed]} lamp is closed, so the {colours[closed]} lamp is lit.",
        category=CATEGORY,
        l2_category="electronics & energy & mechanical eng.",
        focus="the switches and the lamps",
        **Choice(colours[closed], tuple(texts), texts[0], 0.25).fields(),
    )


def render_gears(scene: dict[str, Any]) -> Image.Image:
    """A row of gears, the first with an arrow, 256 by 144 pixels."""
    canvas = Canvas(256, 144, (240, 240, 236))
    count = scene["count"]
    step, radius = 52, 24
    left = 128 - step * (count - 1) / 2
    for k, colour in enumerate(scene["colours"]):
        y = 84 + (38 if scene["apart"] and k == count - 1 else 0) - (12 if scene["apart"] else 0)
        x = left + step * k
        for dx, dy in DIAL:
            turn = k % 2  # teeth of neighbours stand in each other's gaps
            dx, dy = (dx, dy) if not turn else ((dx * 966 - dy * 259) // 1000, (dx * 259 + dy * 966) // 1000)
            canvas.disc(x + dx * 25 / 1000, y + dy * 25 / 1000, 5, shade(colour, -25))
        with canvas.mark("thing", "gear", colour):
            canvas.disc(x, y, radius, shade(colour, -25))
            canvas.disc(x, y, radius - 3, shade(colour, 25))
            canvas.disc(x, y, 6, INK)
    y = 84 - (12 if scene["apart"] else 0)
    top = y - 40
    canvas.line([(left - 18, top + 10), (left - 10, top + 2), (left + 10, top + 2), (left + 18, top + 10)], INK, 2.5)
    ends = {"clockwise": (1,), "counterclockwise": (-1,), "back and forth": (1, -1)}[scene["first"]]
    for side in ends:
        x = left + 20 * side
        canvas.polygon([(x + 3 * side, top + 14), (x - 8 * side, top + 10), (x + 1 * side, top)], INK)
    return canvas.finish()


def render_circuit(scene: dict[str, Any]) -> Image.Image:
    """A battery and four branches with a switch and a lamp each, 224 pixels square."""
    canvas = Canvas(background=(248, 248, 244))
    canvas.line([(30, 30), (30, 196), (206, 196)], INK, 2.5)
    canvas.line([(206, 30), (206, 196)], INK, 2.5)
    canvas.rectangle(16, 88, 44, 140, (70, 74, 84), 4)
    canvas.rectangle(24, 82, 36, 90, (190, 150, 60))
    write(canvas, f"{scene['volts']}V", 30, 114, 8, "white")
    for k, colour in enumerate(scene["colours"]):
        y = 30 + 44 * k
        canvas.line([(30, y), (84, y)], INK, 2.5)
        end = (112, y) if k == scene["closed"] else (108, y - 18)
        with canvas.mark("thing", "closed switch" if k == scene["closed"] else "open switch"):
            canvas.line([(84, y), end], (170, 60, 40), 3)
            canvas.disc(84, y, 3, INK)
            canvas.disc(112, y, 3, INK)
        canvas.line([(112, y), (206, y)], INK, 2.5)
        with canvas.mark("thing", "bulb", colour):
            canvas.disc(160, y, 14, INK)
            canvas.disc(160, y, 12, colour)
    return canvas.finish()


def draw_map(rng: random.Random) -> Item:
    """Which town lies in a direction from another, or which month is the wettest."""
    if rng.random() < 0.5:
        towns = rng.sample(TOWNS, 5)
        bearing = rng.randrange(4)
        answer = towns[1 + bearing]
        texts = towns[1:]
        rng.shuffle(texts)
        scene: dict[str, Any] = {
            "kind": "map",
            "towns": towns,
            "north": rng.randrange(4),
            "land": rng.randrange(3),
            "jitter": [[rng.randint(-7, 7), rng.randint(-7, 7)] for _ in towns],
        }
        text = "; ".join(f"{towns[1 + k]} lies to the {BEARINGS[k]}" for k in range(4))
        return Item(
            question=f"Which town lies to the {BEARINGS[bearing]} of {towns[0]}? Mind the compass.",
            scene=scene,
            description=f"A map with a compass. From {towns[0]}, in the middle, {text}.",
            reasoning=f"From {towns[0]}, {answer} lies to the {BEARINGS[bearing]}.",
            category=CATEGORY,
            l2_category="geography & earth science & agriculture",
            focus="the towns and the compass",
            **Choice(answer, tuple(texts), texts[0], 0.25).fields(),
        )
    rain = rng.sample(range(2, 20), 6)
    wet = rng.random() < 0.5
    best = rain.index(max(rain) if wet else min(rain))
    texts = [MONTHS[best], *rng.sample([month for month in MONTHS if month != MONTHS[best]], 3)]
    rng.shuffle(texts)
    scene = {"kind": "climate", "rain": rain, "warmth": [rng.randint(3, 19) for _ in rain]}
    text = ", ".join(f"{month} {10 * value} mm" for month, value in zip(MONTHS, rain, strict=True))
    word = "most" if wet else "least"
    return Item(
        question=f"In which month does the {word} rain fall?",
        scene=scene,
        description=f"A climate chart with blue bars for rain and a red line for warmth. Rain: {text}.",
        reasoning=f"The {word} rain, {10 * rain[best]} mm, falls in {MONTHS[best]}.",
        category=CATEGORY,
        l2_category="geography & earth science & agriculture",
        focus="the rain of each month",
        **Choice(MONTHS[best], tuple(texts), texts[0], 0.25).fields(),
    )


def render_map(scene: dict[str, Any]) -> Image.Image:
    """A map of five towns with a compass that need not point up, 224 pixels square."""
    land = ((226, 236, 206), (240, 230, 204), (222, 234, 224))[scene["land"]]
    canvas = Canvas(background=(186, 214, 234))
    canvas.ellipse(-20, 6, 236, 232, shade(land, -10))
    canvas.ellipse(-14, 12, 230, 226, land)
    canvas.line([(0, 150), (60, 140), (120, 168), (224, 150)], (150, 190, 220), 5)
    around = ((0, -72), (72, 0), (0, 72), (-72, 0))
    north = scene["north"]
    for k, (name, (dx, dy)) in enumerate(zip(scene["towns"], scene["jitter"], strict=True)):
        # Town k + 1 lies in bearing k; where north points decides where on the page that is.
        x, y = (112, 112) if k == 0 else tuple(112 + side for side in around[(k - 1 + north) % 4])
        x, y = (x, y) if k == 0 else (x + dx, y + dy)
        with canvas.mark("thing", "town", "red" if k == 0 else "white"):
            canvas.disc(x, y, 6, INK)
            canvas.disc(x, y, 4, "red" if k == 0 else "white")
        write(canvas, name, x, y + 15, 11, INK)
    dx, dy = around[north]
    dx, dy = dx * 18 // 72, dy * 18 // 72
    canvas.disc(192, 34, 25, (252, 250, 240))
    canvas.line([(192 - dx, 34 - dy), (192, 34)], (140, 142, 150), 4)
    canvas.line([(192, 34), (192 + dx * 2 // 3, 34 + dy * 2 // 3)], "red", 4)
    write(canvas, "N", 192 + dx * 7 // 6, 34 + dy * 7 // 6, 10, (170, 20, 20))
    return canvas.finish()


def render_climate(scene: dict[str, Any]) -> Image.Image:
    """A climate chart of six months, 256 by 200 pixels."""
    canvas = Canvas(256, 200, (252, 252, 250))
    canvas.line([(36, 20), (36, 170), (248, 170)], INK, 2)
    for value in (5, 10, 15):
        canvas.line([(36, 170 - 7 * value), (248, 170 - 7 * value)], (224, 224, 224), 1)
        write(canvas, str(10 * value), 19, 170 - 7 * value, 8, (110, 112, 118))
    points = []
    for k, (month, rain, warmth) in enumerate(zip(MONTHS, scene["rain"], scene["warmth"], strict=True)):
        x = 58 + 34 * k
        with canvas.mark("thing", "bar", "blue"):
            canvas.rectangle(x - 11, 170 - 7 * rain, x + 11, 169, (70, 130, 210))
        points.append((x, 170 - 7 * warmth))
        write(canvas, month, x, 184, 9, INK)
    canvas.line(points, (206, 60, 50), 2.5)
    write(canvas, "MM", 18, 20, 9, (70, 130, 210))
    return canvas.finish()
