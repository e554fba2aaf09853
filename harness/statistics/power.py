"""Power: the smallest difference that a data set can show between two models."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from sightscale.harness.statistics.estimates import cluster_sums


@dataclass(frozen=True)
class SmallestDifference:
    """The smallest true difference found with the power asked for, and what it follows from.

    `discordance` is the share of questions on which the two differ; `design_effect` how many times larger the
    variance is than if each question had its own picture.
    """

    value: float
    discordance: float
    design_effect: float
    n: int
    clusters: int


def smallest_difference(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike | None = None, *, power: float = 0.8, alpha: float = 0.05
) -> SmallestDifference:
    """(z for alpha, two-sided, + z for power) standard errors of the paired difference, clustered.

    Student's t with clusters − 1 degrees of freedom stands in for the normal, for few clusters. Missing (nan)
    with fewer than two clusters or when the two never differ.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    sums, sizes = cluster_sums(gaps, clusters)
    n, groups = int(sizes.sum()), len(sums)
    discordance = float(np.mean(np.abs(gaps[~np.isnan(gaps)]) > 0)) if n else float("nan")
    if groups < 2 or discordance == 0:
        return SmallestDifference(float("nan"), discordance, float("nan"), n, groups)
    mean = sums.sum() / n
    clustered = groups / (groups - 1) * float(((sums - mean * sizes) ** 2).sum()) / n**2
    single = float(np.nanvar(gaps)) / n
    reach = stats.t.ppf(1 - alpha / 2, groups - 1) + stats.t.ppf(power, groups - 1)
    effect = clustered / single if single > 0 else float("nan")
    return SmallestDifference(float(reach * np.sqrt(clustered)), discordance, effect, n, groups)
