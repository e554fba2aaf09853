"""Estimates: a score with its interval, questions clustered by picture."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from statistics import NormalDist

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
FEW_CLUSTERS = 30  # with fewer, intervals are exact ones


class Style(StrEnum):
    """How an estimate's numbers are shown."""

    SHARE = "share"  # in per cent
    POINTS = "points"  # a difference of shares, in points with a sign
    NUMBER = "number"  # as it is


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, and the number of rows and of clusters behind it.

    Ends are nan where there is no interval, the value where nothing was measured.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int

    @property
    def is_missing(self) -> bool:
        """Whether nothing was measured."""
        return self.value != self.value

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return self.low == self.low and self.high == self.high

    def show_value(self, style: Style = Style.SHARE) -> str:
        """The value alone; a dash where nothing was measured."""
        return "–" if self.is_missing else _show_number(self.value, style)

    def show_interval(self, style: Style = Style.SHARE) -> str:
        """`[low, high]`; nothing where there is no interval."""
        ends = f"[{_show_number(self.low, style)}, {_show_number(self.high, style)}]"
        return ends if self.has_interval and not self.is_missing else ""

    def show(self, style: Style = Style.SHARE) -> str:
        """`value [low, high]`; a dash where nothing was measured."""
        return f"{self.show_value(style)} {self.show_interval(style)}".strip()


def _show_number(value: float, style: Style) -> str:
    if style is Style.NUMBER:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{100 * value:+.1f}" if style is Style.POINTS else f"{100 * value:.1f}"


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The ends of Wilson's score interval for a proportion; (nan, nan) for n = 0."""
    if n <= 0:
        return float("nan"), float("nan")
    z = _normal_quantile(0.5 + level / 2)
    share = hits / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At the ends of the scale rounding must not leave the share outside of its own interval.
    low, high = min(max(0.0, centre - half), share), max(min(1.0, centre + half), share)
    return float(low), float(high)


def clopper_pearson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """The ends of the exact interval for a proportion (Clopper & Pearson, 1934); (nan, nan) for n = 0.

    `hits` and `n` may be effective numbers, which needn't be whole.
    """
    if n <= 0:
        return float("nan"), float("nan")
    tail, misses = (1 - level) / 2, n - hits
    low = float(scipy.stats.beta.ppf(tail, hits, misses + 1)) if hits > 0 else 0.0
    high = float(scipy.stats.beta.isf(tail, hits + 1, misses)) if misses > 0 else 1.0
    return low, high


@cache  # a leaderboard asks for it a hundred thousand times
def _normal_quantile(share: float) -> float:
    return NormalDist().inv_cdf(share)


def mean_score(scores: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95) -> Estimate:
    """The mean of scores in [0, 1] with Wilson's interval at the effective sample size; exact below 30 clusters.

    The design effect is the clustered variance of the mean over the binomial one, never below 1
    (Korn & Graubard, 1998, with their correction for few clusters), so questions on one picture don't
    count as independent. Missing scores are left out, and `n` counts the rest.
    """
    sums, sizes = cluster_sums(np.asarray(scores, float), clusters)
    n, groups = int(sizes.sum()), len(sums)
    if n == 0:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    share = float(sums.sum() / n)
    effective = float(groups)  # each question has its own cluster, nothing varies, or there is one cluster only
    if 0 < share < 1 and 1 < groups < n:
        residuals = sums - share * sizes
        clustered = float(groups / (groups - 1) * (residuals**2).sum() / n**2)
        effect = max(1.0, clustered / (share * (1 - share) / n))
        few = (scipy.stats.t.ppf(0.5 + level / 2, n - 1) / scipy.stats.t.ppf(0.5 + level / 2, groups - 1)) ** 2
        effective = n / effect * float(few)
    low, high = (clopper_pearson if groups < FEW_CLUSTERS else wilson)(share * effective, effective, level)
    return Estimate(share, low, high, n, groups)


def cluster_table(values: ArrayLike, clusters: ArrayLike | None) -> Array:
    """Sums and size of each cluster: one row a cluster, one column for each column of `values`, and the size last.

    Rows with a missing value anywhere are left out; every row is its own cluster without `clusters`. This is
    the one place that decides what a cluster is. Raises ValueError for a missing id.
    """
    table = np.asarray(values, float)
    columns = table[:, None] if table.ndim == 1 else table
    there = ~np.isnan(columns).any(axis=1)
    counted = np.column_stack([columns[there], np.ones(int(there.sum()))])
    if clusters is None:
        return counted
    ids = np.asarray(clusters)
    if ids.shape != columns.shape[:1]:
        raise ValueError(f"{len(columns)} rows need as many cluster ids, not {len(ids)}")
    if np.issubdtype(ids.dtype, np.integer):  # none is missing, and numbers sort faster than texts
        known, members = np.unique(ids[there], return_inverse=True)
    elif any(cluster is None or cluster != cluster for cluster in ids):
        raise ValueError("a row has no cluster id")
    else:
        known, members = np.unique(ids[there].astype(str), return_inverse=True)
    return np.column_stack([np.bincount(members, weights=column, minlength=len(known)) for column in counted.T])


def cluster_sums(values: ArrayLike, clusters: ArrayLike | None) -> tuple[Array, Array]:
    """Sum and size of each cluster, of the values that aren't missing; clusters as in `cluster_table`."""
    table = cluster_table(values, clusters)
    return table[:, 0], table[:, 1]
