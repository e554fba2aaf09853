"""Phrases that single out one thing of a scene, in the spirit of RefCOCO, RefCOCO+ and RefCOCOg.

RefCOCO's may use a side of the picture, RefCOCO+'s only what a thing looks like, RefCOCOg's are longer and
relate it to another thing. What can be known blind is which box is most likely: that of an average thing of the
shape named, in one of the places that the phrase leaves open.
"""

import random
from collections.abc import Callable
from functools import lru_cache

from sightscale.tasks.mini.drawing import (
    RELATIONS,
    SHAPES,
    SIZES,
    Thing,
    describe_things,
    draw_things,
    scene_of,
    things_of,
)
from sightscale.tasks.mini.items import Item, Scene

SIDE = 224
JITTER = range(-5, 6)  # how far a thing may stand from the middle of its place, each way
ZONES: dict[str, Callable[[Thing], bool]] = {
    "on the left side": lambda thing: thing.column == 0,
    "on the right side": lambda thing: thing.column == 2,
    "in the top row": lambda thing: thing.row == 0,
    "in the bottom row": lambda thing: thing.row == 2,
}
MIDDLE = 4
# A place that is as likely as any other the phrase leaves open: the middle of the row or column named. What is left
# of another thing stands in the left column in two cases of three.
ZONE_GUESSES = {"on the left side": 3, "on the right side": 5, "in the top row": 1, "in the bottom row": 7}
LOOKS = (("colour", "shape"), ("texture", "shape"), ("size", "colour", "shape"), ("texture", "colour", "shape"))
RELATION_GUESSES = {"left of": 3, "right of": 5, "above": 1, "below": 7}
Box = tuple[float, float, float, float]


def tight_box(thing: Thing) -> Box:
    """The thing's box in pixels: left, top, right, bottom, as its shape fills it."""
    left, top, right, bottom = _extent(thing.shape)
    (x, y), unit = thing.centre, SIZES[thing.size] / 200
    return x + left * unit, y + top * unit, x + right * unit, y + bottom * unit


def _extent(shape: str) -> tuple[float, float, float, float]:
    points = SHAPES.get(shape, ((-100, -100), (100, 100)))
    across, down = [x for x, _ in points], [y for _, y in points]
    return min(across), min(down), max(across), max(down)


@lru_cache
def best_size(shape: str) -> tuple[int, float]:
    """The size of the box, about a place's middle, that reaches an IoU of 0.5 most often, and how often.

    Every size and every offset that a thing may have is tried, so the share is exact for boxes of that form.
    """
    left, top, right, bottom = _extent(shape)
    best = (0, 0.0)
    for guess in range(20, 70):
        hits = 0
        for size in SIZES.values():
            for dx in JITTER:
                for dy in JITTER:
                    guessed = tuple(side * guess / 200 for side in (left, top, right, bottom))
                    target = (
                        dx + left * size / 200,
                        dy + top * size / 200,
                        dx + right * size / 200,
                        dy + bottom * size / 200,
                    )
                    hits += _iou(guessed, target) >= 0.5
        share = hits / (len(SIZES) * len(JITTER) ** 2)
        if share > best[1]:
            best = guess, share
    return best


