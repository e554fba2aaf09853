"""Averages: how questions are weighed when many scores become one.

An average weighs strata: it is the sum over strata of a share times the stratum's mean score. A kind says which stratum
a question belongs to and what share each stratum has, so that every place that needs the average (scores, intervals,
resamples, lmms-eval's aggregation) takes the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class AverageKind(StrEnum):
    """How an average weighs its questions."""

    TASKS = "tasks"  # every task alike
    QUESTIONS = "questions"  # every question alike; MMStar's official average
    AXES = "axes"  # every axis of a category alike, then every category; lmms-eval's and the study's for MMStar


@dataclass(frozen=True, eq=False)
class Strata:
    """Which stratum each question belongs to, and each stratum's share of the average; shares add up to one."""

    of: NDArray[np.intp]
    shares: NDArray[np.float64]

    def mean(self, scores: Sequence[float] | NDArray[np.float64]) -> float:
        """The average of the questions' scores. There is at least one question."""
        sums = np.bincount(self.of, np.asarray(scores, float), len(self.shares))
        return float((sums / np.bincount(self.of, minlength=len(self.shares))) @ self.shares)


def stratify(
    kind: AverageKind, tasks: Sequence[str], categories: Sequence[str | None], axes: Sequence[str | None]
) -> Strata:
    """The strata of questions, each given by its task, its category and its axis (None where it has none).

    A question without a category counts under its task's name, one without an axis under an axis of its category's.
    """
    if kind is AverageKind.QUESTIONS:
        return Strata(np.zeros(len(tasks), np.intp), np.ones(1))
    if kind is AverageKind.TASKS:
        keys: list[tuple[str, str]] = [(task, "") for task in tasks]
    else:
        keys = [(category or task, axis or "") for task, category, axis in zip(tasks, categories, axes, strict=True)]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    outer = [key[0] for key in places]
    shares = [1 / outer.count(name) / len(set(outer)) for name in outer]
    return Strata(np.array([places[key] for key in keys], np.intp), np.array(shares))
