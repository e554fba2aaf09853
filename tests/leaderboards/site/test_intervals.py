"""Intervals: reliance of accepted records is the number that the analysis gives; of claims it stays a difference."""

from math import hypot

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis import Run, find_reliance
from sightscale.harness.evaluation.records import SCHEMA
from sightscale.harness.statistics import Estimate, mean_score
from sightscale.leaderboards.site.intervals import estimate_records, pair_records, subtract_blind
from sightscale.tasks.suites import Suite, members_of

QUESTIONS = 24  # of each task, two on each picture


@pytest.fixture(scope="module")
def records() -> pd.DataFrame:
    """Answers to the tasks of two suites, sighted and blind; blind ones are mostly right where sighted ones are."""
    rng = np.random.default_rng(0)
    parts = []
    for task in (*members_of(Suite.IN_DOMAIN), *members_of(Suite.MMSTAR)):
        sighted = rng.random(QUESTIONS) < 0.7
        blind = np.where(rng.random(QUESTIONS) < 0.8, sighted, rng.random(QUESTIONS) < 0.4)
        for condition, right in (("sighted", sighted), ("none", blind)):
            part = pd.DataFrame({column: [None] * QUESTIONS for column in SCHEMA.names}, dtype=object)
            part["task"], part["condition"], part["run_id"], part["outcome"] = task, condition, "r", "answered"
            part["doc_id"], part["item_id"] = range(QUESTIONS), [str(number) for number in range(QUESTIONS)]
            part["cluster"] = [f"{task}:{number // 2}" for number in range(QUESTIONS)]
            part["score"], part["chance"] = right.astype(float), 0.25
            if task.startswith("mmstar"):
                part["category"], part["l2_category"] = task, [f"axis {number % 3}" for number in range(QUESTIONS)]
            parts.append(part)
    return pd.concat(parts, ignore_index=True).astype({"score": float, "chance": float, "blind_probability": float})


def test_reliance_of_records_is_the_number_that_the_analysis_gives(records: pd.DataFrame) -> None:
    gains = pair_records(records)
    findings = find_reliance([Run("entry", records)])
    findings = findings[(findings["measure"] == "reliance") & findings["level"].isin(["task", "average"])]
    names = {
        ("in-domain", "mean"): "in_domain",
        ("MMStar", "official"): "mmstar_official",
        ("MMStar", "macro"): "mmstar_macro",
    }
    compared = set()
    for row in findings.itertuples():
        name = names.get((row.task, row.group), row.task if row.level == "task" else f"{row.task}_{row.group}")
        if name in gains:
            expected = Estimate(row.value, row.low, row.high, row.n, row.clusters)
            assert gains[name] == expected, name
            compared.add(name)
    assert compared == set(gains) and len(compared) == 12 + 3 + 6


def test_a_condition_that_was_not_asked_gives_no_reliance(records: pd.DataFrame) -> None:
    assert pair_records(records[records["condition"] == "sighted"]) == {}
    without = records[(records["task"] != "in_domain_gqa") | (records["condition"] == "sighted")]
    gains = pair_records(without)
    assert "in_domain_gqa" not in gains and "in_domain" not in gains and "in_domain_ocrvqa" in gains


def test_reliance_of_claims_is_a_difference_of_independent_scores_and_wider(records: pd.DataFrame) -> None:
    scores = estimate_records(records)
    gains, paired = subtract_blind(scores), pair_records(records)
    assert gains.keys() == paired.keys()
    sighted, blind, gain = scores["in_domain", "sighted"], scores["in_domain", "none"], gains["in_domain"]
    assert gain.value == pytest.approx(sighted.value - blind.value) == paired["in_domain"].value
    assert gain.low == pytest.approx(gain.value - hypot(sighted.value - sighted.low, blind.high - blind.value))
    assert gain.high == pytest.approx(gain.value + hypot(sighted.high - sighted.value, blind.value - blind.low))
    assert paired["in_domain"].high - paired["in_domain"].low < 0.8 * (gain.high - gain.low)


def test_an_average_of_records_weighs_its_strata(records: pd.DataFrame) -> None:
    scores = estimate_records(records)
    rows = records[records["condition"] == "sighted"]
    mmstar = rows[rows["task"].isin(members_of(Suite.MMSTAR))]
    assert scores["mmstar_official", "sighted"] == mean_score(mmstar["score"], mmstar["cluster"])
    axes = mmstar.groupby(["category", "l2_category"])["score"].mean()
    assert scores["mmstar_macro", "sighted"].value == pytest.approx(axes.groupby("category").mean().mean())
    tasks = rows[rows["task"].isin(members_of(Suite.IN_DOMAIN))].groupby("task")["score"].mean()
    assert scores["in_domain", "sighted"].value == pytest.approx(tasks.mean())
