"""The bootstrap against scipy's, against known truth by simulation, and against the clock."""

import time

import numpy as np
import pytest
from scipy import stats

from sightscale.harness.statistics import average, bootstrap, cluster_table, paired_difference, resample_totals
from sightscale.harness.statistics.bootstrap import BLOCK, mean_of


def test_continuous_differences_equal_scipys_bca() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.beta(2, 5, 400) - rng.beta(1, 6, 400)
    ours = paired_difference(gaps, np.zeros(400))
    theirs = stats.bootstrap((gaps,), np.mean, method="BCa", n_resamples=10_000, rng=1).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.002)


@pytest.mark.parametrize("groups", [40, BLOCK + 700, 3 * BLOCK])
def test_resampled_means_spread_like_the_standard_error(groups: int) -> None:
    rng = np.random.default_rng(groups)
    table = np.column_stack([rng.gamma(2, 1, groups), rng.integers(1, 6, groups)])
    totals = resample_totals(table, 4000, seed=1)
    means = totals[:, 0] / totals[:, 1]
    residuals = table[:, 0] - table[:, 1] * table[:, 0].sum() / table[:, 1].sum()
    expected = np.sqrt((residuals**2).sum()) / table[:, 1].sum()
    assert means.std() == pytest.approx(expected, rel=0.05)
    assert means.mean() == pytest.approx(
        table[:, 0].sum() / table[:, 1].sum(), abs=4 * expected / np.sqrt(4000) + 0.002
    )


def test_blocks_of_clusters_are_resampled_independently() -> None:
    groups = 4 * BLOCK
    table = np.column_stack([np.arange(groups) % 2, np.random.default_rng(0).random(groups), np.ones(groups)])
    totals = resample_totals(table, 2000, seed=0)
    single = np.sqrt((table[:, 1] ** 2).sum())
    assert totals[:, 1].std() == pytest.approx(single, rel=0.06)  # four equal blocks would make it twice as wide


def test_few_kinds_and_many_give_the_same_interval() -> None:
    rng = np.random.default_rng(1)
    gaps = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=3000)
    few = paired_difference(gaps, np.zeros(3000))
    many = paired_difference(gaps + rng.normal(0, 1e-5, 3000), np.zeros(3000))
    assert (few.low, few.high) == pytest.approx((many.low, many.high), abs=0.002)


def test_functions_of_one_table_share_their_resamples() -> None:
    rng = np.random.default_rng(2)
    one = rng.random(200)
    first, same = bootstrap(np.column_stack([one, 1 - one]), None, [mean_of(0), mean_of(1)], resamples=500)
    assert np.allclose(first.replicates + same.replicates, 1, atol=1e-5)


def test_an_average_of_tasks_has_the_pooled_standard_error() -> None:
    rng = np.random.default_rng(3)
    parts = [
        bootstrap(rng.random(n), None, [mean_of(0)], resamples=4000, seed=number)[0]
        for number, n in enumerate((100, 400, 900))
    ]
    found = average(parts)
    expected = np.sqrt(sum(part.replicates.var() for part in parts)) / 3
    assert found.replicates.std() == pytest.approx(expected, rel=0.06)
    interval = found.interval()
    assert interval.n == 1400 and interval.low < found.value < interval.high


def test_an_average_of_nothing_is_missing() -> None:
    assert np.isnan(average([]).interval().value)
    assert np.isnan(bootstrap([], None, [mean_of(0)])[0].interval().value)


def test_one_row_is_not_certainty() -> None:
    found = paired_difference([1.0], [0.0])
    assert found.low < 0.5 and found.high == 1.0 and found.n == 1


def test_a_missing_value_in_any_column_leaves_the_row_out() -> None:
    table = cluster_table(np.array([[1.0, 1.0], [np.nan, 1.0], [0.0, 1.0]]), ["a", "a", "b"])
    assert table.tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]


def coverage(trials: int, clusters: int) -> float:
    """How often the interval of a paired difference of skewed continuous scores holds the truth."""
    rng = np.random.default_rng(clusters)
    members = np.repeat(np.arange(clusters), 3)
    truth = 2 / 7 - 1 / 7
    covered = []
    for trial in range(trials):
        shared = rng.beta(2, 5, clusters)[members]  # one picture's overlap, its questions a little off it
        second = rng.beta(1, 6, len(members))
        found = paired_difference(
            shared + rng.uniform(-0.05, 0.05, len(members)), second, members, resamples=1000, seed=trial
        )
        covered.append(found.low <= truth <= found.high)
    return float(np.mean(covered))


def test_continuous_interval_covers_the_truth() -> None:
    assert 0.925 <= coverage(600, 100) <= 0.975


@pytest.mark.slow
def test_continuous_interval_covers_the_truth_in_many_trials() -> None:
    assert 0.93 <= coverage(8000, 120) <= 0.97


def test_ten_thousand_resamples_over_twenty_thousand_ious_are_fast() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.random(20_000), rng.random(20_000)
    start = time.process_time()
    paired_difference(first, second)
    assert time.process_time() - start < 2
