"""Intervals: every score, average and reliance of an entry with the ends of its 95 % interval.

From an entry's records questions on one picture count together; from its claims alone every question counts for
itself, which is narrower. Sums and differences of parts take their ends from the parts' own (MOVER, the method of
variance estimates recovery: Zou & Donner, 2008), the parts taken as independent.
"""

from collections.abc import Mapping, Sequence
from math import hypot

import pandas as pd

from sightscale.harness.analysis import Run, average_reliance, pair_reliance
from sightscale.harness.statistics import Estimate, mean_score, wilson
from sightscale.leaderboards.entry import Average, Entry, Score, split_strata
from sightscale.tasks.suites import AverageKind, AverageRule, list_averages
from sightscale.tasks.vocabulary import Condition

Found = Mapping[tuple[str, str], Estimate]  # by task or average, and condition


def estimate_claims(entry: Entry) -> dict[tuple[str, str], Estimate]:
    """Every claimed score and average with its interval, as if no two questions shared a picture."""
    estimates: dict[tuple[str, str], Estimate] = {
        (one.task, one.condition): _claimed(one.score, one.n) for one in entry.scores
    }
    rules = {rule.name: rule for rule in list_averages()}
    claims: dict[tuple[str, str], Average] = {(one.name, one.condition): one for one in entry.averages}
    for (name, condition), claim in claims.items():
        parts = _claimed_parts(rules[name], condition, entry.scores, claims) if name in rules else []
        whole = combine([(1 / len(parts), part) for part in parts]) if parts else _claimed(claim.score, claim.n)
        # The claim stays what it is; its ends lie as far from it as the parts let them.
        low, high = claim.score - (whole.value - whole.low), claim.score + (whole.high - whole.value)
        estimates[name, condition] = Estimate(claim.score, max(0.0, low), min(1.0, high), claim.n, claim.n)
    return estimates


def estimate_records(records: pd.DataFrame) -> dict[tuple[str, str], Estimate]:
    """Every task's and average's score under every condition, its questions clustered by picture."""
    estimates: dict[tuple[str, str], Estimate] = {}
    for condition, rows in records.groupby("condition", sort=False):
        tasks = {str(task): one for task, one in rows.groupby("task", sort=False)}
        estimates |= {(task, str(condition)): mean_score(one["score"], one["cluster"]) for task, one in tasks.items()}
        for rule in list_averages():
            if set(rule.tasks) <= set(tasks):
                part = rows[rows["task"].isin(rule.tasks)]
                estimates[rule.name, str(condition)] = combine(_weighted_parts(part, rule))
    return estimates


def pair_records(records: pd.DataFrame) -> dict[str, Estimate]:
    """What looking adds to each task and average, question by question: the interval that a run's report has."""
    run = Run("entry", records)
    gains = dict(pair_reliance(run))
    for rule in list_averages():
        if set(rule.tasks) <= set(gains):
            gain = average_reliance(run, rule.tasks, rule.kind)
            if gain:
                gains[rule.name] = gain
    return gains


def subtract_blind(found: Found) -> dict[str, Estimate]:
    """What looking adds to each claimed score, its interval as if both had been asked of different questions."""
    gains = {}
    for name, condition in found:
        blind = found.get((name, Condition.NONE))
        if condition == Condition.SIGHTED and blind:
            gains[name] = combine([(1.0, found[name, condition]), (-1.0, blind)])
    return gains


def combine(parts: Sequence[tuple[float, Estimate]]) -> Estimate:
    """The weighted sum of independent estimates."""
    value = sum(weight * one.value for weight, one in parts)
    below = [weight * (one.value - (one.low if weight > 0 else one.high)) for weight, one in parts]
    above = [weight * ((one.high if weight > 0 else one.low) - one.value) for weight, one in parts]
    n, clusters = sum(one.n for _, one in parts), sum(one.clusters for _, one in parts)
    return Estimate(float(value), float(value - hypot(*below)), float(value + hypot(*above)), n, clusters)


def _claimed(score: float, n: int) -> Estimate:
    low, high = wilson(score * n, n)
    return Estimate(score, low, high, n, n)


def _claimed_parts(
    rule: AverageRule, condition: str, scores: Sequence[Score], claims: Mapping[tuple[str, str], object]
) -> list[Estimate]:
    """The tasks of an average; its n alone bounds the average where one of them isn't claimed."""
    claimed = {one.task: one for one in scores if one.condition == condition}
    if rule.kind is AverageKind.QUESTIONS or not set(rule.tasks) <= set(claimed):
        return []
    return [_claimed(claimed[task].score, claimed[task].n) for task in rule.tasks]


def _weighted_parts(rows: pd.DataFrame, rule: AverageRule) -> list[tuple[float, Estimate]]:
    """The strata that an average weighs, each with its share."""
    strata = split_strata(rows, rule)
    parts = [rows[strata.of == number] for number in range(len(strata.shares))]
    return [
        (float(share), mean_score(part["score"], part["cluster"]))
        for share, part in zip(strata.shares, parts, strict=True)
    ]
