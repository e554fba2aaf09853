"""Intervals: every score, average and reliance of an entry with the ends of its 95 % interval.

From an entry's records questions on one picture count together, and reliance pairs the two answers to a question.
From its claims alone every question counts for itself, which is narrower, and reliance is a difference of two
independent scores, which is wider. Sums and differences of independent parts take their ends from those of the parts
(MOVER, the method of variance estimates recovery: Zou & Donner, 2008).
"""

from collections.abc import Mapping, Sequence
from math import hypot
from typing import TYPE_CHECKING

from sightscale.harness.statistics import Estimate, mean_score, wilson
from sightscale.leaderboards.entry import Entry, Score, split_strata
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.suites import AverageRule, list_averages
from sightscale.tasks.vocabulary import Condition

if TYPE_CHECKING:
    import pandas as pd

Scores = Mapping[tuple[str, str], Estimate]  # by task or average, and condition


def estimate_claims(entry: Entry) -> dict[tuple[str, str], Estimate]:
    """Every claimed score and average with its interval, as if no two questions shared a picture."""
    estimates: dict[tuple[str, str], Estimate] = {
        (score.task, score.condition): _claimed(score.score, score.n) for score in entry.scores
    }
    rules = {rule.name: rule for rule in list_averages()}
    for claim in entry.averages:
        parts = _claimed_parts(rules[claim.name], claim.condition, entry.scores) if claim.name in rules else []
        whole = combine([(1 / len(parts), part) for part in parts]) if parts else _claimed(claim.score, claim.n)
        # The claim stays what it is; its ends lie as far from it as the parts let them.
        low, high = claim.score - (whole.value - whole.low), claim.score + (whole.high - whole.value)
        estimates[claim.name, claim.condition] = Estimate(claim.score, max(0.0, low), min(1.0, high), claim.n, claim.n)
    return estimates


def estimate_records(records: "pd.DataFrame") -> dict[tuple[str, str], Estimate]:
    """Every task's and average's score under every condition, its questions clustered by picture."""
    estimates: dict[tuple[str, str], Estimate] = {}
    for condition, rows in records.groupby("condition", sort=False):
        tasks = {str(task): part for task, part in rows.groupby("task", sort=False)}
        for task, part in tasks.items():
            estimates[task, str(condition)] = mean_score(part["score"], part["cluster"])
        for rule in list_averages():
            if set(rule.tasks) <= set(tasks):
                part = rows[rows["task"].isin(rule.tasks)]
                estimates[rule.name, str(condition)] = combine(_weighted_parts(part, rule))
    return estimates


def pair_records(records: "pd.DataFrame") -> dict[str, Estimate]:
    """What looking adds to each task and average, question by question.

    Values and intervals are those that `sightscale reliance` and a report give for the same records.
    """
    from sightscale.harness.analysis import Run, average_reliance, pair_reliance

    run = Run("entry", records)
    gains = dict(pair_reliance(run))
    averages = {rule.name: average_reliance(run, rule.tasks, rule.kind) for rule in list_averages()}
    return gains | {name: gain for name, gain in averages.items() if gain is not None}


def subtract_blind(scores: Scores) -> dict[str, Estimate]:
    """What looking adds to each claimed score, its interval as if both had been asked of different questions."""
    gains = {}
    for (name, condition), sighted in scores.items():
        blind = scores.get((name, Condition.NONE))
        if condition == Condition.SIGHTED and blind:
            gains[name] = combine([(1.0, sighted), (-1.0, blind)])
    return gains


def combine(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """The weighted sum of independent estimates."""
    value = sum(weight * part.value for weight, part in parts)
    below = [weight * (part.value - (part.low if weight > 0 else part.high)) for weight, part in parts]
    above = [weight * ((part.high if weight > 0 else part.low) - part.value) for weight, part in parts]
    n, clusters = sum(part.n for _, part in parts), sum(part.clusters for _, part in parts)
    return Estimate(float(value), float(value - hypot(*below)), float(value + hypot(*above)), n, clusters)


def _claimed(score: float, n: int) -> Estimate:
    low, high = wilson(score * n, n)
    return Estimate(score, low, high, n, n)


def _claimed_parts(rule: AverageRule, condition: str, scores: Sequence[Score]) -> list[Estimate]:
    """The tasks of an average; its n alone bounds the average where one of them isn't claimed."""
    claimed = {score.task: score for score in scores if score.condition == condition}
    if rule.kind is AverageKind.QUESTIONS or not set(rule.tasks) <= set(claimed):
        return []
    return [_claimed(claimed[task].score, claimed[task].n) for task in rule.tasks]


def _weighted_parts(rows: "pd.DataFrame", rule: AverageRule) -> list[tuple[float, Estimate]]:
    """The strata that an average weighs, each with its share."""
    strata = split_strata(rows, rule)
    parts = [rows[strata.of == number] for number in range(len(strata.shares))]
    return [
        (float(share), mean_score(part["score"], part["cluster"]))
        for share, part in zip(strata.shares, parts, strict=True)
    ]
