"""Corrections: what a score is worth beyond guessing, and what unread answers could have made of it."""

import numpy as np
from numpy.typing import ArrayLike

from sightscale.harness.statistics.bootstrap import RESAMPLES, Bootstrapped, bootstrap
from sightscale.harness.statistics.estimates import Array, Estimate, mean_score

AT_BEST = (-np.inf, 1.0)  # no interval ends above what can be reached


def chance_corrected(
    scores: ArrayLike,
    chances: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """(score − chance) / (1 − chance) with the means over questions of score and chance: 0 for guessing, 1 at best.

    `chances` is one over each question's own number of options.
    """
    columns = np.column_stack([np.asarray(scores, float), np.asarray(chances, float)])
    return bootstrap(columns, clusters, [_above_prior], resamples=resamples, seed=seed)[0].interval(bounds=AT_BEST)


def blind_corrected(
    sighted: ArrayLike,
    blind: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """(S − S_blind) / (1 − S_blind) on the same questions: what is won of all that blind answering leaves."""
    return _two(sighted, blind, clusters, resamples, seed)[0].interval(bounds=AT_BEST)


def blind_share(
    sighted: ArrayLike,
    blind: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """S_blind / S on the same questions: the share of the score that blind answering already gets."""
    return _two(sighted, blind, clusters, resamples, seed)[1].interval(bounds=(0.0, np.inf))


def unparsed_bounds(
    scores: ArrayLike, unread: ArrayLike, chances: ArrayLike, clusters: ArrayLike | None = None
) -> dict[str, Estimate]:
    """The score if every answer that wasn't read had been wrong, at chance, or right: `wrong`, `chance`, `right`."""
    known, guess = np.asarray(scores, float), np.asarray(chances, float)
    missing = np.asarray(unread, bool)
    worth = {"wrong": np.zeros(len(known)), "chance": guess, "right": np.ones(len(known))}
    return {name: mean_score(np.where(missing, value, known), clusters) for name, value in worth.items()}


def _two(
    sighted: ArrayLike, blind: ArrayLike, clusters: ArrayLike | None, resamples: int, seed: int
) -> list[Bootstrapped]:
    columns = np.column_stack([np.asarray(sighted, float), np.asarray(blind, float)])
    return bootstrap(columns, clusters, [_above_prior, _share], resamples=resamples, seed=seed)


def _above_prior(totals: Array) -> Array:
    return (totals[..., 0] - totals[..., 1]) / (totals[..., 2] - totals[..., 1])


def _share(totals: Array) -> Array:
    return totals[..., 1] / totals[..., 0]
