"""Drills: scenes to learn on, which no task asks about: one thing, then a few, before the crowds of the other sets."""

import random

from sightscale.tasks.mini.drawing import draw_things, scene_of
from sightscale.tasks.mini.items import Item
from sightscale.tasks.mini.sets.refcoco import ask_phrases

GROUNDS = ("paper", "sky", "meadow", "sand")


def draw_few(rng: random.Random) -> Item:
    """A phrase for one of up to three things."""
    things = draw_things(rng, rng.randint(1, 3))
    return rng.choice(ask_phrases(rng, scene_of(things, rng.choice(GROUNDS))))
