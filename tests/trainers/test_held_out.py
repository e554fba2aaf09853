"""What a stage is measured on while it learns: held-out items of the train split, answer by answer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightscale.harness.study import draw_looking
from sightscale.tasks.mini.items import split_of
from sightscale.trainers.card import LOOKING, write_card
from sightscale.trainers.data import IGNORED, IMAGE, list_pictures, take_pictures
from sightscale.trainers.data.mini import MiniConversations
from sightscale.trainers.recipe import Mini, Recipe
from sightscale.trainers.train import _hold_out, _overlap, _split_answers, train


def test_held_out_items_are_of_the_train_split_and_none_that_is_learned_from() -> None:
    learned = Mini(source="mini", sets=("in_domain/GQA",), forms={"choice": 1.0}, items=40)
    lists = [list_pictures(ingredient) for ingredient in (learned, _hold_out(learned))]
    scenes = [[json.dumps(listed.item(k).scene, sort_keys=True) for k in range(40)] for listed in lists]
    assert not set(scenes[0]) & set(scenes[1])
    assert {split_of(json.loads(scene)) for scene in scenes[1]} == {"train"}


def test_each_answer_is_compared_with_what_was_predicted_for_it() -> None:
    truths = [IGNORED, IGNORED, 5, 6, IGNORED, 7, 8, IGNORED]
    guesses = [1, 2, 5, 6, 3, 7, 9, 4]
    assert _split_answers(guesses, truths) == [([5, 6], [5, 6]), ([7, 9], [7, 8])]


@pytest.mark.parametrize(
    ("guess", "right"),
    [
        ("[0.10, 0.10, 0.50, 0.50]<|im_end|>", True),
        ("[0.10, 0.10, 0.50, 0.31]<|im_end|>", True),
        ("[0.10, 0.10, 0.50, 0.29]<|im_end|>", False),
        ("[0.60, 0.60, 0.90, 0.90]<|im_end|>", False),
        ("[0.50, 0.50, 0.10, 0.10]<|im_end|>", False),
        ("a red star<|im_end|>", False),
    ],
)
def test_a_box_counts_from_half_an_overlap(guess: str, right: bool) -> None:
    assert _overlap(guess, "[0.10, 0.10, 0.50, 0.50]<|im_end|>") is right


def test_every_form_of_a_stage_is_measured_with_its_checkpoints(tmp_path: Path) -> None:
    stage: dict[str, Any] = {
        "name": "answer",
        "kind": "instruct",
        "train": {"language": 1e-3, "connector": 1e-3},
        "mixture": [
            {
                "source": "mini",
                "sets": ["drill/few"],
                "items": 6,
                "turns": 3,
                "forms": {"box": 0.5, "boxes": 0.5},
            },
            {"source": "mini", "sets": ["in_domain/GQA"], "turns": 2, "forms": {"bind": 1.0}},
        ],
        "steps": 5,
        "batch_size": 2,
        "release": "tiny",
    }
    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "summary": "as small as can be",
            "vision": {
                "image_size": 32,
                "patch_size": 16,
                "hidden_size": 8,
                "intermediate_size": 8,
                "layers": 1,
                "heads": 1,
            },
            "language": {
                "vocabulary": 600,
                "hidden_size": 8,
                "intermediate_size": 8,
                "layers": 1,
                "heads": 1,
                "key_value_heads": 1,
                "head_size": 8,
                "prompts_as_tokens": True,
            },
            "stages": [stage],
        }
    )
    train(recipe, tmp_path / "work" / "tiny", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "work" / "tiny" / "measured.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5]
    for line in lines:
        assert set(line["held_out"]) == {"bind", "box", "boxes"}
        assert set(line["held_out_blind"]) == {"box", "boxes"}  # `bind` shows nothing that could be taken away
        assert all(0 <= share <= 1 for share in (*line["held_out"].values(), *line["held_out_blind"].values()))
    (tmp_path / "card").mkdir()
    work = tmp_path / "work" / "tiny"
    write_card(recipe, "tiny", work / "log.jsonl", [], tmp_path / "card")
    card = (tmp_path / "card" / "README.md").read_text()
    assert "| what | right | without the picture |" in card and f"]({LOOKING})" in card
    assert re.search(r"^\| bind \| [\d.]+ \| – \|$", card, re.M)
    assert draw_looking(work / "measured.jsonl", tmp_path / "card" / LOOKING, "answer", "Does it look?")
    with Image.open(tmp_path / "card" / LOOKING) as picture:
        assert min(picture.size) > 100


def test_without_its_pictures_a_conversation_asks_the_same(tmp_path: Path) -> None:
    rows = MiniConversations(["nights", "in_domain/GQA"], {"similar": 1.0, "open": 1.0}, 0)
    for i in range(6):
        shown, blind = rows[i], take_pictures(rows[i])
        assert blind.pictures == () and not any(IMAGE in question for question in blind.questions)
        assert [answer for _, answer in blind.turns] == [answer for _, answer in shown.turns]
        for (asked, _), (asked_blind, _) in zip(shown.turns, blind.turns, strict=True):
            assert asked.replace(IMAGE, "") == asked_blind


def test_a_stage_that_shows_no_picture_has_no_such_curve(tmp_path: Path) -> None:
    (tmp_path / "measured.jsonl").write_text('{"stage": "text", "step": 5, "held_out": {"bind": 0.5}}\n')
    assert not draw_looking(tmp_path / "measured.jsonl", tmp_path / LOOKING, "text", "Does it look?")
    assert not (tmp_path / LOOKING).exists()
