"""Classes, in the spirit of ImageNet: one thing, to be named without options."""

import random
from dataclasses import replace

from sightscale.tasks.mini.items import Item
from sightscale.tasks.mini.sets.mmstar_fine import HOLDABLE, draw_recognition

# Names as the hub's ImageNet writes them: synonyms with commas between them.
SYNONYMS = {
    "house": "house, cottage, home",
    "car": "car, automobile",
    "boat": "boat, sailboat, ship",
    "cup": "cup, mug",
    "hat": "hat, top hat",
    "bicycle": "bicycle, bike",
    "mushroom": "mushroom, toadstool",
    "dog": "dog, puppy",
    "cat": "cat, kitty",
    "lamp": "lamp, table lamp",
    "book": "book, notebook",
}
CLASSES = tuple(sorted(HOLDABLE))
NAMES = tuple(SYNONYMS.get(name, name) for name in CLASSES)


def draw_class(rng: random.Random) -> Item:
    """One thing on a table; blind, each class is as likely as another."""
    item = draw_recognition(rng)
    return replace(
        item,
        options=(),
        question="What is the main object in the image?",
        category="imagenet",
        l2_category="",
        blind_answer=CLASSES[0],
        blind_probability=1 / len(CLASSES),
        extra={"label": CLASSES.index(item.answer)},
    )