def _iou(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    across = min(first[2], second[2]) - max(first[0], second[0])
    down = min(first[3], second[3]) - max(first[1], second[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    return both / (
        (first[2] - first[0]) * (first[3] - first[1]) + (second[2] - second[0]) * (second[3] - second[1]) - both
    )


def draw_refcoco(rng: random.Random) -> Item:
    """A short phrase, in two of five cases with a side of the picture."""
    if rng.random() >= 0.4:
        return draw_refcoco_plus(rng)
    while True:
        things = draw_things(rng, rng.randint(5, 8), distinct=False)
        zone = rng.choice(list(ZONES))
        inside = [thing for thing in things if ZONES[zone](thing)]
        fitting = [
            thing
            for thing in inside
            if _alone(thing, inside, "shape", "colour") and not _alone(thing, things, "shape", "colour")
        ]
        if fitting:
            target = rng.choice(fitting)
            phrase = f"{target.colour} {target.shape} {zone}"
            return _item(_ground(rng, things), things, target, phrase, ZONE_GUESSES[zone], 1 / 3)


def draw_refcoco_plus(rng: random.Random) -> Item:
    """A phrase of looks alone."""
    while True:
        things = draw_things(rng, rng.randint(5, 8), distinct=False)
        target = rng.choice(things)
        for parts in LOOKS:
            if _alone(target, things, *parts) and ("size" in parts or rng.random() < 0.6):
                phrase = " ".join(getattr(target, part) for part in parts)
                return _item(_ground(rng, things), things, target, phrase, MIDDLE, 1 / 9)


def draw_refcocog(rng: random.Random) -> Item:
    """A longer phrase that relates the thing to another."""
    while True:
        things = draw_things(rng, rng.randint(5, 8), distinct=False)
        target, other = rng.sample(things, 2)
        relation = next((name for name, holds in RELATIONS.items() if holds(target, other)), None)
        if relation and _alone(other, things, "colour", "shape"):
            same = [
                thing
                for thing in things
                if (thing.colour, thing.shape) == (target.colour, target.shape) and RELATIONS[relation](thing, other)
            ]
            if len(same) == 1:
                phrase = f"the {target.colour} {target.shape} that is {relation} the {other.colour} {other.shape}"
                return _item(_ground(rng, things), things, target, phrase, RELATION_GUESSES[relation], 2 / 9)


def ask_phrases(rng: random.Random, scene: Scene) -> list[Item]:
    """A phrase of looks for each thing of a scene that has one, and those with a side or a relation."""
    things = things_of(scene)
    items = []
    for target in things:
        looks = [parts for parts in LOOKS if _alone(target, things, *parts)]
        if looks:
            phrase = " ".join(getattr(target, part) for part in rng.choice(looks))
            items.append(_item(scene, things, target, phrase, MIDDLE, 1 / 9))
        same = [thing for thing in things if (thing.colour, thing.shape) == (target.colour, target.shape)]
        for zone, holds in ZONES.items():
            if len(same) > 1 and [thing for thing in same if holds(thing)] == [target]:
                phrase = f"{target.colour} {target.shape} {zone}"
                items.append(_item(scene, things, target, phrase, ZONE_GUESSES[zone], 1 / 3))
        for other in things:
            relation = next((name for name, holds in RELATIONS.items() if holds(target, other)), None)
            if not relation or other is target or not _alone(other, things, "colour", "shape"):
                continue
            if [thing for thing in same if RELATIONS[relation](thing, other)] == [target]:
                phrase = f"the {target.colour} {target.shape} that is {relation} the {other.colour} {other.shape}"
                items.append(_item(scene, things, target, phrase, RELATION_GUESSES[relation], 2 / 9))
    return items


def _ground(rng: random.Random, things: list[Thing]) -> Scene:
    return scene_of(things, rng.choice(("paper", "sky", "meadow", "sand")))


def _alone(thing: Thing, things: list[Thing], *parts: str) -> bool:
    look = [getattr(thing, part) for part in parts]
    return sum([getattr(other, part) for part in parts] == look for other in things) == 1


def _item(scene: Scene, things: list[Thing], target: Thing, phrase: str, place: int, chance: float) -> Item:
    """The item, with the likeliest place that the phrase leaves open and the chance that the thing is there."""
    box = tight_box(target)
    text = write_fractions(box)
    guess, share = best_size(target.shape)
    left, top, right, bottom = (side * guess / 200 for side in _extent(target.shape))
    x, y = Thing(target.shape, target.colour, target.size, target.texture, place).centre
    return Item(
        question=phrase,
        answer=text,
        scene=scene,
        description=f"{describe_things(things)} The {phrase} has the box {text}.",
        reasoning=f"The {phrase} is the {target.name} with the box {text}.",
        category="grounding",
        focus="the position of each object",
        blind_answer=write_fractions((x + left, y + top, x + right, y + bottom)),
        blind_probability=share * chance,
        extra={"bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]},
    )


def write_fractions(box: Box) -> str:
    """A box as an answer gives it: in fractions of the picture's sides, three places after the point."""
    return f"[{', '.join(f'{min(1.0, max(0.0, side / SIDE)):.3f}' for side in box)}]"
