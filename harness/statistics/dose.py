"""Dose and response: a score that can only fall as information is taken away, and where half of its gain is lost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike

from sightscale.harness.statistics.bootstrap import resample_totals
from sightscale.harness.statistics.estimates import Array, Estimate, cluster_table

REPLICATES = 2000


@dataclass(frozen=True)
class Response:
    """A monotone curve over doses, from no information to all of it, with its band, and the dose that halves the gain.

    `fitted` has a value for each level that was asked, `low` and `high` the ends of the 95 % band. `half` is missing
    where the gain isn't above zero.
    """

    fitted: Array
    low: Array
    high: Array
    gain: Estimate
    half: Estimate


def fit_response(
    scores: ArrayLike,
    amounts: Sequence[float],
    clusters: ArrayLike | None = None,
    *,
    logarithmic: bool = True,
    level: float = 0.95,
    seed: int = 0,
) -> Response:
    """A monotone fit to scores of the same questions (questions × levels) that rise with information along the columns.

    The first column is without the picture, the last one sighted; `amounts` are the doses of the columns between, from
    the least informative on. The fit is scipy's isotonic regression, the band and the interval of the gain come from a
    bootstrap over pictures. The half dose is interpolated between doses, in logarithms unless a dose is a share. Its
    interval reaches from the last dose that is below half to the first one above it, over resamples: whatever a curve
    does between the doses that were asked, a monotone one crosses half in there. It is open (±inf) towards doses that
    nobody asked. Raises ValueError where amounts and columns don't fit.
    """
    table = cluster_table(scores, clusters)
    levels = table.shape[1] - 1
    if levels != len(amounts) + 2:
        raise ValueError(f"{levels} columns need {levels - 2} amounts between them, not {len(amounts)}")
    n, groups = int(table[:, -1].sum()), len(table)
    nothing = np.full(levels, np.nan)
    if not n:
        missing = Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
        return Response(nothing, nothing, nothing, missing, missing)
    totals = table.sum(axis=0)
    fitted = _fit(totals[:-1] / totals[-1])
    resampled = resample_totals(table, REPLICATES, seed)
    curves = np.array([_fit(row[:-1] / row[-1]) for row in resampled])
    tail = (1 - level) / 2
    low, high = np.quantile(curves, [tail, 1 - tail], axis=0)
    gains = curves[:, -1] - curves[:, 0]
    least, most = np.quantile(gains, [tail, 1 - tail])
    gain = Estimate(float(fitted[-1] - fitted[0]), float(least), float(most), n, groups)
    scale: Callable[[Array], Array] = np.log if logarithmic else np.asarray
    back: Callable[[float], float] = np.exp if logarithmic else float
    places = np.asarray(scale(np.asarray(amounts, float)), float)
    half = _half(fitted, curves, places, back, tail, n, groups) if gain.low > 0 else None
    missing = Estimate(float("nan"), float("nan"), float("nan"), n, groups)
    return Response(fitted, low, high, gain, half or missing)


def _half(
    fitted: Array,
    curves: Array,
    places: Array,
    back: Callable[[float], float],
    tail: float,
    n: int,
    groups: int,
) -> Estimate:
    below, above = _brackets(curves, places)
    # No quantile between a dose and an open end.
    low, high = np.quantile(below, tail, method="lower"), np.quantile(above, 1 - tail, method="higher")
    value = _cross(fitted, places)
    # Amounts can fall as information rises (a blur): then the ends of the interval change places.
    ends = sorted(back(end) if np.isfinite(end) else float(end) for end in (float(low), float(high)))
    return Estimate(back(value) if np.isfinite(value) else float("nan"), ends[0], ends[1], n, groups)


def _brackets(curves: Array, places: Array) -> tuple[Array, Array]:
    """For each curve, the last asked place below half of its gain and the first one at or above it."""
    rises = 1.0 if len(places) < 2 or places[-1] >= places[0] else -1.0
    ends = np.concatenate([[-np.inf], rises * places, [np.inf]])
    half = (curves[:, :1] + curves[:, -1:]) / 2
    first = (curves >= half - 1e-12).argmax(axis=1)
    below, above = ends[np.maximum(first - 1, 0)], ends[first]
    return (below, above) if rises > 0 else (-above, -below)


def _cross(fitted: Array, places: Array) -> float:
    """Where the curve crosses half of its gain; the outermost dose where that lies beyond those asked."""
    half = (fitted[0] + fitted[-1]) / 2
    first = int((fitted >= half - 1e-12).argmax())
    if first == 0:
        return float("nan")
    if first == 1:  # between no picture and the least informative dose
        return float(places[0])
    if first == len(fitted) - 1:  # between the most informative dose and the whole picture
        return float(places[-1])
    before, after = fitted[first - 1], fitted[first]
    share = (half - before) / (after - before)
    return float(places[first - 2] + share * (places[first - 1] - places[first - 2]))


def _fit(means: Array) -> Array:
    fitted: Array = scipy.optimize.isotonic_regression(means).x
    return fitted
