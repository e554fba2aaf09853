"""Leaks: planted ones are found from text alone and from models, and what is kept leaks less."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lmms_eval.utils import load_yaml_config
from typer.testing import CliRunner

from sightscale.harness.analysis import (
    Run,
    TextQuestion,
    compare_order,
    find_leaks,
    gather_texts,
    keep_least,
    measure_separation,
    read_runs,
    read_texts,
)
from sightscale.harness.analysis.text_baseline import guess_from_text
from sightscale.harness.cli import app
from sightscale.harness.evaluation import import_responses, read_records, write_subset
from sightscale.harness.statistics import rank_correlation
from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import TaskCard, list_tasks, read_cards

REAL = os.environ.get("SIGHTSCALE_TEST_RESPONSES", "")
Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def pose(number: int) -> list[TextQuestion]:
    """Half of the questions have one true answer, whatever the picture; half need it."""
    rng = np.random.default_rng(0)
    materials = {"sweater": "wool", "brick": "clay", "window": "glass", "coin": "metal"}
    questions = []
    for place in range(number):
        if place % 2:
            thing = str(rng.choice(list(materials)))
            options, answer, text = list(materials.values()), materials[thing], f"What is a {thing} made of?"
        else:
            options = [str(one) for one in rng.choice(["red", "blue", "green", "pink", "gray"], 4, replace=False)]
            answer, text = options[0], f"What colour is thing {place} in the picture?"
        order = [options[one] for one in rng.permutation(4)]
        lettered = dict(zip("ABCD", order, strict=True))
        target = next(letter for letter, option in lettered.items() if option == answer)
        questions.append(TextQuestion(text, lettered, target, f"picture {place // 2}"))
    return questions


def test_text_alone_tells_what_it_gives_away() -> None:
    questions = pose(400)
    found = guess_from_text(questions)
    assert found["guessed"][1::2].mean() > 0.95 and found["guessed"][::2].mean() < 0.4
    assert found["by_text"][1::2].min() > 0.7 and found["by_text"][::2].mean() == pytest.approx(0.25, abs=0.1)
    leaks = find_leaks("t", dict(enumerate(questions)), [])
    assert measure_separation(leaks, [0.25, 1.0] * 200, 0.3) > 0.99
    kept = keep_least(leaks, 0.5)
    assert kept == list(range(0, 400, 2))


def test_labels_without_any_pattern_are_guessed_at_chance() -> None:
    rng = np.random.default_rng(1)
    questions = [
        TextQuestion(f"Which {rng.integers(9)}?", {"A": "x", "B": "y", "C": "z", "D": "w"}, str(letter), str(number))
        for number, letter in enumerate(rng.choice(list("ABCD"), 600))
    ]
    assert guess_from_text(questions)["guessed"].mean() == pytest.approx(0.25, abs=0.06)


def test_questions_on_one_picture_never_teach_each_other() -> None:
    # Each picture's two questions share a made-up word and its answer, which nothing else tells.
    rng = np.random.default_rng(2)
    questions = []
    for number in range(300):
        answer = str(rng.choice(list("ABCD")))
        options = {letter: "".join(rng.choice(list("bdfgklmnprst"), 8)) for letter in "ABCD"}
        questions += [TextQuestion(f"about {number}", options, answer, f"picture {number}")] * 2
    assert guess_from_text(questions)["guessed"].mean() < 0.4


def test_models_that_answer_blind_are_the_other_witness(save_run: Save, make_rows: Make) -> None:
    blind = np.r_[np.ones(10), np.zeros(10)]
    failed = ["answered"] * 19 + ["failed"]
    runs = read_runs(
        [
            save_run("a", make_rows("t", "none", blind), make_rows("t", "told", blind)),
            save_run("b", make_rows("t", "none", blind, outcome=failed), make_rows("t", "options_only", 1 - blind)),
        ]
    )
    table = find_leaks("t", None, runs).set_index("doc_id")
    assert table.loc[0, "passes"] == 3 and table.loc[0, "leak"] == pytest.approx((3 + 0.25) / 4)
    assert table.loc[19, "passes"] == 2 and table.loc[19, "leak"] == pytest.approx(0.25 / 3)
    assert keep_least(table.reset_index(), 0.5) == list(range(10, 20))


def test_texts_come_out_of_the_prompts_of_runs(save_run: Save, make_rows: Make) -> None:
    questions = pose(100)
    texts = {
        "prompt": [
            f"Image: Question: {one.text}\nOptions:\n" + "".join(f"{k}. {v}\n" for k, v in one.options.items())
            for one in questions
        ],
        "options": [json.dumps(one.options) for one in questions],
        "target": [one.target for one in questions],
        "cluster": [one.cluster for one in questions],
    }
    told = {**texts, "prompt": [f"There is no picture. {prompt}" for prompt in texts["prompt"]]}
    run = [make_rows("t", "told", np.ones(100), **told), make_rows("t", "sighted", np.ones(100), **texts)]
    found = gather_texts("t", read_runs([save_run("a", *run)]))
    assert list(found) == list(range(100)) and [one.options for one in found.values()] == [q.options for q in questions]
    assert found[1].text.split() == f"Image: Question: {questions[1].text}".split() and found[1].cluster == "picture 0"
    by_text = find_leaks("t", found, []).set_index("doc_id")["by_text"].sort_index()
    assert by_text[1::2].mean() - by_text[::2].mean() > 0.4  # as told from the questions themselves
    # A prompt of two stages holds a description of the picture, and few questions teach nothing.
    two_stages = [part.assign(kind="decoupled") for part in run]
    assert gather_texts("t", read_runs([save_run("b", *two_stages), save_run("c", run[1].head(20))])) == {}


def test_the_order_of_models_is_compared(save_run: Save, make_rows: Make) -> None:
    scores = [np.r_[np.ones(5 + number), np.zeros(15 - number)] for number in range(4)]
    runs = read_runs([save_run(f"m{number}", make_rows("t", "sighted", one)) for number, one in enumerate(scores)])
    assert compare_order(runs, "t", range(4, 20)) == (pytest.approx(1), 4)
    assert compare_order(runs[:2], "t", range(20)) is None


def test_a_kept_half_is_a_task_that_runs(tmp_path: Path) -> None:
    export, output = tmp_path / "mine", tmp_path / "run"
    done = CliRunner().invoke(
        app, ["leaks", "in_domain_scienceqa", "--data", "mini", "--export", str(export), "--csv", str(tmp_path / "l")]
    )
    assert done.exit_code == 0 and "Which form of energy" in done.stdout, done.stderr
    assert len(pd.read_csv(tmp_path / "l")) == 300
    moved = export.rename(tmp_path / "elsewhere")
    assert not any(str(folder) in file.read_text() for file in moved.iterdir() for folder in (tmp_path, TASK_FOLDER))
    name = "in_domain_scienceqa_kept"
    plan = ["--model", "scripted:prior", "--tasks", name, "--include-path", str(moved), "--data", "mini"]
    done = CliRunner().invoke(app, ["run", *plan, "--output", str(output)])
    assert done.exit_code == 0, done.stderr
    records = read_records(output)
    assert len(records) == 150 and records["blind_probability"].mean() < 0.75  # of all 300 it is 0.85


@pytest.mark.parametrize("card", [card for card in list_tasks() if not card.members], ids=lambda card: card.name)
def test_a_subset_of_each_task_says_all_that_the_task_says(card: TaskCard, tmp_path: Path) -> None:
    write_subset(card.name, [0, 2], 3, "some", tmp_path / "written")
    folder = (tmp_path / "written").rename(tmp_path / "moved")
    [kept] = read_cards(folder)
    fields = ("source", "revision", "licence", "chance", "answer_format", "metric", "blind_of")
    assert [getattr(kept, field) for field in fields] == [getattr(card, field) for field in fields]
    assert (kept.name, kept.questions) == ("some", 2)
    [source] = [path for path in TASK_FOLDER.rglob("*.yaml") if f"\ntask: {card.name}\n" in f"\n{path.read_text()}"]
    theirs, ours = (load_yaml_config(str(path)) for path in (source, folder / "some.yaml"))
    changed = {"task", "process_docs", "dataset_kwargs", "metadata"}
    assert {name for name in theirs | ours if theirs.get(name) != ours.get(name)} == changed
    rows = [Path(config["dataset_kwargs"]["data_files"]["test"]).read_text() for config in (theirs, ours)]
    assert rows[0] == rows[1]


def test_a_mistake_ends_in_one_line(save_run: Save, make_rows: Make) -> None:
    folder = save_run("a", make_rows("theirs", "sighted", np.ones(4)))
    for arguments, reason in (
        (("theirs",), "theirs is not a task of sightscale"),
        (("theirs", folder), "no run was asked it blind"),
        (("in_domain_gqa", "--data", "mini", "--keep", "1"), "cannot keep a share of 1"),
    ):
        done = CliRunner().invoke(app, ["leaks", *arguments])
        assert done.exit_code == 1 and reason in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(not REAL, reason="SIGHTSCALE_TEST_RESPONSES names no folder of M3IRT's matrices")
@pytest.mark.parametrize(
    ("name", "least", "most"), [("mathvista", 0.98, 1), ("seedbench", 0.965, 1), ("mmmu", 0.9, 0.97)]
)
def test_halves_chosen_by_different_real_models_keep_the_order(name: str, least: float, most: float) -> None:
    """As the page on statistics says; on MMMU by less than on the others."""
    runs = [Run(model, rows) for model, rows in import_responses(Path(REAL) / f"{name}.csv", name).items()]
    sighted = pd.DataFrame(
        {run.label: run.records[run.records["condition"] == "sighted"].set_index("doc_id")["score"] for run in runs}
    )
    rng = np.random.default_rng(0)
    agreements = []
    for _ in range(10):
        order = rng.permutation(len(runs))
        halves = [[runs[place] for place in part] for part in np.array_split(order, 2)]
        kept = [keep_least(find_leaks(name, None, half), 0.5) for half in halves]
        first, second = (sighted.loc[numbers].mean().to_numpy() for numbers in kept)
        agreements.append(rank_correlation(first, second, "spearman"))
    assert least <= np.mean(agreements) <= most


@pytest.mark.slow
def test_the_minis_own_blind_probabilities_are_told_from_text_alone() -> None:
    scores: list[float] = []
    truths: list[float] = []
    for task in ("ocrvqa", "scienceqa", "vqav2"):
        known = read_texts(f"in_domain_{task}", "mini", mini_questions=1500)
        assert known
        scores += (
            find_leaks(task, {number: text for number, (text, _) in enumerate(known)}, [])
            .sort_values("doc_id")["leak"]
            .tolist()
        )
        truths += [probability or 0.0 for _, probability in known]
    together = pd.DataFrame({"doc_id": range(len(scores)), "leak": scores})
    assert measure_separation(together, truths, 0.3) > 0.9
