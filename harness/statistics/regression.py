"""A line and a rank correlation through points that have errors in both directions."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sightscale.harness.statistics.estimates import Array

STEPS = 60  # of the fixed-point iteration; it settles within a few


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x; arrays when many point sets were fitted at once."""

    intercept: Array
    slope: Array


def fit_line(x: Array, y: Array, variance_x: Array, variance_y: Array, covariance: Array) -> Line:
    """The errors-in-variables line of York et al. (2004), with each point's own error covariance.

    Points lie along the last axis; leading axes are point sets fitted side by side. Missing for fewer than
    three points. Raises nothing: a set without spread in x gets a missing slope.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.shape[-1] < 3:
        return Line(np.full(x.shape[:-1], np.nan), np.full(x.shape[:-1], np.nan))
    precise_x, precise_y = 1 / variance_x, 1 / variance_y
    tied = covariance * np.sqrt(precise_x * precise_y)
    root = np.sqrt(precise_x * precise_y)
    with np.errstate(divide="ignore", invalid="ignore"):
        centred_x, centred_y = x - x.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
        slope = _major_axis(centred_x, centred_y)
        for _ in range(STEPS):
            b = slope[..., None]
            weight = precise_x * precise_y / (precise_x + b**2 * precise_y - 2 * b * tied * root)
            mean_x = (weight * x).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
            mean_y = (weight * y).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
            u, v = x - mean_x, y - mean_y
            adjusted = weight * (u / precise_y + b * v / precise_x - (b * u + v) * tied / root)
            slope = (weight * adjusted * v).sum(-1) / (weight * adjusted * u).sum(-1)
        return Line(mean_y[..., 0] - slope * mean_x[..., 0], slope)


def rank_correlation(x: Array, y: Array, kind: str = "kendall") -> Array:
    """Kendall's tau-b, or Spearman's rho, along the last axis; missing without spread or with fewer than three points.

    Raises ValueError for another kind.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if kind not in ("kendall", "spearman"):
        raise ValueError(f"unknown rank correlation {kind!r}; known: kendall, spearman")
    if x.shape[-1] < 3:
        return np.full(x.shape[:-1], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        if kind == "spearman":
            one, two = stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1)
            one, two = one - one.mean(-1, keepdims=True), two - two.mean(-1, keepdims=True)
        else:
            first, second = np.triu_indices(x.shape[-1], 1)
            one, two = np.sign(x[..., first] - x[..., second]), np.sign(y[..., first] - y[..., second])
        return (one * two).sum(-1) / np.sqrt((one**2).sum(-1) * (two**2).sum(-1))


def _major_axis(x: Array, y: Array) -> Array:
    """Slope of the first principal axis, where the iteration starts."""
    xx, yy, xy = (x * x).sum(-1), (y * y).sum(-1), (x * y).sum(-1)
    return (yy - xx + np.sqrt((yy - xx) ** 2 + 4 * xy**2)) / np.where(xy == 0, np.nan, 2 * xy)
