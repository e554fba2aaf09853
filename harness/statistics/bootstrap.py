"""The bootstrap over whole clusters, for any function of sums over questions.

A statistic is written as a function of column totals (say, the sum of sighted scores, of blind scores and
the number of questions), so one matrix product resamples it ten thousand times.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike

from sightscale.harness.statistics.estimates import (
    FEW_CLUSTERS,
    Array,
    Estimate,
    clopper_pearson,
    cluster_table,
    wilson,
)
from sightscale.harness.statistics.few import is_sparse, sparse_interval

RESAMPLES = 10_000
BLOCK = 2048  # clusters whose counts are drawn at once: 80 MB for 10,000 resamples
FEW_KINDS = 0.25  # of the clusters; then counts are drawn for kinds of clusters, which is faster


@dataclass(frozen=True)
class Bootstrapped:
    """A value with its resamples and its jackknife influences (mean minus leave-one-out), n and clusters.

    A mean of paired differences also has each cluster's `contributions`, which add up to the value.
    """

    value: float
    replicates: Array
    influences: Array
    n: int
    clusters: int
    contributions: Array | None = None

    def interval(self, level: float = 0.95, bounds: tuple[float, float] = (-np.inf, np.inf)) -> Estimate:
        """The estimate with its bias-corrected and accelerated interval (Efron, 1987).

        Of a paired difference with few clusters that differ, or few clusters, it is `few.sparse_interval`. Of anything
        else with few clusters, its ends lie no nearer than those of Student's t with the jackknife's standard error.
        When no cluster differs from another the bootstrap would claim certainty; then the interval is that of zero
        events among the clusters. No end of these leaves `bounds`.
        """
        if not np.isfinite(self.value):
            return Estimate(float("nan"), float("nan"), float("nan"), self.n, self.clusters)
        few = self.clusters < FEW_CLUSTERS
        replicates = self.replicates[np.isfinite(self.replicates)]
        if self.contributions is not None and is_sparse(self.contributions):
            low, high = sparse_interval(self.contributions, self._spread, level)
            low, high = min(low, self.value), max(high, self.value)  # the value is another sum, rounded otherwise
        elif not len(replicates) or np.ptp(replicates) < 1e-6:
            slack = (clopper_pearson if few else wilson)(0, self.clusters, level)[1]
            low, high = self.value - slack, self.value + slack
        else:
            low, high = _bca(replicates, self.value, self.influences, level)
            if not few:
                return Estimate(self.value, low, high, self.n, self.clusters)
            reach = float(scipy.stats.t.ppf(0.5 + level / 2, max(1, self.clusters - 1))) * self._spread
            low, high = min(low, self.value - reach), max(high, self.value + reach)
        return Estimate(self.value, float(max(bounds[0], low)), float(min(bounds[1], high)), self.n, self.clusters)

    @property
    def _spread(self) -> float:
        """The jackknife's standard error."""
        return float(np.sqrt(max(0.0, 1 - 1 / self.clusters) * (self.influences**2).sum()))


class Gap(ABC):
    """A function of totals that is a mean of paired differences, and what each cluster contributes to it."""

    @abstractmethod
    def __call__(self, totals: Array) -> Array:
        """The mean, from totals whose last axis ends with the number of questions."""

    @abstractmethod
    def contribute(self, table: Array) -> Array:
        """What each cluster of a cluster table adds to the mean."""


@dataclass(frozen=True)
class WeighedGap(Gap):
    """The sum of weighed column means, such as (1, −1) for the first column minus the second."""

    weights: tuple[float, ...]

    def __call__(self, totals: Array) -> Array:
        weighed: Array = (totals[..., : len(self.weights)] @ np.asarray(self.weights)) / totals[..., -1]
        return weighed

    def contribute(self, table: Array) -> Array:
        weighed: Array = (table[:, : len(self.weights)] @ np.asarray(self.weights)) / table[:, -1].sum()
        return weighed


