"""Few differences: the interval agrees with McNemar's exact test, and covers the truth where the bootstrap doesn't."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from sightscale.harness.statistics import average, bootstrap, paired_difference
from sightscale.harness.statistics.bootstrap import WeighedGap
from sightscale.harness.statistics.few import FEW_DIFFERING, melded_interval


def pair(gains: int, losses: int, same: int) -> tuple[np.ndarray, np.ndarray]:
    """Right-or-wrong scores of two models with these counts of questions."""
    return np.r_[np.ones(gains), np.zeros(losses + same)], np.r_[np.zeros(gains), np.ones(losses), np.zeros(same)]


@pytest.mark.parametrize("gains", [3, 4, 5])
def test_three_to_five_gains_of_thirty_without_a_loss_hold_zero(gains: int) -> None:
    found = paired_difference(*pair(gains, 0, 30 - gains))
    assert found.value == pytest.approx(gains / 30) and found.low < 0 < found.value < found.high < 1
    assert paired_difference(*pair(6, 0, 24)).low > 0  # six of six: p = 0.03


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 300))
def test_zero_is_excluded_exactly_when_the_exact_test_excludes_it(gains: int, losses: int, same: int) -> None:
    if gains + losses + same == 0 or (gains + losses >= FEW_DIFFERING and gains + losses + same >= 30):
        return
    found = paired_difference(*pair(gains, losses, same), resamples=200)
    p = stats.binomtest(gains, gains + losses).pvalue if gains + losses else 1.0
    assert (found.low > 0 or found.high < 0) == (p < 0.05)
    assert -1 <= found.low <= found.value <= found.high <= 1


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 60))
def test_gains_and_losses_are_mirrored(gains: int, losses: int, same: int) -> None:
    low, high = melded_interval(float(gains), float(losses), float(same))
    assert melded_interval(float(losses), float(gains), float(same)) == pytest.approx((-high, -low), abs=1e-6)


def cover(n: int, differing: float, gains: float, trials: int) -> float:
    """How often the interval holds the truth, `differing` questions of `n` expected to differ."""
    rng = np.random.default_rng([n, round(10 * differing), round(100 * gains)])
    share = differing / n
    drawn = rng.multinomial(n, [share * gains, share * (1 - gains), 1 - share], size=trials)
    truth = share * (2 * gains - 1)
    ends = [paired_difference(*pair(*map(int, counts)), resamples=400) for counts in drawn]
    return float(np.mean([found.low <= truth <= found.high for found in ends]))


@pytest.mark.parametrize("differing", [0.5, 2, 5, 10])
@pytest.mark.parametrize("gains", [0.5, 0.8, 1.0])
def test_few_differences_cover_the_truth(differing: float, gains: float) -> None:
    assert cover(60, differing, gains, 250) >= 0.94


@pytest.mark.slow
@pytest.mark.parametrize("n", [12, 30, 100, 300])
@pytest.mark.parametrize("differing", range(11))
def test_every_number_of_expected_differences_covers_the_truth(n: int, differing: int) -> None:
    for gains in (0.5, 0.8, 1.0):
        if differing < n:
            assert cover(n, differing, gains, 1000) >= 0.935


@pytest.mark.parametrize("clusters", [6, 15, 60])
def test_few_pictures_that_differ_cover_the_truth(clusters: int) -> None:
    rng = np.random.default_rng(clusters)
    members = np.repeat(np.arange(clusters), 5)
    covered = []
    for _ in range(150):
        moved = rng.random(clusters) < 5 / clusters  # such a picture changes some answers, more often for the better
        gaps = np.where(moved[members], rng.choice([-1.0, 0, 1], p=[0.15, 0.45, 0.4], size=len(members)), 0.0)
        found = paired_difference(gaps, np.zeros(len(gaps)), members, resamples=400)
        covered.append(found.low <= 5 / clusters * 0.25 <= found.high)
    assert np.mean(covered) >= 0.92


@pytest.mark.parametrize("n", [4, 10, 25])
def test_few_overlaps_cover_the_truth(n: int) -> None:
    rng = np.random.default_rng(n)
    covered = []
    for _ in range(400):
        found = paired_difference(rng.beta(2, 5, n), rng.beta(1, 6, n), resamples=400)
        covered.append(found.low <= 1 / 7 <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.99


def test_an_average_of_tasks_with_few_differences_is_not_sure_either() -> None:
    parts = [
        bootstrap(np.r_[np.ones(2), np.zeros(28)], None, [WeighedGap((1.0,))], resamples=2000, seed=number)[0]
        for number in range(2)
    ]
    assert average(parts).interval().low < 0  # 4 gains, 0 losses of 60: p = 0.125
