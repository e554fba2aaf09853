"""MMStar's six categories in the mini suite: schema, axes, what is known blind, splits, pictures."""

import hashlib
import random
import re
from collections import Counter
from pathlib import Path

import pytest
from lmms_eval.tasks.mmstar.utils import eval_type_dict

from sightscale.tasks.mini import build_rows, iterate_items
from sightscale.tasks.mini.items import scene_key, split_of
from sightscale.tasks.mini.rendering import render
from sightscale.tasks.mini.rows import MMSTAR, TRUTH
from sightscale.tasks.mini.sets.mmstar import AXES, CATEGORIES

GENERATORS = {draw(random.Random(0)).l2_category: draw for axes in AXES.values() for draw in axes}
PIXELS = Path(__file__).parent / "golden_mmstar_pixels.txt"


def test_the_axes_are_mmstars_own() -> None:
    ours = {category: {draw(random.Random(0)).l2_category for draw in axes} for category, axes in AXES.items()}
    assert ours == {category: set(axes) for category, axes in eval_type_dict.items()}


def test_rows_have_mmstars_schema_and_hold_every_category_from_the_start() -> None:
    rows = build_rows("mmstar", n=12)
    assert list(rows.features) == [*MMSTAR, *TRUTH]
    assert set(rows["category"][:6]) == set(CATEGORIES) and Counter(rows["category"]) == dict.fromkeys(CATEGORIES, 12)
    assert sorted(rows["index"]) == list(range(72))
    for row in rows:
        assert re.search(
            r"(?s)\nOptions: A: .+, B: .+, C: .+, D: |\nChoices:\n\(A\) .+\n\(B\) .+\n\(C\) .+\n\(D\) ", row["question"]
        )
        assert row["answer"] in "ABCD" and row["image"].mode == "RGB" and row["meta_info"]["split"] == "test"
    assert any("Hint: " in question for question in rows["question"])
    assert any("<image 1>" in question for question in build_rows("mmstar", n=40)["question"])


@pytest.mark.parametrize("axis", GENERATORS)
def test_the_best_blind_guess_is_right_as_often_as_stated(axis: str) -> None:
    rng = random.Random(axis)
    items = [GENERATORS[axis](rng) for _ in range(1500)]
    stated = sum(item.blind_probability for item in items)
    spread = sum(item.blind_probability * (1 - item.blind_probability) for item in items) ** 0.5
    right = sum(item.blind_answer == item.answer for item in items)
    assert abs(right - stated) < 3.3 * spread
    for item in items:
        assert item.answer in item.options and len(set(item.options)) == 4
        assert item.focus and item.answer not in item.focus
    ranks = Counter(sorted(item.options).index(item.answer) for item in items if item.blind_probability == 0.25)
    if ranks:  # no place in the alphabet is the likelier one
        assert max(ranks.values()) / ranks.total() < 0.31


@pytest.mark.parametrize("category", CATEGORIES)
def test_there_are_three_hundred_and_none_is_in_both_splits(category: str) -> None:
    name = f"mmstar/{category}"
    test = list(iterate_items(name, "test", 300))
    axes = Counter(item.l2_category for item in test)
    assert len(axes) == 3 and min(axes.values()) > 60
    train = {scene_key(item.scene) for item in iterate_items(name, "train", 600)}
    assert not train & {scene_key(item.scene) for item in test}
    assert all(split_of(item.scene) == "test" for item in test)


def test_counting_questions_count_right() -> None:
    for item in iterate_items("mmstar/fine-grained perception", "test", 300):
        if item.l2_category == "object counting":
            word = item.question.removeprefix("How many ").split(" ")[0]
            singular = "cross" if word == "crosses" else word.removesuffix("s")
            count = sum(singular in (thing["shape"], thing["colour"]) for thing in item.scene["things"])
            assert str(count) == item.answer, item.question


def pixel_lines() -> list[str]:
    """A line a picture: axis, number, and the hash of its decoded pixels."""
    return [
        f"{axis} {number} {hashlib.sha256(render(draw(random.Random(number)).scene).tobytes()).hexdigest()}"
        for axis, draw in GENERATORS.items()
        for number in range(3)
    ]


def test_pictures_are_the_same_on_every_machine() -> None:
    assert pixel_lines() == PIXELS.read_text().splitlines()
