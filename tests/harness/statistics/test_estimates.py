"""Statistics against known truth: coverage by simulation, and scipy's own bootstrap."""

import time

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from sightscale.harness.statistics import clopper_pearson, cluster_sums, mean_score, paired_difference, wilson


def test_wilson_equals_scipys() -> None:
    for hits, n in ((0, 10), (3, 10), (10, 10), (480, 1000)):
        theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high))


def test_questions_on_one_picture_are_one_observation() -> None:
    scores = [1.0, 0.0] * 50
    assert mean_score(scores, ["a"] * 100).high - mean_score(scores, ["a"] * 100).low > 0.6
    assert mean_score(scores).high - mean_score(scores).low < 0.2


def test_missing_scores_are_left_out_and_not_counted() -> None:
    assert mean_score([1.0, float("nan"), 0.0]).n == 2
    assert paired_difference([1.0, float("nan"), 1.0], [0.0, 0.0, 1.0]).n == 2


def test_nothing_is_missing_not_zero() -> None:
    assert np.isnan(mean_score([]).value) and mean_score([]).n == 0
    assert np.isnan(paired_difference([], []).value)


def test_paired_difference_equals_scipys_bca() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(300) < 0.7, rng.random(300) < 0.5
    ours = paired_difference(first, second)
    data = (first.astype(float) - second,)
    theirs = stats.bootstrap(data, np.mean, method="BCa", n_resamples=10_000, rng=1).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_paired_interval_covers_the_truth_with_clusters() -> None:
    rng = np.random.default_rng(1)
    covered = []
    for trial in range(600):
        ability = rng.normal(0, 1, 80)  # one picture each, several questions share it
        clusters = np.repeat(np.arange(80), 4)
        seen = rng.random(320) < stats.norm.cdf(ability[clusters] + 0.6)
        blind = rng.random(320) < 0.3
        truth = stats.norm.cdf(0.6 / np.sqrt(2)) - 0.3
        found = paired_difference(seen, blind, clusters, resamples=1000, seed=trial)
        covered.append(found.low <= truth <= found.high)
    assert 0.925 <= np.mean(covered) <= 0.975


def test_score_interval_covers_the_truth_with_clusters() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(1000):
        share = rng.beta(2, 2, 100)
        clusters = np.repeat(np.arange(100), 5)
        found = mean_score(rng.random(500) < share[clusters], clusters)
        covered.append(found.low <= 0.5 <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.975


@pytest.mark.parametrize("groups", [8, 20])
def test_score_interval_covers_the_truth_with_few_clusters(groups: int) -> None:
    rng = np.random.default_rng(groups)
    clusters = np.repeat(np.arange(groups), 6)
    covered = []
    for _ in range(1500):
        found = mean_score(rng.random(groups * 6) < rng.beta(2, 2, groups)[clusters], clusters)
        covered.append(found.low <= 0.5 <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.985


def test_no_difference_anywhere_is_not_certainty() -> None:
    found = paired_difference(np.ones(50), np.ones(50))
    assert found.value == 0 and found.low == -found.high and found.high == pytest.approx(clopper_pearson(0, 50)[1])


@given(st.integers(1, 29), st.data())
def test_few_questions_have_the_exact_interval(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    found = mean_score(np.arange(n) < hits)
    exact = stats.binomtest(hits, n).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert clopper_pearson(hits, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_clusters_are_summed_and_a_missing_id_is_refused() -> None:
    sums, sizes = cluster_sums(np.array([1.0, 0, 1, 1]), ["a", "a", "b", "b"])
    assert sums.tolist() == [1, 2] and sizes.tolist() == [2, 2]
    with pytest.raises(ValueError, match="no cluster id"):
        cluster_sums(np.ones(2), np.array(["a", None], object))
    with pytest.raises(ValueError, match="same length"):
        paired_difference([1, 0], [1])


def test_ten_thousand_resamples_over_twenty_thousand_rows_are_fast() -> None:
    rng = np.random.default_rng(3)
    start = time.process_time()
    paired_difference(rng.random(20_000) < 0.6, rng.random(20_000) < 0.5, rng.integers(0, 5000, 20_000))
    assert time.process_time() - start < 2