def bootstrap(
    values: ArrayLike,
    clusters: ArrayLike | None,
    functions: Sequence[Callable[[Array], Array]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[Bootstrapped]:
    """Each function of the column totals of `values` (questions × columns), resampled over whole clusters.

    A function takes an array whose last axis is the totals, the number of questions last, and returns the
    statistic without that axis. All functions see the same resamples, so their replicates covary as they should.
    """
    table = cluster_table(values, clusters)
    n, groups = int(table[:, -1].sum()), len(table)
    if n == 0:
        return [Bootstrapped(float("nan"), np.array([]), np.array([]), 0, 0) for _ in functions]
    totals = table.sum(axis=0)
    resampled = resample_totals(table, resamples, seed)
    left_out = totals - table if groups > 1 else totals[None]
    results = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for function in functions:
            without = np.asarray(function(left_out), float)
            without = without[np.isfinite(without)]
            influences = without.mean() - without if len(without) else np.zeros(1)
            results.append(
                Bootstrapped(
                    value=float(function(totals)),
                    replicates=np.asarray(function(resampled), float),
                    influences=influences,
                    n=n,
                    clusters=groups,
                    contributions=function.contribute(table) if isinstance(function, Gap) else None,
                )
            )
    return results


def average(parts: Sequence[Bootstrapped], weights: Sequence[float] | None = None) -> Bootstrapped:
    """The mean of statistics of independent data sets, unweighted unless `weights` are given."""
    if not parts or any(not len(part.replicates) for part in parts):
        return Bootstrapped(float("nan"), np.array([]), np.array([]), 0, 0)
    weighed = np.ones(len(parts)) if weights is None else np.asarray(weights, float)
    shares = weighed / weighed.sum()
    return Bootstrapped(
        value=float(shares @ [part.value for part in parts]),
        replicates=shares @ np.array([part.replicates for part in parts]),
        influences=np.concatenate([share * part.influences for share, part in zip(shares, parts, strict=True)]),
        n=sum(part.n for part in parts),
        clusters=sum(part.clusters for part in parts),
        contributions=_pool(parts, shares),
    )


def _pool(parts: Sequence[Bootstrapped], shares: Array) -> Array | None:
    """What every cluster of all parts contributes to their average; None unless each part is a paired difference."""
    known = [
        share * part.contributions for share, part in zip(shares, parts, strict=True) if part.contributions is not None
    ]
    return np.concatenate(known) if len(known) == len(parts) else None


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Estimate:
    """The mean of `first − second` over the same rows, its interval as `Bootstrapped.interval` has it.

    `bounds` are what a difference can be: those of scores by default. Pairs with a missing score are left out. Raises
    ValueError when the two don't have the same length.
    """
    scores, others = np.asarray(first, float), np.asarray(second, float)
    if scores.shape != others.shape:
        raise ValueError(f"paired scores must have the same length, not {len(scores)} and {len(others)}")
    [difference] = bootstrap(scores - others, clusters, [WeighedGap((1.0,))], resamples=resamples, seed=seed)
    return difference.interval(level, bounds)


def mean_of(column: int) -> Callable[[Array], Array]:
    """The function of totals that is a column's mean."""
    return lambda totals: totals[..., column] / totals[..., -1]


def resample_totals(table: Array, resamples: int = RESAMPLES, seed: int = 0) -> Array:
    """Column totals of `table` (clusters × columns) in each resample of its clusters: resamples × columns.

    Clusters with the same row are interchangeable, so where there are few kinds their counts come from a
    multinomial, which is exact. Up to `BLOCK` different clusters, counts are exact too. Beyond, counts are
    independent Poisson draws with mean 1 (Chamandy et al., 2012), drawn for one block of clusters and dealt to
    every block in another order of the resamples, so no two blocks share their counts in a resample.
    """
    values = np.ascontiguousarray(table, np.float64)
    totals = _resample(values.tobytes(), values.shape, resamples, seed)
    totals.setflags(write=False)  # others may get the same array
    return totals


@lru_cache(maxsize=8)  # several measures of one group are functions of the same totals
def _resample(content: bytes, shape: tuple[int, ...], resamples: int, seed: int) -> Array:
    """The totals for the table with these bytes."""
    table = np.frombuffer(content).reshape(shape)
    rng = np.random.default_rng(seed)
    groups = len(table)
    kinds, sizes = np.unique(table, axis=0, return_counts=True)
    if len(kinds) <= max(16, FEW_KINDS * groups) and len(kinds) <= BLOCK:
        return np.asarray(rng.multinomial(groups, sizes / groups, size=resamples).astype(float) @ kinds)
    if groups <= BLOCK:
        return (_draw_counts(groups, resamples, rng) @ table.astype(np.float32)).astype(float)
    shuffled = table[rng.permutation(groups)].astype(np.float32)
    counts = rng.poisson(1.0, size=(resamples, BLOCK)).astype(np.float32)
    totals = np.zeros((resamples, table.shape[1]))
    for start in range(0, groups, BLOCK):
        block = shuffled[start : start + BLOCK]
        totals += (counts[:, : len(block)] @ block)[rng.permutation(resamples)]
    return totals


def _draw_counts(groups: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `groups` clusters is drawn when as many are drawn with replacement."""
    counts = np.empty((resamples, groups), np.float32)
    step = max(1, 2_000_000 // groups)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(0, groups, size=(rows, groups)) + groups * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * groups).reshape(rows, groups)
    return counts


def _bca(replicates: Array, value: float, influences: Array, level: float) -> tuple[float, float]:
    """The ends of the bias-corrected and accelerated interval."""
    slack = 1e-6 * max(1.0, abs(value))  # replicates equal to the value up to rounding count as half below
    below = float(np.mean(replicates < value - slack) + np.mean(np.abs(replicates - value) <= slack) / 2)
    bias = scipy.stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6))
    cubed, squared = float((influences**3).sum()), float((influences**2).sum())
    acceleration = cubed / (6 * squared**1.5) if squared > 0 else 0.0
    ends = scipy.stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    slope = np.maximum(1 - acceleration * (bias + ends), 1e-3)  # it reaches zero in tiny, skewed samples only
    shifted = scipy.stats.norm.cdf(bias + (bias + ends) / slope)
    low, high = np.quantile(replicates, shifted)
    return float(low), float(high)
