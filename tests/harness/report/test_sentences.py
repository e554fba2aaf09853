"""Sentences say what was planted, and no more."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.reliance import find_reliance
from sightscale.harness.report.findings_tables import Measured, measure
from sightscale.harness.report.folders import read_given
from sightscale.harness.report.sentences import describe, describe_several, sum_up

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]


def read_measured(*folders: str) -> list[Measured]:
    """Runs with their findings, on few resamples."""
    given = read_given([Path(folder) for folder in folders])
    return [measure(one, find_reliance([one.run], resamples=500)) for one in given]


def say(*folders: str) -> str:
    """The sentences about the only run."""
    [one] = read_measured(*folders)
    return " ".join(describe(one, sum_up(one, resamples=500)))


@pytest.fixture
def luck() -> np.ndarray:
    return np.random.default_rng(1).random(400)


def test_looking_that_helps_hurts_or_does_nothing(make_rows: Make, save_run: Save, luck: np.ndarray) -> None:
    good, poor = (luck < 0.8) * 1.0, (luck < 0.3) * 1.0
    helped = say(save_run("a", make_rows("t", "sighted", good), make_rows("t", "none", poor)))
    assert (
        "so looking adds 48.8 points [+43.1, +53.8]" in helped
        and "Guessing would get 25.0 %." in helped
        and "right" in helped
    )
    hurt = say(save_run("b", make_rows("t", "sighted", poor), make_rows("t", "black", good)))
    assert "Shown a black picture instead" in hurt and "looking costs it 48.8" in hurt
    same = say(save_run("c", make_rows("t", "sighted", good), make_rows("t", "none", good)))
    assert "no difference that these questions can show, +0.0 points" in same


def test_a_run_that_a_rule_ended_says_so(make_rows: Make, save_run: Save) -> None:
    folder = save_run("a", make_rows("t", "sighted", np.ones(32)), make_rows("t", "none", np.zeros(32)))
    stop = {"rule": "reliance>5", "holds": True, "asked": 32, "documents": 300}
    for stopped, says in (
        ({"t": stop}, "It stopped early: t by reliance>5 after 32 of 300 questions. Intervals here hold for"),
        ({"t": {**stop, "asked": 300}}, ""),
        ({"t": {**stop, "asked": "<b>"}, "u": 3}, ""),
        ([stop], ""),
    ):
        (Path(folder) / "manifest.json").write_text(json.dumps({"stopped": stopped}))
        assert says in say(folder) and ("stopped early" in say(folder)) == bool(says)


def test_guessing_is_named(make_rows: Make, save_run: Save, luck: np.ndarray) -> None:
    assert "not clearly different" in say(save_run("a", make_rows("t", "sighted", (luck < 0.25) * 1.0)))
    assert "more than it does" in say(save_run("b", make_rows("t", "sighted", (luck < 0.05) * 1.0)))


def test_only_a_category_clearly_below_the_score_is_weak(make_rows: Make, save_run: Save) -> None:
    scores = np.array([1.0, 1, 0, 1] * 50 + [0.0, 0, 1, 0] * 10)
    weak = say(save_run("a", make_rows("t", "sighted", scores, category=["fine"] * 200 + ["poor"] * 40)))
    assert "Weak on poor (25 %)." in weak and "not asked blind" in weak
    few = say(save_run("b", make_rows("t", "sighted", scores, category=["fine"] * 235 + ["poor"] * 5)))
    assert "Weak" not in few


def test_odd_runs_get_true_sentences(make_rows: Make, save_run: Save) -> None:
    one = say(save_run("a", make_rows("t", "sighted", np.ones(1))))
    assert "of its one question right" in one and "one picture" in one
    rows = make_rows("t", "sighted", np.zeros(30), outcome="unparsed", prediction=None)
    assert "None of its responses gives an answer" in say(save_run("b", rows))
    rows = make_rows("t", "sighted", np.zeros(30), outcome=["refused"] * 3 + ["answered"] * 27)
    assert "10.0 % of its responses give no answer" in say(save_run("c", rows))
    assert "asked only blind" in say(save_run("d", make_rows("t", "none", np.ones(30))))


def test_several_runs_are_ranked_only_on_the_same_questions(make_rows: Make, save_run: Save, luck: np.ndarray) -> None:
    best = save_run("best", make_rows("t", "sighted", (luck < 0.9) * 1.0))
    alike = save_run("alike", make_rows("t", "sighted", (luck[::-1] < 0.89) * 1.0))
    poor = save_run("poor", make_rows("t", "sighted", (luck < 0.5) * 1.0))
    fewer = save_run("fewer", make_rows("t", "sighted", (luck[:50] < 0.5) * 1.0))
    elsewhere = save_run("elsewhere", make_rows("u", "sighted", (luck < 0.5) * 1.0))
    for folders, said in (
        ((poor, best), "best scores highest, 90.8 % [87.5, 93.2], 38.2 points ["),
        (
            (poor, alike, best),
            "best scores highest, 90.8 % [87.5, 93.2], but these questions can't tell it from alike.",
        ),
        ((best, fewer), "not all on the same questions"),
        ((best, elsewhere), "not all on the same questions"),
    ):
        assert said in describe_several(read_measured(*folders), resamples=500)
