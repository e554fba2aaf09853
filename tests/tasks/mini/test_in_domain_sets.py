"""The six in-domain sets of the mini suite: schema, what is known blind, splits, pictures, wording."""

import hashlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from lmms_eval.tasks import TaskManager

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.easy_vqa.rows import FEATURES
from sightscale.tasks.mini import QUESTIONS, build_rows, draw_item, iterate_items
from sightscale.tasks.mini.drawing.scenes import RELATIONS, things_of
from sightscale.tasks.mini.items import scene_key, split_of
from sightscale.tasks.mini.rendering import render
from sightscale.tasks.mini.rows import TRUTH
from sightscale.tasks.mini.sets.scienceqa import facts
from sightscale.tasks.mini.sets.vizwiz import UNANSWERABLE
from sightscale.tasks.multiple_choice import process_results
from sightscale.tasks.sources import DATA

NAMES = tuple(f"in_domain/{name}" for name in ("OCRVQA", "TextVQA", "ScienceQA", "VQAv2", "GQA", "VizWiz"))
PIXELS = Path(__file__).parent / "golden_pixels.txt"


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_vmcbenchs_schema_and_the_truth_beside_it(name: str) -> None:
    rows = build_rows(name, n=12)
    assert {key: value for key, value in rows.features.items() if key not in TRUTH} == dict(FEATURES)
    for row in rows:
        options = [row[letter] for letter in "ABCD"]
        assert len(set(options)) == 4 and None not in options
        assert row["category"] == name.split("/")[1]
        assert row["image"].size == (224, 224) and row["image"].mode == "RGB"
        assert 0 < row["blind_probability"] <= 1 and row["blind_answer"] in "ABCD"
    right = process_results(rows[0], [rows[0]["answer"]])
    assert right["accuracy"] == 1 and right["truth_description"] == rows[0]["truth_description"]


@pytest.mark.parametrize("name", NAMES)
def test_the_best_blind_guess_is_right_as_often_as_stated(name: str) -> None:
    items = list(iterate_items(name, "test", 1500, seed=7))
    stated = sum(item.blind_probability for item in items)
    spread = sum(item.blind_probability * (1 - item.blind_probability) for item in items) ** 0.5
    right = sum(item.blind_answer == item.answer for item in items)
    assert abs(right - stated) < 3.3 * spread + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_letters_are_balanced_and_the_most_frequent_one_is_no_guess(name: str) -> None:
    letters = Counter(item.letter for item in iterate_items(name, "test", 1500))
    assert max(letters.values()) / 1500 < 0.29


@pytest.mark.parametrize("name", NAMES)
def test_train_and_test_share_no_scene(name: str) -> None:
    test = {scene_key(item.scene) for item in iterate_items(name, "test", 500)}
    train = {scene_key(item.scene) for seed in (0, 1) for item in iterate_items(name, "train", 500, seed)}
    assert not test & train
    assert all(split_of(item.scene) == "test" for item in iterate_items(name, "test", 50, seed=3))


@pytest.mark.parametrize("name", NAMES)
def test_the_description_holds_the_answer_and_the_reasoning_ends_in_it(name: str) -> None:
    for item in iterate_items(name, "test", 400):
        if item.blind_probability == 1:
            assert (item.question, item.answer, item.reasoning) in facts()
        elif item.answer == UNANSWERABLE:
            assert "nothing" in item.description.lower()
        elif item.category == "OCRVQA" and "genre" in item.question:
            assert item.reasoning.split(",")[0].removeprefix("The band says ") in item.description
        else:
            assert item.answer in item.description
            assert item.answer in item.reasoning


def test_a_relation_question_singles_out_one_thing() -> None:
    for item in iterate_items("in_domain/GQA", "test", 200):
        things = things_of(item.scene)
        asked = "colour" if item.question.startswith("What color") else "shape"
        path = item.question.rstrip("?").split(" the ", 1)[1]
        hops = path.replace(" that is ", " ").split(" the ")
        anchors = [thing for thing in things if hops[-1] in (thing.shape, f"{thing.colour} object")]
        assert len(anchors) == 1, item.question
        reached = anchors
        for hop in reversed(hops[:-1]):
            relation = next(name for name in RELATIONS if hop.endswith(name))
            reached = [one for one in things if one is not reached[0] and RELATIONS[relation](one, reached[0])]
            assert len(reached) == 1, item.question
        assert getattr(reached[0], asked) == item.answer


def test_signs_of_a_street_differ_in_word_and_colour() -> None:
    for item in iterate_items("in_domain/TextVQA", "test", 300):
        words, colours, places = zip(*item.scene["signs"], strict=True)
        assert len(set(words)) == len(set(colours)) == len(set(places)) == 4


def pixel_lines() -> list[str]:
    """A line a picture: set, number, and the hash of its decoded pixels."""
    return [
        f"{name} {number} {hashlib.sha256(render(draw_item(name, 'test', 0, number).scene).tobytes()).hexdigest()}"
        for name in NAMES
        for number in range(4)
    ]


def test_pictures_are_the_same_on_every_machine() -> None:
    assert pixel_lines() == PIXELS.read_text().splitlines()


def test_pictures_are_the_same_in_another_process_with_other_hash_seeds() -> None:
    script = (
        "import hashlib; from sightscale.tasks.mini import build_rows; "
        "rows = build_rows('in_domain/VQAv2', n=3); "
        "print(hashlib.sha256(b''.join(r['image'].tobytes() + repr(r['question']).encode() for r in rows)).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_a_task_reads_mini_data_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA, "mini")
    monkeypatch.setenv(QUESTIONS, "9")
    manager = TaskManager(include_path=[str(TASK_FOLDER)], include_defaults=False)
    task = manager.load_task_or_group(["in_domain_textvqa"], task_type="chat")["in_domain_textvqa"]
    docs = task.test_docs()
    assert len(docs) == 9 and set(docs["category"]) == {"TextVQA"}
    assert task.doc_to_text(docs[0]).startswith(f"Question: {docs[0]['question']}\nOptions:\nA. ")


def test_unknown_sets_and_data_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="unknown mini set 'in_domain/Chart'"):
        build_rows("in_domain/Chart")
    monkeypatch.setenv(DATA, "tiny")
    from sightscale.tasks.sources import chosen

    with pytest.raises(ValueError, match="known: hub, mini"):
        chosen()
