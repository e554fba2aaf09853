"""Factors: planted effects, what a told model changes, and mirages by rule."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.analysis import Run, find_factors, list_mirages, read_runs
from sightscale.harness.analysis.mirages import find_claim
from sightscale.harness.cli import app
from sightscale.harness.evaluation import import_responses

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]
CELLS = ("sighted", "none", "no_question", "options_only")
REAL = os.environ.get("SIGHTSCALE_TEST_RESPONSES", "")  # a folder with M3IRT's response matrices


def value(findings: pd.DataFrame, measure: str, **where: str) -> float:
    rows = findings[(findings["measure"] == measure) & (findings["level"] == "task")]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    [row] = rows.to_dict("records")
    assert not row["low"] > row["value"] and not row["high"] < row["value"]
    return float(row["value"])


def test_effects_are_those_of_the_four_scores(save_run: Save, make_rows: Make) -> None:
    right = {"sighted": 80, "none": 40, "no_question": 55, "options_only": 30}
    parts = [make_rows("t", name, (np.arange(100) < right[name]) * 1.0) for name in CELLS]
    [run] = read_runs([save_run("m", *parts)])
    found = find_factors([run], resamples=500)
    assert {name: value(found, "score", condition=name) for name in CELLS} == pytest.approx(
        {name: count / 100 for name, count in right.items()}
    )
    assert value(found, "picture effect") == pytest.approx(((0.8 - 0.4) + (0.55 - 0.3)) / 2)
    assert value(found, "question effect") == pytest.approx(((0.8 - 0.55) + (0.4 - 0.3)) / 2)
    assert value(found, "joint effect") == pytest.approx(0.8 - 0.4 - 0.55 + 0.3)
    assert not (found["measure"] == "mirages").any()  # no answer's text is kept


def test_a_question_that_failed_in_one_way_is_in_no_cell(save_run: Save, make_rows: Make) -> None:
    parts = [make_rows("t", name, np.ones(4)) for name in CELLS]
    parts[3] = make_rows("t", "options_only", np.r_[0.0, np.ones(3)], outcome=["failed", *["answered"] * 3])
    found = find_factors(read_runs([save_run("m", *parts)]), resamples=200)
    assert value(found, "joint effect") == 0 and set(found["n"]) == {3}


def test_told_minus_silent_and_mirages_are_found_and_listed(save_run: Save, make_rows: Make, tmp_path: Path) -> None:
    silent = ["The image shows a red bus. B"] * 6 + ["I cannot see any image."] * 2 + ["A"] * 2
    told = ["B"] * 9 + ["The picture shows a bus."]
    ones, few = np.ones(10), (np.arange(10) < 4) * 1.0
    folder = save_run(
        "m",
        make_rows("t", "sighted", ones, response="The image shows it. A"),
        make_rows("t", "none", few, response=silent),
        make_rows("t", "told", ones, response=told),
    )
    found = find_factors(read_runs([folder]), resamples=500)
    assert value(found, "told − silent") == pytest.approx(0.6)
    assert value(found, "mirages", condition="none") == 0.6 and value(found, "mirages", condition="told") == 0.1
    done = CliRunner().invoke(app, ["factors", folder, "--mirages", str(tmp_path / "m.csv")])
    assert done.exit_code == 0 and "effect of saying" in done.stdout and "60.0 [" in done.stdout
    rows = list(csv.DictReader((tmp_path / "m.csv").open()))
    assert len(rows) == 7 and rows[0]["sentence"] == "The image shows a red bus."
    assert {row["rule"] for row in rows} == {"the picture shows"}
    assert len(list_mirages(read_runs([folder])[0])) == 7


@pytest.mark.parametrize(
    ("response", "claims"),
    [
        ("The image shows a dog.", True),
        ("In the photo, two people sit on a bench. So B.", True),
        ("Based on the chart, sales rose.", True),
        ("I can see a cat. A", True),
        ("I can't see the image.", False),
        ("There is no image, so I guess A.", False),
        ("Please provide the picture.", False),
        ("If the picture shows a dog, it is A.", False),
        ("B", False),
        ("", False),
        ("Dogs are mammals.", False),
    ],
)
def test_a_claim_to_see_is_told_from_a_denial(response: str, claims: bool) -> None:
    assert (find_claim(response) is not None) is claims


def test_a_hostile_answer_is_read_in_bounded_time() -> None:
    assert find_claim("in the " * 200_000 + "image") is None


def test_a_run_asked_in_neither_way_is_refused_with_what_to_do(save_run: Save, make_rows: Make) -> None:
    folder = save_run("m", make_rows("t", "sighted", np.ones(2)), make_rows("t", "none", np.ones(2)))
    done = CliRunner().invoke(app, ["factors", folder])
    assert done.exit_code == 1 and "was not asked under no_question, options_only" in done.stderr


@pytest.mark.skipif(not REAL, reason="SIGHTSCALE_TEST_RESPONSES names no folder of M3IRT's matrices")
@pytest.mark.parametrize("name", ["mmmu", "mathvista", "seedbench"])
def test_m3irts_columns_are_reproduced_from_its_files(name: str) -> None:
    path = Path(REAL) / f"{name}.csv"
    table = pd.read_csv(path, index_col=0, encoding="utf-8-sig")
    heads = {"sighted": "", "none": "<no_image>", "no_question": "<no_question>", "options_only": "<no_info>"}
    columns = {
        condition: [one for one in table.columns if (one.startswith(head) if head else "<" not in one)]
        for condition, head in heads.items()
    }
    expected = pd.DataFrame({condition: table[names].mean(axis=1) for condition, names in columns.items()})
    runs = [Run(model, records) for model, records in import_responses(path, name).items()]
    scores = find_factors(runs, resamples=100)
    scores = scores[scores["measure"] == "score"].pivot(index="run", columns="condition", values="value")
    average = scores.loc[f"mean of {len(runs)} models"]
    assert len(runs) == len(table) and average.to_dict() == pytest.approx(expected.mean().to_dict(), abs=1e-12)
    for model in table.index:
        assert scores.loc[model].to_dict() == pytest.approx(expected.loc[model].to_dict(), abs=1e-12)
