"""Power: the smallest difference that a data set can show between two models."""

from dataclasses import dataclass

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike

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
    reach = scipy.stats.t.ppf(1 - alpha / 2, groups - 1) + scipy.stats.t.ppf(power, groups - 1)
    effect = clustered / single if single > 0 else float("nan")
    return SmallestDifference(float(reach * np.sqrt(clustered)), discordance, effect, n, groups)


@dataclass(frozen=True)
class SpreadOfPairs:
    """How paired answers differ, as far as numbers of questions follow from it.

    `variance` is that of one question's difference, with questions on one picture counted together: the variance of a
    mean of n differences is `variance` / n.
    """

    discordance: float
    variance: float
    n: int


def spread(first: ArrayLike, second: ArrayLike, clusters: ArrayLike | None = None) -> SpreadOfPairs:
    """How `first` and `second` differ on the same questions; missing pairs are left out.

    Where nothing differs, one question in n + 2 is taken to, half the rule of succession: never is no variance to plan
    with. Raises ValueError when there is no pair.
    """
    gaps = np.asarray(first, float) - np.asarray(second, float)
    sums, sizes = cluster_sums(gaps, clusters)
    n, groups = int(sizes.sum()), len(sums)
    if not n:
        raise ValueError("there is no pair")
    residuals = sums - sums.sum() / n * sizes
    clustered = groups / max(1, groups - 1) * float((residuals**2).sum()) / n
    differing = float(np.mean(np.abs(gaps[~np.isnan(gaps)]) > 0))
    return SpreadOfPairs(differing, max(clustered, 1 / (n + 2)), n)


def questions_for_difference(
    pairs: SpreadOfPairs, difference: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """How many questions show a true difference of this size with this power, two-sided (Connor, 1987, for pairs).

    The variance is taken under no difference for the test, and under the difference for its power.
    """
    null = max(pairs.variance, difference**2)  # no smaller than if all that differ did so in one direction
    reach = scipy.stats.norm.ppf(1 - alpha / 2) * np.sqrt(null) + scipy.stats.norm.ppf(power) * np.sqrt(
        max(null - difference**2, 0)
    )
    return float(np.ceil((reach / difference) ** 2))


def questions_for_width(pairs: SpreadOfPairs, half: float, *, level: float = 0.95) -> float:
    """How many questions place a mean difference within ± `half`."""
    return float(np.ceil((scipy.stats.norm.ppf(0.5 + level / 2) / half) ** 2 * pairs.variance))
