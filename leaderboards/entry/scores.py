"""Scores: what records come to, task by task, and the averages that leaderboards name.

An entry's claims are made here, and recomputed here when it is verified.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import pandas as pd

from sightscale.leaderboards.entry.entry import DECIMALS, Average, Score
from sightscale.tasks.catalogue import TaskCard, list_tasks
from sightscale.tasks.suites import AverageRule, Strata, list_averages, stratify


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
    averages = []
    for condition, rows in records.groupby("condition", sort=False):
        asked = set(rows["task"])
        for rule in list_averages():
            if set(rule.tasks) <= asked:
                part = rows[rows["task"].isin(rule.tasks)]
                score = _rounded(split_strata(part, rule).mean(part["score"].to_numpy(float)))
                averages.append(
                    Average(name=rule.name, condition=cast(Any, condition), rule=rule.words, n=len(part), score=score)
                )
    return averages


def split_strata(records: pd.DataFrame, rule: AverageRule) -> Strata:
    """The strata of an average's questions, given as records of its tasks under one condition."""
    named = (
        records[["category", "l2_category"]].astype(object).where(records[["category", "l2_category"]].notna(), None)
    )
    return stratify(rule.kind, records["task"].tolist(), named["category"].tolist(), named["l2_category"].tolist())


def _rounded(score: float) -> float:
    return round(float(score), DECIMALS)
