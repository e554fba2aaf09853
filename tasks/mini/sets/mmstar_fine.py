"""MMStar's fine-grained perception and instance reasoning: single things, and things compared."""

import random
from collections import Counter
from typing import Any

from PIL import Image

from sightscale.tasks.mini.drawing import (
    COLOUR_NAMES,
    PLACES,
    RELATIONS,
    SHAPE_NAMES,
    TEXTURES,
    THINGS,
    Canvas,
    Thing,
    describe_things,
    draw_thing,
    draw_things,
    scene_of,
    shade,
)
from sightscale.tasks.mini.items import Item, Scene, draw_choice
from sightscale.tasks.mini.words import a

FINE, INSTANCE = "fine-grained perception", "instance reasoning"
# How many there are of what is asked for: small numbers are the rule.
COUNTS = {"1": 0.28, "2": 0.26, "3": 0.2, "4": 0.14, "5": 0.08, "6": 0.04}
GROUNDS = ("paper", "sky", "meadow", "sand")
HOLDABLE = tuple(name for name in THINGS if name not in ("moon", "cloud", "sun"))


def draw_place(rng: random.Random) -> Item:
    """Where in the picture a thing is."""
    choice = draw_choice(rng, PLACES)
    place = PLACES.index(choice.answer)
    while True:
        things = draw_things(rng, rng.randint(5, 8))
        target = next((thing for thing in things if thing.place == place), None)
        if target and sum((thing.shape, thing.colour) == (target.shape, target.colour) for thing in things) == 1:
            break
    return Item(
        question=f"Where in the picture is the {target.colour} {target.shape}?",
        scene=scene_of(things, rng.choice(GROUNDS)),
        description=describe_things(things),
        reasoning=f"The {target.colour} {target.shape} is {choice.answer}.",
        category=FINE,
        l2_category="localization",
        focus="the positions of the objects",
        **choice.fields(),
    )


def draw_count(rng: random.Random) -> Item:
    """How many things of a shape or of a colour there are."""
    choice = draw_choice(rng, COUNTS)
    wanted, by = int(choice.answer), rng.choice(("shape", "colour"))
    value = rng.choice(SHAPE_NAMES if by == "shape" else COLOUR_NAMES)
    others = rng.randint(1, 9 - wanted)
    rest = [other for other in (SHAPE_NAMES if by == "shape" else COLOUR_NAMES) if other != value]
    places = rng.sample(range(9), wanted + others)
    things = []
    for k, place in enumerate(places):
        look = value if k < wanted else rng.choice(rest)
        shape, colour = (look, rng.choice(COLOUR_NAMES)) if by == "shape" else (rng.choice(SHAPE_NAMES), look)
        size, texture = rng.choice(("small", "large")), rng.choices(TEXTURES, weights=(4, 1, 1, 1))[0]
        things.append(Thing(shape, colour, size, texture, place, rng.randint(-5, 5), rng.randint(-5, 5)))
    things.sort(key=lambda thing: thing.place)
    noun = ("crosses" if value == "cross" else f"{value}s") if by == "shape" else f"{value} objects"
    return Item(
        question=f"How many {noun} are in the picture?",
        scene=scene_of(things, rng.choice(GROUNDS)),
        description=describe_things(things),
        reasoning=f"Counting the {noun} gives {choice.answer}.",
        category=FINE,
        l2_category="object counting",
        focus=f"the {by.replace('colour', 'color')} of every object",
        **choice.fields(),
    )


def draw_recognition(rng: random.Random) -> Item:
    """Which thing is on the table."""
    choice = draw_choice(rng, HOLDABLE)
    scene: Scene = {
        "kind": "table",
        "thing": choice.answer,
        "colour": rng.choice(("red", "orange", "green", "blue", "purple", "brown", "teal")),
        "cloth": rng.choice(("plain", "striped", "checked")),
        "size": rng.randint(84, 120),
        "dx": rng.randint(-26, 26),
        "dy": rng.randint(-10, 10),
        "wall": rng.randrange(4),
    }
    return Item(
        question="What is the main object in the picture?",
        scene=scene,
        description=f"A {scene['cloth']} cloth, and on it {a(scene['colour'])} {choice.answer}.",
        reasoning=f"The main object is {a(choice.answer)}.",
        category=FINE,
        l2_category="recognition",
        focus="the main object",
        **choice.fields(),
    )


