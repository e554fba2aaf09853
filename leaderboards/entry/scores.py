"""Scores: what records come to, task by task, and the averages that leaderboards name.

An entry's claims are made here, and recomputed here when it is verified.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry.entry import DECIMALS, Average, Data, Score
from sightscale.leaderboards.entry.folders import first_reason
from sightscale.tasks.averages import Strata, stratify
from sightscale.tasks.catalogue import TaskCard, list_tasks
from sightscale.tasks.errors import UserError
from sightscale.tasks.suites import AverageRule, list_averages
from sightscale.tasks.vocabulary import AnswerFormat, Condition, DataOrigin

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "package:"  # sources that come with an installed package, the same in either suite


@cache
def known_tasks() -> Mapping[str, TaskCard]:
    """The cards of sightscale's own single tasks, by name."""
    return {card.name: card for card in list_tasks() if not card.members}


def count_documents(task: str, data: Data) -> int | None:
    """How many documents a task has of these data, from its card and the mini suite; None where those don't tell."""
    card = known_tasks().get(task)
    if card is None:
        return None
    if data.source is DataOrigin.HUB or card.source.startswith(PACKAGE):
        return card.questions
    # Two alternatives are asked about in both orders.
    times = 2 if card.answer_format == AnswerFormat.TWO_AFC else 1
    return None if data.mini_questions is None else times * data.mini_questions


def score_tasks(records: "pd.DataFrame") -> list[Score]:
    """The mean score of every task under every condition, in the order of the records.

    Raises UserError for a mean that doesn't lie between 0 and 1, and for names that no entry can hold.
    """
    scores = []
    for (task, condition), rows in records.groupby(["task", "condition"], sort=False):
        score = _rounded(rows["score"].mean())
        with _naming(f"{task}, {condition}"):
            scores.append(Score(task=str(task), condition=cast(Condition, condition), n=len(rows), score=score))
    return scores


def score_averages(records: "pd.DataFrame") -> list[Average]:
    """Every known average whose tasks were all asked under a condition. Raises UserError as `score_tasks` does."""
    averages = []
    for condition, rows in records.groupby("condition", sort=False):
        asked = set(rows["task"])
        for rule in list_averages():
            if set(rule.tasks) <= asked:
                part = rows[rows["task"].isin(rule.tasks)]
                score = _rounded(split_strata(part, rule).mean(part["score"].to_numpy(float)))
                with _naming(f"{rule.name}, {condition}"):
                    asked_under = cast(Condition, condition)
                    averages.append(
                        Average(name=rule.name, condition=asked_under, rule=rule.words, n=len(part), score=score)
                    )
    return averages


@contextmanager
def _naming(what: str) -> Iterator[None]:
    """Say which score it is that can't be one."""
    try:
        yield
    except ValidationError as error:
        raise UserError(f"{show_value(what)}: {first_reason(error)}") from error


def split_strata(records: "pd.DataFrame", rule: AverageRule) -> Strata:
    """The strata of an average's questions, given as records of its tasks under one condition."""
    names = records[["category", "l2_category"]].astype(object)
    names = names.where(names.notna(), None)
    return stratify(rule.kind, records["task"].tolist(), names["category"].tolist(), names["l2_category"].tolist())


def _rounded(score: float) -> float:
    return round(float(score), DECIMALS)
