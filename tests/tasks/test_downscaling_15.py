"""The study's fifteen tasks: scored as lmms-eval scores them, whole on the mini suite, with a known blind floor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest
from lmms_eval.tasks import TaskManager
from lmms_eval.tasks.llava_interleave_bench.utils import oe_rogue
from PIL import Image
from rouge import Rouge

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import find_card, list_tasks
from sightscale.tasks.downscaling_15.open_questions import (
    build_gqa,
    most_frequent_answer,
    score_scienceqa,
    score_textvqa,
    score_vizwiz,
    score_vqav2,
    score_whole_answer,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import build_rows, iterate_items
from sightscale.tasks.mini.sets.multi_image import BEST_GUESSES, list_answers
from sightscale.tasks.sources import follow_pointer, reading

OPEN = ("VQAv2", "VizWiz", "TextVQA", "GQA", "OCRVQA")
INTERLEAVE = ("spot_the_difference", "image_edit", "story_telling", "text_rich", "multi_image_vqa", "puzzle")


def test_the_group_runs_whole_on_the_mini_suite() -> None:
    card, cards = find_card("downscaling_15"), {card.name: card for card in list_tasks()}
    assert card.mini and card.on_mini == ("downscaling_ocrvqa",)
    members = (*card.members, *card.on_mini)
    assert len(members) == 15 and all(cards[name].mini for name in members)
    assert all(f"{name}_blind" in cards for name in members)


def test_whoever_loads_the_group_gets_what_the_mini_suite_adds() -> None:
    from sightscale.harness.evaluation import load_tasks

    with reading("mini", mini_questions=2):
        _, leaves = load_tasks(("downscaling_15",), "default")
    assert "downscaling_ocrvqa" in leaves and len(leaves) == 19  # a lock or a focus file of the group has it too


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("downscaling_vqav2", "vqav2_val"),
        ("downscaling_vizwiz", "vizwiz_vqa_val"),
        ("downscaling_textvqa", "textvqa_val"),
        ("downscaling_gqa", "gqa"),
        ("downscaling_scienceqa", "scienceqa_img"),
    ],
)
def test_prompts_and_limits_are_lmms_evals(ours: str, theirs: str) -> None:
    manager = TaskManager(include_path=[str(TASK_FOLDER)], model_name="sightscale")
    with reading("mini", mini_questions=3):
        task = manager.load_task_or_group([ours], task_type="simple")[ours]
    config = manager._get_config(theirs)
    prompts = config["lmms_eval_specific_kwargs"]["default"]
    wanted = config["doc_to_text"]
    for doc in task.test_docs():
        assert task.doc_to_text(doc) == wanted(doc, prompts)
    limits = ("max_new_tokens", "until", "do_sample", "temperature")
    for name in limits:
        if name in config["generation_kwargs"]:
            assert task.config.generation_kwargs[name] == config["generation_kwargs"][name]


ANSWERS = ["red", "red", "red", "dark red", "red", "maroon", "red", "red", "red", "crimson"]


@pytest.mark.parametrize(("response", "score"), [("red", 1.0), ("Red.", 1.0), ("maroon", 0.3), ("blue", 0.0)])
def test_answers_of_ten_people_are_scored_as_lmms_eval_scores_them(response: str, score: float) -> None:
    from lmms_eval.tasks.textvqa.utils import textvqa_process_results
    from lmms_eval.tasks.vizwiz_vqa.utils import vizwiz_vqa_process_results
    from lmms_eval.tasks.vqav2.utils import vqav2_process_results_val

    plain = {"question_id": 7, "question": "What color is it?", "answers": list(ANSWERS)}
    keyed = {**plain, "answers": [{"answer": text, "answer_id": k} for k, text in enumerate(ANSWERS)]}
    for ours, theirs, doc in (
        (score_textvqa, textvqa_process_results, plain),
        (score_vizwiz, vizwiz_vqa_process_results, plain),
        (score_vqav2, vqav2_process_results_val, keyed),
    ):
        before = str(doc)
        mine = ours(doc, [response])
        assert str(doc) == before  # lmms-eval's functions change answers in place
        copy: dict[str, Any] = {**doc, "answers": [dict(a) if isinstance(a, dict) else a for a in doc["answers"]]}
        assert mine["exact_match"] == theirs(copy, [response])["exact_match"]
        assert mine["item_id"] == "7" and mine["outcome"] == "answered"
        assert mine["exact_match"] == pytest.approx(score, abs=0.01)
    assert score_vqav2(keyed, [""])["outcome"] == "unparsed" and most_frequent_answer(plain) == "red"


def test_whole_answers_match_but_for_case_and_punctuation() -> None:
    doc = {"id": "3", "answer": "The Quiet Garden", "question": "What is the title?"}
    for response, score in (("the quiet garden.", 1.0), (" The Quiet Garden\n", 1.0), ("Quiet Garden", 0.0)):
        assert score_whole_answer(doc, [response])["exact_match"] == score
    lesson = {"question": "What?", "choices": ["a", "b"], "answer": 1, "hint": ""}
    assert [score_scienceqa(lesson, [text])["exact_match"] for text in ("B", "B. b", "b", "A")] == [1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize("name", sorted(BEST_GUESSES))
def test_the_best_guess_of_an_open_set_scores_what_is_stated(name: str) -> None:
    answers = list_answers(name)
    assert sum(answers.values()) == pytest.approx(1)
    guess, stated = BEST_GUESSES[name]
    rouge = Rouge()

    def expect(text: str) -> float:
        scores = rouge.get_scores([text] * len(answers), list(answers))
        return sum(weight * one["rouge-l"]["f"] for weight, one in zip(answers.values(), scores, strict=True))

    assert expect(guess) == pytest.approx(stated, abs=1e-4)
    for other in list(answers)[:: max(1, len(answers) // 12)]:
        assert expect(other) <= stated + 1e-4


@pytest.mark.parametrize("name", INTERLEAVE)
def test_answers_are_drawn_as_the_blind_floor_says(name: str) -> None:
    items = list(iterate_items(f"interleave/{name}", "test", 300, seed=3))
    if items[0].options:
        scores = [float(item.blind_answer == item.answer) for item in items]
    else:
        sets = {f"text_rich/{part}" for part in ("title", "author", "year")} if name == "text_rich" else {name}
        assert {item.answer for item in items} <= {text for one in sets for text in list_answers(one)}
        scores = [oe_rogue(item.answer, item.blind_answer) for item in items]
    mean, stated = sum(scores) / len(scores), sum(item.blind_probability for item in items) / len(items)
    spread = (sum((score - mean) ** 2 for score in scores) / len(scores) ** 2) ** 0.5
    assert abs(mean - stated) < 3.3 * spread + 1e-9


@pytest.mark.parametrize("name", OPEN)
def test_the_likeliest_answer_is_right_as_often_as_stated(name: str) -> None:
    items = list(iterate_items(f"open/{name}", "test", 1000, seed=4))
    hits = sum(item.answer == item.blind_answer for item in items)
    stated = sum(item.blind_probability for item in items)
    spread = sum(item.blind_probability * (1 - item.blind_probability) for item in items) ** 0.5
    assert abs(hits - stated) < 3.3 * spread
    assert not any(item.options for item in items)


def test_a_puzzles_right_picture_alone_follows_the_rule() -> None:
    for item in iterate_items("interleave/puzzle", "test", 60):
        pictures = [[(t["shape"], t["colour"], t["place"]) for t in one["things"]] for one in item.scene["pictures"]]
        shown, options = pictures[:3], pictures[3:]
        looks = {(shape, colour) for picture in shown for shape, colour, _ in picture}
        right = options[item.options.index(item.answer)]
        assert {(shape, colour) for shape, colour, _ in right} == looks and options.count(right) == 1
        counts = [len(picture) for picture in (*shown, right)]
        assert counts in ([1, 2, 3, 4], [5, 4, 3, 2], [1, 1, 1, 1])


def test_two_things_have_one_property_in_common() -> None:
    for item in iterate_items("interleave/multi_image_vqa", "test", 60):
        (one,), (other,) = (scene["things"] for scene in item.scene["pictures"])
        names = {"color": "colour", "shape": "shape", "pattern": "texture", "size": "size"}
        assert [name for name, field in names.items() if one[field] == other[field]] == [item.answer]


def test_rows_hold_their_pictures_in_order() -> None:
    (row,) = build_rows("interleave/puzzle", n=1)
    assert all(isinstance(row[f"image_{k}"], Image.Image) for k in range(7))
    (row,) = build_rows("interleave/story_telling", n=1)
    assert [row[f"image_{k}"] is not None for k in range(7)] == [True] * 3 + [False] * 4


def write_gqa(root: Path, shown: Sequence[str], asked: Sequence[str]) -> None:
    """A copy in GQA's layout: pictures named `shown`, and a question about each of `asked`."""
    text = datasets.Value("string")
    parts: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "testdev_balanced_images": (
            [{"id": name, "image": Image.new("RGB", (4, 4), name)} for name in shown],
            {"id": text, "image": datasets.Image()},
        ),
        "testdev_balanced_instructions": (
            [{"id": str(k), "imageId": name, "question": "What?", "answer": name} for k, name in enumerate(asked)],
            dict.fromkeys(("id", "imageId", "question", "answer"), text),
        ),
    }
    folder = root / "lmms-lab-encoder" / "GQA"
    lines = ""
    for config, (rows, features) in parts.items():
        (folder / config).mkdir(parents=True)
        made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
        made.to_parquet(str(folder / config / "testdev-00000-of-00001.parquet"))
        lines += f"- config_name: {config}\n  data_files:\n  - split: testdev\n    path: {config}/testdev-*\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{lines}---\n")