def render_table(scene: dict[str, Any]) -> Image.Image:
    """One thing on a table cloth, 224 pixels square."""
    wall = ((232, 226, 216), (220, 230, 238), (230, 236, 222), (240, 226, 226))[scene["wall"]]
    canvas = Canvas(background=wall)
    canvas.gradient(shade(wall, 40), shade(wall, -6), 0, 150)
    cloth = (196, 170, 140)
    canvas.rectangle(0, 148, 224, 224, cloth)
    if scene["cloth"] == "striped":
        for x in range(0, 224, 22):
            canvas.rectangle(x, 148, x + 9, 224, shade(cloth, 30))
    elif scene["cloth"] == "checked":
        for row, y in enumerate(range(148, 224, 14)):
            for x in range(14 * (row % 2), 224, 28):
                canvas.rectangle(x, y, x + 13, y + 13, shade(cloth, 30))
    x, y = 112 + scene["dx"], 124 + scene["dy"]
    half = scene["size"] / 2
    canvas.ellipse(x - half * 0.8, y + half - 8, x + half * 0.8, y + half + 8, shade(cloth, -22))
    draw_thing(canvas, scene["thing"], x, y, scene["size"], scene["colour"])
    return canvas.finish()


def draw_single(rng: random.Random) -> Item:
    """The texture or the size of the one thing of a shape."""
    choice = draw_choice(rng, TEXTURES)
    while True:
        things = draw_things(rng, rng.randint(5, 7))
        alone = [thing for thing in things if sum(other.shape == thing.shape for other in things) == 1]
        alone = [thing for thing in alone if thing.texture == choice.answer]
        if alone:
            break
    target = rng.choice(alone)
    return Item(
        question=f"What is the surface of the {target.shape} like?",
        scene=scene_of(things, rng.choice(GROUNDS)),
        description=_with_plain(things),
        reasoning=f"The {target.shape} is {choice.answer}.",
        category=INSTANCE,
        l2_category="single-instance reasoning",
        focus="the surface of each object",
        **choice.fields(),
    )


def _with_plain(things: list[Thing]) -> str:
    """The description, plain surfaces named too."""
    text = describe_things(things)
    for thing in things:
        if thing.texture == "plain":
            text = text.replace(thing.name, f"{thing.size} plain {thing.colour} {thing.shape}")
    return text


def draw_shared(rng: random.Random) -> Item:
    """The colour that exactly two things share."""
    choice = draw_choice(rng, COLOUR_NAMES)
    rest = [colour for colour in COLOUR_NAMES if colour != choice.answer]
    count = rng.randint(4, 6)
    colours = [choice.answer, choice.answer, *rng.sample(rest, count - 2)]
    shapes = rng.sample(SHAPE_NAMES, count)
    places = rng.sample(range(9), count)
    things = [
        Thing(shape, colour, rng.choice(("small", "large")), rng.choice(TEXTURES), place, rng.randint(-5, 5), 0)
        for shape, colour, place in zip(shapes, colours, places, strict=True)
    ]
    first, second = things[0], things[1]
    things.sort(key=lambda thing: thing.place)
    return Item(
        question="Which color do exactly two of the objects share?",
        scene=scene_of(things, rng.choice(GROUNDS)),
        description=describe_things(things),
        reasoning=f"The {first.shape} and the {second.shape} are both {choice.answer}.",
        category=INSTANCE,
        l2_category="cross-instance attribute reasoning",
        focus="the color of each object",
        **choice.fields(),
    )


def draw_between(rng: random.Random) -> Item:
    """How one thing stands to another."""
    choice = draw_choice(rng, list(RELATIONS))
    while True:
        things = draw_things(rng, rng.randint(4, 7))
        shapes = Counter(thing.shape for thing in things)
        pairs = [
            (thing, other)
            for thing in things
            for other in things
            if thing is not other
            and shapes[thing.shape] == shapes[other.shape] == 1
            and RELATIONS[choice.answer](thing, other)
        ]
        if pairs:
            break
    first, second = rng.choice(pairs)
    return Item(
        question=f"How does the {first.shape} stand to the {second.shape}? It is … the {second.shape}.",
        scene=scene_of(things, rng.choice(GROUNDS)),
        description=describe_things(things),
        reasoning=f"The {first.shape} is {PLACES[first.place]} and the {second.shape} is {PLACES[second.place]}, "
        f"so the {first.shape} is {choice.answer} the {second.shape}.",
        category=INSTANCE,
        l2_category="cross-instance relation reasoning",
        focus="the positions of the objects",
        **choice.fields(),
    )
