"""Until: rules that end a run as soon as its answers decide them, and their state after the answers so far.

A rule is judged by a confidence sequence, which may be checked at any number of questions, on documents in a seeded
random order. If several questions share a picture, only the first one asked counts, because a picture is one draw.
Failed answers don't count. Each task is judged separately.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.evaluation.records import read_records
from sightscale.harness.statistics import Array, Draws, Estimate, Style, follow, foresee, foresee_width
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition, Outcome

OTHER = "other run"  # stands in for a condition
FIRST_SLICE, GROWTH = 32, 1.5
_RULE = re.compile(r"\s*(reliance|width|probability)\s*([<>])\s*(-?\d+(?:\.\d+)?)\s*", re.ASCII)


class Goal(StrEnum):
    """The goal of a rule."""

    ABOVE = "reliance>"
    BELOW = "reliance<"
    NARROW = "width<"  # the interval of reliance
    AHEAD = "score>"  # of another run's, on the same questions
    LIKELIER = "probability>"  # the mean gain of the right option's probability, of answers read from likelihoods
    NO_LIKELIER = "probability<"


@dataclass(frozen=True)
class Rule:
    """A goal and its number, as a share: `reliance>5` ends when reliance is surely above 0.05, or surely below.

    Rules of probability use the right option's share among the options (`right_logprob` of records). It lies in [0, 1],
    says more about a question than right or wrong, and is bounded, unlike nats. `other` is the run whose score this
    run's score must exceed.
    """

    goal: Goal
    number: float = 0.0
    other: str = ""

    def __str__(self) -> str:
        return f"{self.goal}{self.other or f'{100 * self.number:g}'}"

    @property
    def about(self) -> str:
        """The quantity of its interval."""
        if self.other:
            return f"score − that of {self.other}"
        return "gain of the right option's probability" if self.of_probability else "reliance"

    @property
    def of_probability(self) -> bool:
        """Whether it needs answers read from likelihoods."""
        return self.goal in (Goal.LIKELIER, Goal.NO_LIKELIER)


@dataclass(frozen=True)
class Judgement:
    """The state of a rule after the answers so far; `holds` is None while it is undecided.

    `needed` is the estimated number of further questions; None above a million, or if none is needed.
    """

    rule: Rule
    holds: bool | None
    estimate: Estimate
    needed: int | None = None

    def __str__(self) -> str:
        measured = f"{self.estimate.show(Style.POINTS)} after {self.estimate.n:,} questions"
        if self.holds is not None:
            return f"{self.rule} {'holds' if self.holds else 'does not hold'}: {self.rule.about} {measured}"
        more = f"about {self.needed:,} more questions needed" if self.needed else "more than a million questions needed"
        return f"{self.rule} is undecided: {self.rule.about} {measured}; {more}"


def parse_rule(text: str) -> Rule:
    """A rule from `reliance>5`, `reliance<5`, `width<6` or `probability>5`, in points, or `score>RUN`.

    Raises UserError for anything else.
    """
    goal, _, other = text.strip().partition(">")
    if goal.strip() == "score" and other.strip():
        return Rule(Goal.AHEAD, other=other.strip())
    match = _RULE.fullmatch(text)
    if not match or match[1] + match[2] not in list(Goal):
        raise UserError(
            f"--until {text!r} is not a rule; write reliance>0, reliance<5 or width<6, in points, or score>RUN; with "
            "--answers likelihood also probability>0"
        )
    rule = Rule(Goal(match[1] + match[2]), float(match[3]) / 100)
    if not -1 < rule.number < 1 or (rule.goal is Goal.NARROW and rule.number <= 0):
        raise UserError(f"--until {text!r} can't be reached; {rule.about} lies between −100 and 100 points")
    return rule


def choose_condition(conditions: Sequence[str]) -> str:
    """The blind condition of a rule, which is the first one asked. Raises UserError if there is none."""
    blind = next((name for name in conditions if name in BLIND_CONDITIONS), None)
    if blind is None:
        raise UserError("--until needs a blind condition to measure reliance against; add --blind none")
    return str(blind)


def order_documents(task: str, count: int, seed: int) -> list[int]:
    """The documents of a task in the order of asking, which is the same for every model with the same seed."""
    drawn = np.random.default_rng([seed, *task.encode()]).permutation(count)
    return [int(number) for number in drawn]


def grow(count: int) -> Iterator[tuple[int, int]]:
    """The start and end of each slice of the order: 32 documents, then half as many as so far, and so on."""
    start, end = 0, min(FIRST_SLICE, count)
    while start < end:
        yield start, end
        start, end = end, min(count, max(end + 1, round(end * GROWTH)))


def read_other(rule: Rule, task: str, answers: str = "") -> pd.DataFrame | None:
    """One task's sighted rows of the run that a rule names; None for a rule that names none.

    Raises UserError if the run has none, or if its answers weren't read as `answers` says.
    """
    if not rule.other:
        return None
    rows = read_records(rule.other)
    rows = rows[(rows["task"] == task) & (rows["condition"] == Condition.SIGHTED)]
    if rows.empty:
        raise UserError(f"--until {rule}: {rule.other} wasn't asked {task}; name a run of the same tasks")
    odd = rows["answers"].fillna("") != answers
    if odd.any():
        raise UserError(
            f"--until {rule}: answers of {rule.other} are {rows.loc[odd, 'answers'].iloc[0] or 'written'}, not "
            f"{answers or 'written'}; compare runs of one kind"
        )
    return rows.assign(condition=OTHER)


def judge(rule: Rule, records: pd.DataFrame, order: Sequence[int], condition: str) -> Judgement:
    """Judge a rule by a task's rows, sighted and under `condition`; `order` is the order of asking.

    Another run's sighted rows are among them, with the condition `OTHER`. Raises UserError if the two runs' questions
    differ.
    """
    if (records.groupby("doc_id")["item_id"].nunique() > 1).any():
        raise UserError(
            f"--until {rule}: the other run has other questions under the same numbers; name a run of the same data"
        )
    if rule.of_probability:
        records = records.assign(score=np.exp(records["right_logprob"]))
    draws = draw(pair_scores(records, order, condition))
    estimate = follow(draws)
    if estimate.is_missing:
        return Judgement(rule, None, estimate)
    if rule.goal is Goal.NARROW:
        narrow = estimate.high - estimate.low < rule.number
        return Judgement(rule, narrow or None, estimate, None if narrow else foresee_width(draws, rule.number))
    above, below = estimate.low > rule.number, estimate.high < rule.number
    if above or below:
        return Judgement(rule, below if rule.goal in (Goal.BELOW, Goal.NO_LIKELIER) else above, estimate)
    return Judgement(rule, None, estimate, foresee(draws, rule.number))


def pair_scores(records: pd.DataFrame, order: Sequence[int], condition: str) -> "pd.Series[float]":
    """Sighted minus blind scores by `doc_id`, in `order`, for questions answered under both; one per picture.

    If several questions share a picture, it is the first in `order`.
    """
    answered = records[records["outcome"] != Outcome.FAILED]
    pairs = answered.pivot(index="doc_id", columns="condition", values="score")
    pairs = pairs.reindex(columns=[str(Condition.SIGHTED), condition]).dropna()
    numbers = [number for number in order if number in pairs.index]
    clusters = answered.drop_duplicates("doc_id").set_index("doc_id")["cluster"].reindex(numbers)
    first = [number for number, is_repeated in zip(numbers, clusters.duplicated(), strict=True) if not is_repeated]
    differences: pd.Series[float] = (pairs[str(Condition.SIGHTED)] - pairs[condition]).reindex(first).astype(float)
    return differences


def draw(differences: "pd.Series[float] | Array") -> Draws:
    """The numbers, one per picture, as draws."""
    values = np.asarray(differences, float)
    return Draws(values, np.ones(len(values)), 1.0)


@contextmanager
def asking_only(documents: Sequence[int]) -> Iterator[None]:
    """Let lmms-eval ask only these documents of its one task, with their own numbers.

    lmms-eval can ask consecutive documents (`limit`, `offset`), but not a random choice. So the function that hands out
    documents is wrapped, in both modules that call it.
    """
    from lmms_eval import evaluator, utils

    chosen = set(documents)
    dealt = utils.create_iterator

    def deal(raw: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        for item in dealt(raw, *arguments, **options):
            if (item[0] if isinstance(item, tuple) else item) in chosen:
                yield item

    utils.create_iterator = evaluator.create_iterator = deal
    try:
        yield
    finally:
        utils.create_iterator = evaluator.create_iterator = dealt