def test_gqas_pictures_are_joined_by_name(tmp_path: Path) -> None:
    write_gqa(tmp_path / "whole", ("blue", "red"), ("red", "blue", "red"))
    with reading("hub", tmp_path / "whole"):
        rows = build_gqa("lmms-lab-encoder/GQA")
    assert list(rows["answer"]) == ["red", "blue", "red"] and list(rows["id"]) == ["0", "1", "2"]
    assert [row["image"].convert("RGB").getpixel((0, 0)) for row in rows] == [(255, 0, 0), (0, 0, 255), (255, 0, 0)]
    write_gqa(tmp_path / "part", ("blue",), ("blue", "red"))
    with reading("hub", tmp_path / "part"), pytest.raises(UserError, match="has no picture 'red'"):
        build_gqa("lmms-lab-encoder/GQA")


def test_ocrvqa_says_why_it_runs_on_the_mini_suite_alone() -> None:
    pointer = datasets.load_dataset(
        "json", data_files=str(TASK_FOLDER / "downscaling_15" / "ocrvqa.jsonl"), split="train"
    )
    with pytest.raises(UserError, match=r"hold links to covers, not the pictures; .*--data mini"):
        follow_pointer(pointer)


def test_the_oracle_is_right_on_all_fifteen_and_the_prior_looks_at_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGHTSCALE_MINI_QUESTIONS", "4")
    from sightscale.harness.evaluation import Plan, evaluate
    from sightscale.model_adapters.model_strings import parse_model

    def run(rule: str) -> pd.DataFrame:
        model = f"scripted:{rule}"
        plan = Plan(parse_model(model), model, ("downscaling_15",), ("none",), tmp_path / rule, limit=4, data="mini")
        return evaluate(plan)

    oracle, prior = run("oracle"), run("prior")
    assert oracle["task"].nunique() == 19 and "downscaling_ocrvqa" in set(oracle["task"])  # grounding is five tasks
    sighted = oracle[(oracle["condition"] == "sighted") & (oracle["task"] != "similarity_nights")]
    assert (sighted["score"] > 0.999).all()
    blind = [run[run["condition"] == "none"].set_index(["task", "doc_id"])["score"] for run in (oracle, prior)]
    pd.testing.assert_series_equal(*blind)
