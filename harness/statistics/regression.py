"""A line and a rank correlation through points that have errors in both directions."""

from dataclasses import dataclass

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all

from sightscale.harness.statistics.estimates import Array


@dataclass(frozen=True)
class Line:
    """y = intercept + slope · x; arrays when many point sets were fitted at once."""

    intercept: Array
    slope: Array


def fit_line(x: Array, y: Array, variance_x: Array, covariance: Array) -> Line:
    """The least-squares line of y on x with the points' own errors taken out of its moments.

    Errors in x flatten a line, and errors shared by x and y tilt it: the mean error variance of x, and the mean
    error covariance, are subtracted (Fuller, 1987; Akritas & Bershady, 1996). Points may scatter about the line
    by more than their errors. Points lie along the last axis; leading axes are point sets fitted side by side.
    Missing for fewer than three points, and where x varies no more than its errors do.
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    count = x.shape[-1]
    if count < 3:
        return Line(np.full(x.shape[:-1], np.nan), np.full(x.shape[:-1], np.nan))
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    away_x, away_y = x - mean_x[..., None], y - mean_y[..., None]
    moment_xx = (away_x**2).sum(-1) / (count - 1) - np.mean(variance_x, axis=-1)
    moment_xy = (away_x * away_y).sum(-1) / (count - 1) - np.mean(covariance, axis=-1)
    slope = np.divide(moment_xy, moment_xx, out=np.full(np.shape(moment_xx), np.nan), where=moment_xx > 0)
    return Line(mean_y - slope * mean_x, slope)


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
            left, right = scipy.stats.rankdata(x, axis=-1), scipy.stats.rankdata(y, axis=-1)
            left, right = left - left.mean(-1, keepdims=True), right - right.mean(-1, keepdims=True)
        else:
            first, second = np.triu_indices(x.shape[-1], 1)
            left, right = np.sign(x[..., first] - x[..., second]), np.sign(y[..., first] - y[..., second])
        taus: Array = (left * right).sum(-1) / np.sqrt((left**2).sum(-1) * (right**2).sum(-1))
        return taus
