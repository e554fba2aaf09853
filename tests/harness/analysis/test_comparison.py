"""Comparison: a planted difference, clusters, the correction for many tests, and what an answer costs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.comparison import compare_runs
from sightscale.harness.analysis.matched_runs import read_runs

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def pick(findings: pd.DataFrame, measure: str, **where: str) -> float:
    """The value of the one finding of a measure at a place."""
    rows = findings[findings["measure"] == measure]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1, rows
    return float(rows.iloc[0]["value"])


def test_a_planted_difference_is_found_and_corrected_for_all_tasks(save_run: Save, make_rows: Make) -> None:
    rng = np.random.default_rng(0)
    luck = rng.random(1000)
    flips = rng.permutation(np.repeat([1.0, 0.0], 500))
    first = save_run("extract", make_rows("gain", "sighted", (luck < 0.6) * 1.0), make_rows("same", "sighted", flips))
    second = save_run(
        "caption", make_rows("gain", "sighted", (luck < 0.5) * 1.0), make_rows("same", "sighted", flips[::-1])
    )
    found = compare_runs(*read_runs([first, second]), resamples=2000)
    gain = found[(found["measure"] == "difference") & (found["task"] == "gain")].iloc[0]
    assert gain["low"] < 0.1 < gain["high"] and gain["low"] > 0.05
    assert pick(found, "p (McNemar mid-p)", task="gain") < 1e-6
    assert pick(found, "p (Holm)", task="gain") == pytest.approx(2 * pick(found, "p (McNemar mid-p)", task="gain"))
    assert pick(found, "p (McNemar mid-p)", task="same") > 0.05
    least = pick(found, "smallest difference", task="gain", level="task")
    assert 0.015 < least < 0.05
    mean = pick(found, "difference", level="average")
    assert mean == pytest.approx((gain["value"] + pick(found, "difference", task="same")) / 2)


def test_shared_pictures_and_shares_are_tested_by_flipping_clusters(save_run: Save, make_rows: Make) -> None:
    clusters = [f"picture {number // 10}" for number in range(40)]
    first = save_run("a", make_rows("t", "sighted", np.ones(40), cluster=clusters))
    second = save_run("b", make_rows("t", "sighted", np.zeros(40), cluster=clusters))
    found = compare_runs(*read_runs([first, second]), resamples=500)
    assert pick(found, "p (sign flips)") == pytest.approx(2 / 16, abs=0.01)  # four pictures, not forty questions


def test_what_thinking_costs(save_run: Save, make_rows: Make) -> None:
    thought = {"thinking": "hm" * 50, "response": "x" * 25}
    thinks = make_rows("t", "sighted", np.ones(4), output_tokens=500, mode="thinking", **thought)
    direct = make_rows("t", "sighted", np.array([1.0, 1, 0, 0]), mode="direct")
    runs = read_runs([save_run("thinking", thinks), save_run("direct", direct)])
    found = compare_runs(*runs, resamples=200)
    assert pick(found, "output tokens", run="thinking") == 500 and pick(found, "output tokens", run="direct") == 10
    assert pick(found, "thinking characters", run="thinking") == 100
    assert pick(found, "thinking tokens (about)", run="thinking") == 400  # of 500, as 100 of 125 characters
    assert pick(found, "tokens per right answer", run="thinking") == 530
    assert pick(found, "tokens per right answer", run="direct") == 80


def test_runs_that_share_nothing_are_refused(save_run: Save, make_rows: Make) -> None:
    runs = read_runs([save_run(name, make_rows(name, "sighted", np.ones(2))) for name in "ab"])
    with pytest.raises(ValueError, match="share no sighted question"):
        compare_runs(*runs)


@pytest.mark.parametrize("n", [1, 20])
def test_one_row_and_no_right_answer(save_run: Save, make_rows: Make, n: int) -> None:
    rows = make_rows("t", "sighted", np.zeros(n), outcome="unparsed")
    found = compare_runs(*read_runs([save_run("a", rows), save_run("b", rows)]))
    assert pick(found, "difference") == 0 and pick(found, "p (Holm)") == 1
    assert np.isnan(pick(found, "tokens per right answer", run="a"))


def test_tokens_that_nobody_counted_are_not_free(save_run: Save, make_rows: Make) -> None:
    tokens = ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens")
    rows = make_rows("t", "sighted", np.ones(4), **dict.fromkeys(tokens, 0))
    found = compare_runs(*read_runs([save_run("a", rows), save_run("b", rows)]))
    assert not (found["measure"] == "tokens per right answer").any()
