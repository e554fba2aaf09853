"""Statistics: intervals for scores and for paired differences, with questions clustered by picture.

Arrays in, a small frozen result out; nothing here knows where numbers come from. An average of
nothing is missing (nan), not zero.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, and the number of rows and of clusters behind it."""

    value: float
    low: float
    high: float
    n: int
    clusters: int


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The ends of Wilson's score interval for a proportion; (nan, nan) for n = 0."""
    if n <= 0:
        return float("nan"), float("nan")
    z = float(stats.norm.ppf(0.5 + level / 2))
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends of the scale rounding must not leave the share outside of its own interval.
    low, high = min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)
    return float(low), float(high)


def mean_score(scores: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """The mean of scores in [0, 1] with Wilson's interval at the effective sample size.

    The design effect is the clustered variance of the mean over the binomial one, never below 1
    (Korn & Graubard, 1998, with their correction for few clusters), so questions on one picture don't
    count as independent. Missing scores are left out, and `n` counts the rest.
    """
    sums, sizes = cluster_sums(np.asarray(scores, float), clusters)
    n, groups = int(sizes.sum()), len(sums)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    share = float(sums.sum() / n)
    effective = float(groups)  # nothing varies within or between clusters, or there is one cluster only
    if 0 < share < 1 and groups > 1:
        residuals = sums - share * sizes
        clustered = float(groups / (groups - 1) * (residuals**2).sum() / n**2)
        effect = max(1.0, clustered / (share * (1 - share) / n))
        few = (stats.t.ppf(0.5 + level / 2, n - 1) / stats.t.ppf(0.5 + level / 2, groups - 1)) ** 2
        effective = n / effect * float(few)
    low, high = wilson(share * effective, effective, level)
    return Estimate(share, low, high, n, groups)


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of `first − second` over the same rows, with a BCa bootstrap interval over clusters.

    Whole clusters are resampled (Efron, 1987, for the interval). When no cluster differs from
    another the bootstrap would claim certainty; then the interval is Wilson's for zero events among
    the clusters. Pairs with a missing score are left out. Raises ValueError when the two don't have the
    same length.
    """
    one, two = np.asarray(first, float), np.asarray(second, float)
    if one.shape != two.shape:
        raise ValueError(f"paired scores must have the same length, not {len(one)} and {len(two)}")
    sums, sizes = cluster_sums(one - two, clusters)
    n, groups = int(sizes.sum()), len(sums)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    value = float(sums.sum() / n)
    if np.allclose(sums, value * sizes):
        slack = wilson(0, groups, level)[1]
        return Estimate(value, max(-1.0, value - slack), min(1.0, value + slack), n, groups)
    replicates = _resample_ratio(sums, sizes, resamples, seed)
    low, high = _bca(replicates, value, _leave_one_out(sums, sizes), level)
    return Estimate(value, low, high, n, groups)


def cluster_sums(values: Array, clusters: ArrayLike | None) -> tuple[Array, Array]:
    """Sum and size of each cluster, of the values that aren't missing; every row is its own without `clusters`.

    This is the one place that decides what a cluster is. Raises ValueError for a missing id.
    """
    there = ~np.isnan(values)
    if clusters is None:
        return values[there], np.ones(int(there.sum()))
    ids = np.asarray(clusters)
    if ids.shape != values.shape:
        raise ValueError(f"{len(values)} rows need as many cluster ids, not {len(ids)}")
    if any(one is None or one != one for one in ids):
        raise ValueError("a row has no cluster id")
    _, members = np.unique(ids[there].astype(str), return_inverse=True)
    return np.bincount(members, weights=values[there]).astype(float), np.bincount(members).astype(float)


def _resample_ratio(sums: Array, sizes: Array, resamples: int, seed: int) -> Array:
    """Bootstrap replicates of sum(sums) / sum(sizes) over resampled clusters.

    Clusters with the same sum and size are interchangeable, so their counts in a resample are drawn
    at once from a multinomial: exact, and fast because scored questions take few values.
    """
    rng = np.random.default_rng(seed)
    kinds, counts = np.unique(np.stack([sums, sizes], axis=1), axis=0, return_counts=True)
    groups = len(sums)
    rows = max(1, 20_000_000 // len(kinds))
    parts = []
    for start in range(0, resamples, rows):
        drawn = rng.multinomial(groups, counts / groups, size=min(rows, resamples - start)) @ kinds
        parts.append(drawn[:, 0] / drawn[:, 1])
    return np.concatenate(parts)


def _leave_one_out(sums: Array, sizes: Array) -> Array:
    return (sums.sum() - sums) / np.maximum(sizes.sum() - sizes, 1e-12) if len(sums) > 1 else np.zeros(1)


def _bca(replicates: Array, value: float, jackknife: Array, level: float) -> tuple[float, float]:
    """The ends of the bias-corrected and accelerated interval."""
    below = float(np.mean(replicates < value) + np.mean(replicates == value) / 2)
    bias = stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6))
    spread = jackknife.mean() - jackknife
    cubed, squared = float((spread**3).sum()), float((spread**2).sum())
    acceleration = cubed / (6 * squared**1.5) if squared > 0 else 0.0
    ends = stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    slope = np.maximum(1 - acceleration * (bias + ends), 1e-3)  # it reaches zero in tiny, skewed samples only
    shifted = stats.norm.cdf(bias + (bias + ends) / slope)
    low, high = np.quantile(replicates, shifted)
    return float(low), float(high)
