"""Downscaling: planted drops, a planted relation to reliance, and a planted exception."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.downscaling import Resampling, find_downscaling, order_by_scale
from sightscale.harness.analysis.matched_runs import read_runs

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]

DROPS = {f"task{number}": 0.04 * (number + 1) for number in range(9)}
N = 1500


@pytest.fixture
def family(save_run: Save, make_rows: Make) -> list[str]:
    """Three sizes; reliance is 0.1 + 1.5 × drop for every task but `exception`, which everyone sees at once."""
    rng = np.random.default_rng(0)
    tasks = {name: (0.8, drop, 0.1 + 1.5 * drop) for name, drop in DROPS.items()} | {"exception": (0.95, 0.02, 0.94)}
    luck = {name: rng.random(N) for name in tasks}
    folders = []
    for size, share in ((8, 0.0), (1.7, 0.5), (0.6, 1.0)):
        parts = []
        for name, (score, drop, reliance) in tasks.items():
            parts.append(make_rows(name, "sighted", (luck[name] < score - share * drop).astype(float)))
            parts.append(make_rows(name, "none", (rng.random(N) < score - reliance).astype(float)))
        folders.append(save_run(f"family-{size}b", *parts, parameters=int(size * 1e9)))
    return folders


def pick(findings: pd.DataFrame, measure: str, **where: str) -> pd.Series:
    """The first finding of a measure at a place."""
    rows = findings[findings["measure"] == measure]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    return rows.iloc[0]


def test_planted_drops_and_their_relation_are_found(family: list[str]) -> None:
    found = find_downscaling(read_runs(family[::-1]), resamples=2000)  # the order given doesn't matter
    assert (found.largest, found.smallest) == ("family-8b", "family-0.6b")
    for name, drop in DROPS.items():
        whole = pick(found.findings, "drop", task=name, contrast="8B → 0.6B")
        half = pick(found.findings, "drop", task=name, contrast="8B → 1.7B")
        assert whole["low"] - 0.01 < drop < whole["high"] + 0.01
        assert half["value"] == pytest.approx(drop / 2, abs=0.02)
        relative = pick(found.findings, "relative drop", task=name, contrast="8B → 0.6B")
        assert relative["value"] == pytest.approx(drop / 0.8, abs=0.04)
    assert len(found.points) == len(DROPS) + 1 and (found.points["drop_low"] < found.points["drop_value"]).all()


def test_the_exception_stands_out_and_hides_the_relation(family: list[str]) -> None:
    findings = find_downscaling(read_runs(family), resamples=2000).findings
    influence = findings[findings["level"] == "influence"]
    away = influence[influence["measure"] == "deviation"].set_index("group")["value"].abs()
    assert away.idxmax() == "exception" and away["exception"] > 4 * away.drop("exception").max()
    assert pick(findings, "kendall without", group="exception")["value"] > 0.9
    assert pick(findings, "slope without", group="exception")["value"] == pytest.approx(1.5, abs=0.15)
    assert pick(findings, "kendall", group=Resampling.QUESTIONS)["value"] < 0.75
    widths = [float(pick(findings, "kendall", group=kind)[["low", "high"]].diff().iloc[-1]) for kind in Resampling]
    assert widths[0] < widths[1]  # other tasks could have been asked, not only other questions


def test_without_the_exception_the_line_is_found_with_its_interval(family: list[str]) -> None:
    runs = read_runs(family)
    kept = [type(run)(run.label, run.records[run.records["task"] != "exception"], run.placement) for run in runs]
    findings = find_downscaling(kept, resamples=2000).findings
    slope = pick(findings, "slope", group=Resampling.QUESTIONS)
    assert slope["low"] < 1.5 < slope["high"] and slope["high"] - slope["low"] < 0.6
    assert pick(findings, "kendall p", group=Resampling.QUESTIONS)["value"] < 0.001


def test_only_common_questions_count(save_run: Save, make_rows: Make) -> None:
    large = save_run("large", make_rows("t", "sighted", np.r_[np.ones(50), np.zeros(50)]))
    small = save_run("small", make_rows("t", "sighted", np.zeros(50)))
    found = find_downscaling(read_runs([f"{large}=8", f"{small}=0.6"]), resamples=500)
    drop = pick(found.findings, "drop")
    assert (drop["value"], drop["n"]) == (1.0, 50) and found.points.empty


def test_a_scale_needs_known_and_different_sizes(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(2))
    one, two = save_run("one", rows), save_run("two", rows)
    with pytest.raises(ValueError, match="at least two runs"):
        order_by_scale(read_runs([one]))
    with pytest.raises(ValueError, match="don't say how large"):
        order_by_scale(read_runs([one, f"{two}=8"]))
    with pytest.raises(ValueError, match="the same size"):
        order_by_scale(read_runs([f"{one}=8", f"{two}=8B"]))
    with pytest.raises(ValueError, match="not asked blind under 'black'"):
        find_downscaling(read_runs([f"{one}=1", f"{two}=8"]), "black")


def test_a_model_without_parameters_has_no_place_on_a_scale(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(4))
    runs = read_runs([save_run("m", rows, parameters=10**9), save_run("scripted", rows, parameters=0)])
    with pytest.raises(ValueError, match="don't say how large it is"):
        order_by_scale(runs)


def test_no_relative_drop_is_shown_of_a_score_near_zero(save_run: Save, make_rows: Make) -> None:
    large = save_run("large", make_rows("t", "sighted", np.r_[np.ones(2), np.zeros(38)]), parameters=8_000_000_000)
    small = save_run("small", make_rows("t", "sighted", np.r_[np.ones(11), np.zeros(29)]), parameters=600_000_000)
    found = find_downscaling(read_runs([large, small]), resamples=500).findings
    assert pick(found, "drop")["value"] == pytest.approx(-9 / 40)
    assert np.isnan(pick(found, "relative drop")[["value", "low", "high"]].astype(float)).all()  # not −450 %
