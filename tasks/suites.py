"""Suites: which tasks belong together, and how their averages are taken.

An average weighs strata: it is the sum over strata of a share times the stratum's mean score. A rule says which
stratum a question belongs to and what share each stratum has, so that every place that needs the average (scores,
intervals, resamples, lmms-eval's aggregation) takes the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sightscale.tasks.catalogue import find_card, list_tasks


class Suite(StrEnum):
    """A family of tasks; its value is what a task file's `metadata.suite` says."""

    IN_DOMAIN = "in_domain"
    MMSTAR = "mmstar"
    GROUNDING = "grounding"
    SIMILARITY = "similarity"
    IMAGENET = "imagenet"
    MULTI_IMAGE = "multi_image"
    EASY_VQA = "easy_vqa"


class AverageKind(StrEnum):
    """How an average weighs its questions."""

    TASKS = "tasks"  # every task alike
    QUESTIONS = "questions"  # every question alike; MMStar's official average
    AXES = "axes"  # every axis of a category alike, then every category; lmms-eval's and the study's for MMStar


# In words, as entries have them.
IN_WORDS = {
    AverageKind.TASKS: "unweighted mean of the tasks' scores",
    AverageKind.QUESTIONS: "right answers over all questions",
    AverageKind.AXES: "mean over the axes (l2_category) of a category, then over the categories",
}
AXES_OF_ONE = "mean over the axes (l2_category) of the category"

TITLES = {Suite.IN_DOMAIN: "in-domain", Suite.MMSTAR: "MMStar"}  # of the suites that are reported as one number
GROUPS = {Suite.IN_DOMAIN: "in_domain", Suite.MMSTAR: "mmstar_categories"}  # that hold a suite's tasks
# The averages that boards show first, with their headings.
HEADLINES = {"in_domain": "In-domain", "mmstar_macro": "MMStar", "grounding": "Grounding", "similarity": "Similarity"}


@dataclass(frozen=True)
class AverageRule:
    """One average that boards and exports name: the tasks that it needs, and how it weighs them."""

    name: str
    tasks: tuple[str, ...]
    kind: AverageKind
    words: str


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


@cache
def _suites() -> dict[str, Suite]:
    return {card.name: Suite(card.suite) for card in list_tasks() if card.suite}


def suite_of(task: str) -> Suite | None:
    """The suite that a task or group belongs to; None for a task that isn't ours."""
    return _suites().get(task)


def members_of(suite: Suite) -> tuple[str, ...]:
    """The tasks that a suite's number is made of, in their order. Raises KeyError for a suite without such a number."""
    return find_card(GROUPS[suite]).members


@cache  # the cards are read from more than a hundred files
def list_averages() -> tuple[AverageRule, ...]:
    """Every average that boards know: one for each group of sighted tasks, and MMStar's of both kinds."""
    cards = {card.name: card for card in list_tasks()}
    rules: list[AverageRule] = []
    for card in cards.values():
        if not card.members or card.blind_of or any(name in cards and cards[name].blind_of for name in card.members):
            continue
        if card.name == GROUPS[Suite.MMSTAR]:
            axes, questions = AverageKind.AXES, AverageKind.QUESTIONS
            rules += [AverageRule("mmstar_macro", card.members, axes, IN_WORDS[axes])]
            rules += [AverageRule("mmstar_official", card.members, questions, IN_WORDS[questions])]
            rules += [AverageRule(f"{task}_macro", (task,), axes, AXES_OF_ONE) for task in card.members]
        elif not card.missing:
            rules.append(AverageRule(card.name, card.members, AverageKind.TASKS, IN_WORDS[AverageKind.TASKS]))
    return tuple(rules)
