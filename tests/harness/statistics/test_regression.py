"""A line and rank correlations through points with errors in both directions."""

import numpy as np
import pytest
from scipy import stats

from sightscale.harness.statistics import fit_line, rank_correlation


def test_rank_correlations_equal_scipys_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, (4, 15)).astype(float), rng.integers(0, 6, (4, 15)).astype(float)
    for row in range(4):
        assert rank_correlation(x, y)[row] == pytest.approx(stats.kendalltau(x[row], y[row]).statistic)
        assert rank_correlation(x, y, "spearman")[row] == pytest.approx(stats.spearmanr(x[row], y[row]).statistic)
    with pytest.raises(ValueError, match="unknown rank correlation"):
        rank_correlation(x, y, "pearson")


def test_without_errors_it_is_the_least_squares_line() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    y = 2 * x + rng.normal(size=30)
    line, theirs = fit_line(x, y, np.zeros(30), np.zeros(30)), stats.linregress(x, y)
    assert (line.slope, line.intercept) == pytest.approx((theirs.slope, theirs.intercept))


def test_errors_in_both_directions_dont_flatten_or_tilt_the_line() -> None:
    rng = np.random.default_rng(2)
    truth = rng.uniform(0, 0.6, (4000, 15))
    shared = rng.normal(0, 0.08, truth.shape)  # the same questions make both
    x = truth + shared + rng.normal(0, 0.05, truth.shape)
    y = 0.1 + 1.5 * truth + 0.7 * shared + rng.normal(0, 0.1, truth.shape)
    variance, covariance = np.full(truth.shape, 0.08**2 + 0.05**2), np.full(truth.shape, 0.7 * 0.08**2)
    corrected = fit_line(x, y, variance, covariance)
    plain = fit_line(x, y, 0 * variance, 0 * covariance)
    assert np.nanmedian(corrected.slope) == pytest.approx(1.5, abs=0.06)
    assert abs(np.median(plain.slope) - 1.5) > 0.1


def test_too_little_to_fit_is_missing() -> None:
    two = np.array([0.0, 1.0])
    assert np.isnan(fit_line(two, two, two * 0, two * 0).slope) and np.isnan(rank_correlation(two, two))
    flat = np.zeros(5)
    assert np.isnan(fit_line(flat, flat, flat + 1, flat).slope) and np.isnan(rank_correlation(flat, flat))
