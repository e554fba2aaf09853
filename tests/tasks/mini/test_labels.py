"""Marks and labels: what the drawing code knows of a picture agrees with its scene and with its pixels."""

import random

import numpy as np
import pytest

from sightscale.tasks.mini import DRILLS, SETS, ask_items, draw_item, draw_marks, label_scene, scenes_of
from sightscale.tasks.mini.drawing import COLOURS, rgb, things_of
from sightscale.tasks.mini.labels import NOTHING, PATCH_LABELS, WHOLE_LABELS
from sightscale.tasks.mini.registry import ASKED
from sightscale.tasks.mini.rendering import render

ALL = [name for name in (*SETS, *DRILLS) if name != "mmstar"]


@pytest.mark.parametrize("name", ALL)
def test_every_scene_has_its_own_picture_and_boxes_inside_it(name: str) -> None:
    for i in range(3):
        for scene in scenes_of(draw_item(name, "train", 0, i).scene):
            marks, (width, height) = draw_marks(scene)
            labelled = label_scene(scene, 7)
            assert labelled.picture.tobytes() == render(scene).tobytes()  # marking changes no pixel
            assert tuple(labelled.patches) == PATCH_LABELS and set(labelled.whole) == set(WHOLE_LABELS)
            for mark in marks:
                left, top, right, bottom = mark.box
                assert 0 <= left < right <= width and 0 <= top < bottom <= height
            covered = ~np.isnan(labelled.boxes[..., 0])
            assert (covered == (labelled.patches["thing"] != NOTHING)).all()


def test_a_things_mark_has_its_looks_and_its_box_is_where_its_colour_is() -> None:
    for i in range(10):
        scene = draw_item("refcoco/val", "train", 1, i).scene
        marks, _ = draw_marks(scene)
        things = things_of(scene)
        assert sorted((mark.name, mark.colour, mark.texture) for mark in marks) == sorted(
            (thing.shape, thing.colour, thing.texture) for thing in things
        )
        pixels = np.asarray(render(scene).convert("RGB")).astype(int)
        for mark in marks:
            near = np.abs(pixels - np.array(rgb(COLOURS[mark.colour]))).sum(-1) < 12
            left, top, right, bottom = (round(side) for side in mark.box)
            inside = near[top : bottom + 1, left : right + 1].sum()
            assert inside > 0.1 * (right - left) * (bottom - top)


def test_words_and_letters_stand_where_they_are_written() -> None:
    scene = draw_item("in_domain/TextVQA", "train", 0, 0).scene
    marks, _ = draw_marks(scene)
    words = {mark.name for mark in marks if mark.kind == "word"}
    assert {word for word, _, _ in scene["signs"]} <= words
    for word in (mark for mark in marks if mark.kind == "word"):
        inside = sorted(
            (mark.box[0], mark.name)
            for mark in marks
            if mark.kind == "letter"
            and word.box[0] - 0.01 <= mark.box[0]
            and mark.box[2] <= word.box[2] + 0.01
            and word.box[1] - 0.01 <= mark.box[1]
            and mark.box[3] <= word.box[3] + 0.01
        )
        assert "".join(name for _, name in inside) == word.name


def test_what_can_no_longer_be_seen_has_no_label() -> None:
    spoiled = [draw_item("in_domain/VizWiz", "train", 0, i).scene for i in range(60)]
    hidden = [scene for scene in spoiled if scene["flaw"] in ("covered", "black", "smeared")]
    assert hidden and all((label_scene(scene, 7).patches["word"] == NOTHING).all() for scene in hidden)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_question_that_could_be_asked_is_about_the_same_picture_and_right(name: str) -> None:
    several = (draw_item(name, "train", 2, i) for i in range(20))  # a drill with one thing in it asks one question
    item = next(one for one in several if len(ask_items(name, one, random.Random(0))) > 1)
    asked = ask_items(name, item, random.Random(0))
    assert len({one.question for one in asked}) > 1
    for one in asked:
        assert render(one.scene).tobytes() == render(item.scene).tobytes()
        assert not one.options or one.answer in one.options
    same = [one for one in asked if one.question == item.question]
    assert all(one.answer == item.answer for one in same)
