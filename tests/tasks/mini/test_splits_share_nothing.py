"""Train and test: no scene of one is in the other, within each set and across them."""

from functools import cache

import pytest

from sightscale.tasks.mini import DRILLS, SETS, iterate_items
from sightscale.tasks.mini.items import Split, scene_key

ITEMS = 60
NAMES = sorted({*SETS, *DRILLS} - {"mmstar"})  # that one is the categories of its name together


@cache
def keys(name: str, split: Split) -> frozenset[str]:
    """What the items of a set and split show, as keys; of seeds as training and another test would take them."""
    return frozenset(scene_key(item.scene) for seed in (0, 7) for item in iterate_items(name, split, ITEMS, seed))


@pytest.mark.parametrize("name", NAMES)
def test_a_set_shares_no_scene_between_its_splits(name: str) -> None:
    train, test = keys(name, "train"), keys(name, "test")
    assert len(train) >= ITEMS and len(test) >= ITEMS
    assert not train & test


def test_no_set_trains_on_what_another_one_asks() -> None:
    train = {key: name for name in NAMES for key in keys(name, "train")}
    asked = {key: name for name in NAMES for key in keys(name, "test")}
    assert not {(train[key], asked[key]) for key in train.keys() & asked.keys()}
