"""Intervals: every score, average and reliance of an entry with the ends of its 95 % interval.

From an entry's records questions on one picture count together; from its claims alone every question counts for
itself, which is narrower. Sums and differences of parts take their ends from the parts' own (MOVER, the method of
variance estimates recovery: Zou & Donner, 2008), the parts taken as independent.
"""

from collections.abc import Mapping, Sequence
from math import hypot

import pandas as pd

from sightscale.harness.statistics import Estimate, mean_score, wilson
from sightscale.leaderboards.entry import (
    AXES,
    MACRO,
    OFFICIAL,
    SIGHTED,
    Average,
    AverageRule,
    Entry,
    Score,
    list_averages,
)

Found = Mapping[tuple[str, str], Estimate]  # by task or average, and condition
BLIND = "none"


def estimate_claims(entry: Entry) -> dict[tuple[str, str], Estimate]:
    """Every claimed score and average with its interval, as if no two questions shared a picture."""
    found: dict[tuple[str, str], Estimate] = {
        (one.task, one.condition): _claimed(one.score, one.n) for one in entry.scores
    }
    rules = {rule.name: rule for rule in list_averages()}
    claims: dict[tuple[str, str], Average] = {(one.name, one.condition): one for one in entry.averages}
    for (name, condition), claim in claims.items():
        parts = _claimed_parts(rules[name], condition, entry.scores, claims) if name in rules else []
        whole = combine([(1 / len(parts), part) for part in parts]) if parts else _claimed(claim.score, claim.n)
        # The claim stays what it is; its ends lie as far from it as the parts let them.
        low, high = claim.score - (whole.value - whole.low), claim.score + (whole.high - whole.value)
        found[name, condition] = Estimate(claim.score, max(0.0, low), min(1.0, high), claim.n, claim.n)
    return found


def estimate_records(records: pd.DataFrame) -> dict[tuple[str, str], Estimate]:
    """Every task's and average's score under every condition, its questions clustered by picture."""
    found: dict[tuple[str, str], Estimate] = {}
    for condition, rows in records.groupby("condition", sort=False):
        tasks = {str(task): one for task, one in rows.groupby("task", sort=False)}
        found |= {(task, str(condition)): mean_score(one["score"], one["cluster"]) for task, one in tasks.items()}
        for rule in list_averages():
            if set(rule.tasks) <= set(tasks):
                own = rows[rows["task"].isin(rule.tasks)]
                found[rule.name, str(condition)] = combine(_weighted_parts(own, rule))
    return found


def reliance(found: Found, name: str) -> Estimate | None:
    """What looking adds to a score, sighted minus blind; None where one of the two wasn't asked."""
    sighted, blind = found.get((name, SIGHTED)), found.get((name, BLIND))
    return combine([(1.0, sighted), (-1.0, blind)]) if sighted and blind else None


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
    known = {one.task: one for one in scores if one.condition == condition}
    if rule.rule == OFFICIAL or not set(rule.tasks) <= set(known):
        return []
    return [_claimed(known[task].score, known[task].n) for task in rule.tasks]


def _weighted_parts(rows: pd.DataFrame, rule: AverageRule) -> list[tuple[float, Estimate]]:
    """The strata that an average weighs: all questions, or its tasks, or the axes of its categories."""
    if rule.rule == OFFICIAL:
        return [(1.0, mean_score(rows["score"], rows["cluster"]))]
    if rule.rule not in (MACRO, AXES):
        tasks = [mean_score(one["score"], one["cluster"]) for _, one in rows.groupby("task", sort=False)]
        return [(1 / len(tasks), one) for one in tasks]
    named = rows.assign(category=rows["category"].fillna(rows["task"]), l2_category=rows["l2_category"].fillna(""))
    categories = [one.groupby("l2_category") for _, one in named.groupby("category")]
    return [
        (1 / len(categories) / len(axes), mean_score(axis["score"], axis["cluster"]))
        for axes in categories
        for _, axis in axes
    ]
