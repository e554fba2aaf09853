"""Composed relations, in the spirit of GQA: questions of one and two hops over a scene of shapes.

Every phrase in a question singles out exactly one thing of its scene.
"""

import random
from collections.abc import Sequence

from sightscale.tasks.mini.drawing import (
    COLOUR_NAMES,
    RELATIONS,
    SHAPE_NAMES,
    Thing,
    describe_things,
    draw_things,
    scene_of,
    things_of,
)
from sightscale.tasks.mini.items import Choice, Item, Scene, complete_choice, draw_choice
from sightscale.tasks.mini.words import a


def neighbours(things: Sequence[Thing], relation: str, of: Thing) -> list[Thing]:
    """The things that stand in the relation to `of`."""
    return [thing for thing in things if thing is not of and RELATIONS[relation](thing, of)]


def name_by(attribute: str, thing: Thing, things: Sequence[Thing]) -> str | None:
    """A phrase with one attribute that fits this thing alone; None if another shares it.

    Anchors of a colour question are named by shape and those of a shape question by colour, so that nothing in
    the question tells anything about the answer.
    """
    value = getattr(thing, attribute)
    if sum(getattr(each, attribute) == value for each in things) > 1:
        return None
    return value if attribute == "shape" else f"{value} object"


def draw_relation(rng: random.Random) -> Item:
    """A question about the thing that stands in a relation to another, or to another's neighbour."""
    while True:
        asked = rng.choice(("colour", "shape"))
        choice = draw_choice(rng, COLOUR_NAMES if asked == "colour" else SHAPE_NAMES)
        item = _build(rng, asked, choice)
        if item is not None:
            return item


def _build(rng: random.Random, asked: str, choice: Choice) -> Item | None:
    """An item whose answer is the one drawn, or None where this draw of a scene has no such question."""
    for _ in range(40):
        things = draw_things(rng, rng.randint(4, 6))
        hops = _hops("shape" if asked == "colour" else "colour", things)
        rng.shuffle(hops)
        for target, phrase, steps in hops:
            if getattr(target, asked) == choice.answer:
                scene = scene_of(things, rng.choice(("paper", "sky", "meadow", "sand")))
                return _item(scene, things, asked, choice, (target, phrase, steps))
    return None


def ask_relations(rng: random.Random, scene: Scene) -> list[Item]:
    """Every question of one and two hops about a scene of shapes."""
    things, items = things_of(scene), []
    for asked, names in (("colour", COLOUR_NAMES), ("shape", SHAPE_NAMES)):
        for hop in _hops("shape" if asked == "colour" else "colour", things):
            choice = complete_choice(rng, getattr(hop[0], asked), dict.fromkeys(names, 1.0))
            items.append(_item(scene, things, asked, choice, hop))
    return items


def _item(scene: Scene, things: Sequence[Thing], asked: str, choice: Choice, hop: tuple[Thing, str, str]) -> Item:
    target, phrase, steps = hop
    what = "What shape is the object" if asked == "shape" else f"What color is the {target.shape}"
    return Item(
        question=f"{what} {phrase}?",
        scene=scene,
        description=describe_things(things),
        reasoning=f"{steps} It is {a(choice.answer) if asked == 'shape' else choice.answer}.",
        category="GQA",
        focus=f"the objects, their {asked.replace('colour', 'color')}s and positions",
        **choice.fields(),
    )


def _hops(named_by: str, things: Sequence[Thing]) -> list[tuple[Thing, str, str]]:
    """Things that a phrase of one or two relations singles out, with the phrase and how it is followed."""
    phrases: list[tuple[Thing, str, str]] = []
    for anchor in things:
        name = name_by(named_by, anchor, things)
        if name is None:
            continue
        for relation in RELATIONS:
            near = neighbours(things, relation, anchor)
            if len(near) != 1:
                continue
            (middle,) = near
            first = f"The object {relation} the {name} is the {middle.name}."
            phrases.append((middle, f"{relation} the {name}", first))
            for second in RELATIONS:
                far = neighbours(things, second, middle)
                if len(far) == 1 and far[0] is not anchor:
                    steps = f"{first} The object {second} that is the {far[0].name}."
                    phrases.append((far[0], f"{second} the object that is {relation} the {name}", steps))
    return phrases
