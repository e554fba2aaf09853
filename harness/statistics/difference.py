"""Tests of whether two models differ on the questions that both were asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike

from sightscale.harness.statistics.estimates import FEW_CLUSTERS, cluster_sums
from sightscale.harness.statistics.few import FEW_DIFFERING

DRAWS = 100_000


@dataclass(frozen=True)
class Difference:
    """Questions that only the first, or only the second, scored higher on; the two-sided p-value; the test's name."""

    first_only: int
    second_only: int
    p: float
    test: str


def mcnemar(first: ArrayLike, second: ArrayLike) -> Difference:
    """McNemar's test for scores of the same independent questions.

    It is the exact one where few questions differ, or there are few, as the interval of the difference is; else the
    mid-p value (Fagerland et al., 2013), since the exact test finds too little there.
    """
    ahead, behind = _discordant(first, second)
    n = ahead + behind
    if n < FEW_DIFFERING or len(np.asarray(first)) < FEW_CLUSTERS:
        p = float(scipy.stats.binomtest(ahead, n).pvalue) if n else 1.0
        return Difference(ahead, behind, p, "McNemar exact")
    fewer = min(ahead, behind)
    p = 2 * float(scipy.stats.binom.cdf(fewer, n, 0.5)) - float(scipy.stats.binom.pmf(fewer, n, 0.5))
    return Difference(ahead, behind, 1.0 if ahead == behind else min(1.0, p), "McNemar mid-p")


def sign_flip(
    first: ArrayLike, second: ArrayLike, clusters: ArrayLike | None, *, draws: int = DRAWS, seed: int = 0
) -> Difference:
    """The test for questions that share pictures, and for scores between 0 and 1.

    If the models were alike, the sign of a cluster's summed difference would be a coin's: the p-value is the
    share of `draws` such flips with a difference at least as large. With single right-or-wrong questions
    this is McNemar's exact test.
    """
    ahead, behind = _discordant(first, second)
    sums, _ = cluster_sums(np.asarray(first, float) - np.asarray(second, float), clusters)
    sizes, counts = np.unique(np.abs(np.round(sums, 9)), return_counts=True)
    sizes, counts = sizes[sizes > 0], counts[sizes > 0]
    if not len(sizes):
        return Difference(ahead, behind, 1.0, "sign flips")
    rng = np.random.default_rng(seed)
    flipped = np.zeros(draws)
    for size, count in zip(sizes, counts, strict=True):
        flipped += size * (2.0 * rng.binomial(count, 0.5, size=draws) - count)
    extreme = int((np.abs(flipped) >= abs(sums.sum()) - 1e-6).sum())
    return Difference(ahead, behind, (extreme + 1) / (draws + 1), "sign flips")


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given; a missing one stays missing and isn't counted."""
    p = np.asarray(p_values, float)
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(order) else steps
    return [float(value) for value in adjusted]


def _discordant(first: ArrayLike, second: ArrayLike) -> tuple[int, int]:
    scores, others = np.asarray(first, float), np.asarray(second, float)
    if scores.shape != others.shape:
        raise ValueError(f"paired scores must have the same length, not {len(scores)} and {len(others)}")
    return int((scores > others).sum()), int((scores < others).sum())
