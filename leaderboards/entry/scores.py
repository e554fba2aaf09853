"""Scores: what records come to, task by task, and the averages that leaderboards name.

An entry's claims are made here, and recomputed here when it is verified.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import pandas as pd

from sightscale.leaderboards.entry.entry import DECIMALS, Average, Score
from sightscale.tasks.catalogue import TaskCard, list_tasks

MACRO = "mean over the axes (l2_category) of a category, then over the categories"
AXES = "mean over the axes (l2_category) of the category"
OFFICIAL = "right answers over all questions"
MEAN = "unweighted mean of the tasks' scores"
MMSTAR = "mmstar_categories"
BLIND = "_blind"


@dataclass(frozen=True)
class AverageRule:
    """How an average is made: its name, the tasks that it needs, and the rule in words."""

    name: str
    tasks: tuple[str, ...]
    rule: str


@cache  # the cards are read from more than a hundred files
def list_averages() -> tuple[AverageRule, ...]:
    """Every average that a leaderboard knows: one for each group of tasks, and MMStar's of both kinds."""
    rules: list[AverageRule] = []
    for card in list_tasks():
        if not card.members or card.name.endswith(BLIND) or any(name.endswith(BLIND) for name in card.members):
            continue
        if card.name == MMSTAR:
            rules += [AverageRule("mmstar_macro", card.members, MACRO)]
            rules += [AverageRule("mmstar_official", card.members, OFFICIAL)]
            rules += [AverageRule(f"{task}_macro", (task,), AXES) for task in card.members]
        elif not card.missing:
            rules.append(AverageRule(card.name, card.members, MEAN))
    return tuple(rules)


@cache
def known_tasks() -> Mapping[str, TaskCard]:
    """The cards of sightscale's own single tasks, by name."""
    return {card.name: card for card in list_tasks() if not card.members}


def score_tasks(records: pd.DataFrame) -> list[Score]:
    """The mean score of every task under every condition, in the order of the records."""
    return [
        Score(task=str(task), condition=cast(Any, condition), n=len(rows), score=_rounded(rows["score"].mean()))
        for (task, condition), rows in records.groupby(["task", "condition"], sort=False)
    ]


def score_averages(records: pd.DataFrame) -> list[Average]:
    """Every known average whose tasks were all asked under a condition."""
    found = []
    for condition, rows in records.groupby("condition", sort=False):
        asked = set(rows["task"])
        for rule in list_averages():
            if set(rule.tasks) <= asked:
                own = rows[rows["task"].isin(rule.tasks)]
                score = _rounded(average(own, rule))
                found.append(
                    Average(name=rule.name, condition=cast(Any, condition), rule=rule.rule, n=len(own), score=score)
                )
    return found


def average(records: pd.DataFrame, rule: AverageRule) -> float:
    """An average's value from the records of its tasks under one condition."""
    if rule.rule == OFFICIAL:
        return float(records["score"].mean())
    if rule.rule in (MACRO, AXES):
        return float(score_categories(records).mean())
    return float(records.groupby("task")["score"].mean().mean())


def score_categories(records: pd.DataFrame) -> pd.Series:
    """Each category's mean over its axes of their mean scores, as lmms-eval and the study's table have MMStar."""
    named = records.assign(
        category=records["category"].fillna(records["task"]), l2_category=records["l2_category"].fillna("")
    )
    axes = named.groupby(["category", "l2_category"])["score"].mean()
    return axes.groupby("category").mean()


def _rounded(score: float) -> float:
    return round(float(score), DECIMALS)
