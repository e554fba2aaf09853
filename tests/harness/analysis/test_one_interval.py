"""One quantity has one interval, whichever command shows it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis import (
    compare_runs,
    find_downscaling,
    find_reliance,
    pair_reliance,
    read_runs,
    summarise,
)
from sightscale.harness.report.findings_tables import Measured, measure
from sightscale.harness.report.folders import read_given
from sightscale.harness.report.sentences import sum_up
from sightscale.leaderboards.site.intervals import estimate_records, pair_records

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]
ENDS = ["value", "low", "high", "n", "clusters"]


def ends_of(findings: pd.DataFrame, name: str) -> list[float]:
    """The estimate of the one finding of a measure for the whole task."""
    [row] = findings[(findings["measure"] == name) & (findings["level"] == "task")].to_dict("records")
    return [row[end] for end in ENDS]


@pytest.mark.parametrize("gains", [4, 60])  # few differences, and many
def test_reliance_and_drop_are_the_same_everywhere(save_run: Save, make_rows: Make, gains: int) -> None:
    rng = np.random.default_rng(gains)
    clusters = [f"picture {number // 2}" for number in range(200)]
    blind = (rng.random(200) < 0.3) * 1.0
    looking = blind.copy()
    looking[rng.choice(np.flatnonzero(blind == 0), gains, replace=False)] = 1.0
    sizes = {"large": 8_000_000_000, "small": 600_000_000}
    rows = {"sighted": make_rows("t", "sighted", looking, cluster=clusters)}
    rows["none"] = make_rows("t", "none", blind, cluster=clusters)
    folders = [
        save_run("large", rows["sighted"], rows["none"], parameters=sizes["large"]),
        save_run("small", rows["none"].assign(condition="sighted"), parameters=sizes["small"]),
    ]
    large, small = read_runs(folders)
    expected = ends_of(find_reliance([large]), "reliance")
    [sighted, summary] = summarise(large.records)
    [(_, paired)] = pair_reliance(large)
    [given] = read_given([Path(folders[0])])
    measured: Measured = measure(given, find_reliance([given.run]))
    overall = sum_up(measured, resamples=10_000)
    for estimate in (summary.reliance, paired, overall.reliance):
        assert estimate and [getattr(estimate, end) for end in ENDS] == pytest.approx(expected, abs=1e-12)
    # A board shows records that it checked.
    board = pair_records(large.records)["t"]
    assert [getattr(board, end) for end in ENDS] == pytest.approx(expected, abs=1e-12)
    score = ends_of(find_reliance([large]), "sighted")
    for estimate in (sighted.score, overall.score, estimate_records(large.records)["t", "sighted"]):
        assert estimate and [getattr(estimate, end) for end in ENDS] == pytest.approx(score, abs=1e-12)
    # The small model answers as the large one does blind, so drop and difference are the same number as well.
    assert ends_of(compare_runs(large, small), "difference") == pytest.approx(expected, abs=1e-12)
    findings = find_downscaling([large, small]).findings
    assert ends_of(findings, "drop") == pytest.approx(expected, abs=1e-12)
    assert ends_of(findings, "reliance") == pytest.approx(expected, abs=1e-12)
