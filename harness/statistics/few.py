"""Few differences: an interval for a paired mean difference when few clusters differ, or there are few of them.

The bootstrap resamples what was seen: where three of thirty pairs differ, all in one direction, it never sees a loss
and would exclude zero, which the exact test doesn't. So below `FEW_DIFFERING` differing clusters, or `FEW_CLUSTERS`
in all, the interval is melded from exact ones (Fay & Lumbard, 2021, Statistics in Medicine 40, 1147): that of the
share of clusters that differ, and that of the share of gains among them. For pairs of right-or-wrong answers it
excludes zero exactly when McNemar's exact test has p < 1 − level.
"""

from functools import cache

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all

from sightscale.harness.statistics.estimates import FEW_CLUSTERS, Array

FEW_DIFFERING = 20
SAME = 1e-9  # contributions smaller than this are none
POINTS = 400  # quantiles of the share of gains that the melded distribution is taken over


def is_sparse(contributions: Array) -> bool:
    """Whether so few clusters differ, or are there, that the bootstrap is too sure."""
    return len(contributions) < FEW_CLUSTERS or int((np.abs(contributions) > SAME).sum()) < FEW_DIFFERING


def sparse_interval(contributions: Array, spread: float, level: float = 0.95) -> tuple[float, float]:
    """The ends of the interval of a sum of clusters' `contributions` to a mean difference with standard error `spread`.

    Clusters that differ alike, such as pairs of right-or-wrong answers, give the melded interval. Contributions of
    several sizes enter it with their effective number, (Σ|c|)² / Σc²; since it takes sizes as given, its ends then
    lie no nearer than those of Student's t with one degree of freedom less than the clusters that differ; and with ten
    or more of these, t alone decides. The ends can leave what is possible; callers bound them.
    """
    sizes = np.abs(contributions)
    differing = int((sizes > SAME).sum())
    count, value, total = len(contributions), float(contributions.sum()), float(sizes.sum())
    if not differing:
        return melded_interval(0.0, 0.0, float(count), level)
    effective = total**2 / float((sizes**2).sum())
    equal = effective > differing - 1e-6
    if equal:
        gains, effective = float((contributions > SAME).sum()), float(differing)
    else:
        gains = effective * float(contributions[contributions > 0].sum()) / total
    same = effective * (count / differing - 1)  # clusters that agree, in the same proportion
    if equal or differing < 10:
        low, high = melded_interval(gains, effective - gains, same, level)
        scale = count * total / differing
        low, high = low * scale, high * scale
        if equal:
            return low, high
    else:
        low, high = value, value
    reach = float(scipy.stats.t.ppf(0.5 + level / 2, max(1, differing - 1))) * spread
    return min(low, value - reach), max(high, value + reach)


@cache
def melded_interval(gains: float, losses: float, same: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of (share of gains − share of losses) among `gains + losses + same` pairs."""
    return _melded_end(gains, losses, same, (1 - level) / 2), -_melded_end(losses, gains, same, (1 - level) / 2)


def _melded_end(gains: float, losses: float, same: float, tail: float) -> float:
    """The lower end: the `tail` quantile of ψ (2θ − 1), drawn from the lower confidence distributions.

    θ is the share of gains among pairs that differ, ψ the share that differ. Where 2θ − 1 is negative the product
    falls as ψ grows, so there ψ comes from its upper distribution.
    """
    if gains <= 0:  # θ is zero, and only ψ's upper distribution counts
        return -float(scipy.stats.beta.ppf(1 - tail, losses + 1, same)) if same > 0 else -1.0
    quantiles = (np.arange(POINTS) + 0.5) / POINTS
    tilt = 2 * scipy.stats.beta.ppf(quantiles, gains, losses + 1) - 1
    differing = gains + losses

    def below(end: float) -> float:
        with np.errstate(divide="ignore"):
            share = np.divide(end, tilt, out=np.full(POINTS, np.inf), where=tilt != 0)
        if end >= 0:
            risen = scipy.stats.beta.cdf(share, differing, same + 1)
            return float(np.where(tilt > 0, risen, 1.0).mean()) - tail
        fallen = scipy.stats.beta.sf(share, differing + 1, same) if same > 0 else (share <= 1).astype(float)
        return float(np.where(tilt < 0, fallen, 0.0).mean()) - tail

    # Exactly the one-sided p-value of McNemar's exact test.
    at_zero = float(scipy.stats.beta.cdf(0.5, gains, losses + 1))
    low, high = (-1.0, -1e-12) if at_zero >= tail else (1e-12, 1.0)
    if below(low) >= 0:
        return low
    if below(high) <= 0:
        return high
    return float(scipy.optimize.brentq(below, low, high, xtol=1e-10))
