"""Needs: how many questions it takes to see a difference between two models, or to place a reliance.

Both follow from how often two answers to one question differ, as given runs measured it, and from how questions share
pictures. Shown are the median over pairs of runs (over runs, for a reliance), and the range over them.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import (
    ALL,
    Finding,
    Level,
    Measure,
    as_table,
    render_list,
    without_interval,
)
from sightscale.harness.analysis.fitting import FittingTable
from sightscale.harness.analysis.matched_runs import Questions, Run, match_questions
from sightscale.harness.statistics import (
    PAGE,
    Estimate,
    SpreadOfPairs,
    questions_for_difference,
    questions_for_width,
    spread,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition

NEEDS = (Measure.DISCORDANCE, Measure.NEEDED_DIFFERENCE, Measure.BLIND_DISCORDANCE, Measure.NEEDED_RELIANCE)
FEWEST = 30  # common questions below which a pair of runs tells nothing about discordance


def find_needs(
    runs: Sequence[Run], tasks: Sequence[str], detect: float, *, power: float = 0.8, condition: str | None = None
) -> pd.DataFrame:
    """Findings for each task: discordance of models, questions to see `detect`, and to place a reliance within it.

    `detect` is a share: 0.03 is three points. Reliance is against `condition`, or against the first blind one that a
    run was asked under. Raises UserError for a difference outside (0, 1), and where no run holds enough of the tasks.
    """
    if not 0 < detect < 1:
        raise UserError(f"cannot plan for a difference of {100 * detect:g} points; give one between 0 and 100")
    kept = [Run(run.label, run.records[run.records["task"].isin(tasks)]) for run in runs]
    kept = [run for run in kept if len(run.records)]
    findings: list[Finding] = []
    for questions in match_questions(kept) if kept else ():
        findings += _models(questions, detect, power)
        findings += _reliance(questions, detect, condition)
    if not findings:
        raise UserError(
            f"no run holds {FEWEST} answered questions of {', '.join(tasks)}, from which to "
            "estimate how often answers differ; give runs of these tasks"
        )
    return as_table(findings)


def _models(questions: Questions, detect: float, power: float) -> list[Finding]:
    sighted = [column for column in questions.columns if column[1] == Condition.SIGHTED]
    pairs = [_measure(questions, first, second) for first, second in combinations(sighted, 2)]
    spreads = [pair for pair in pairs if pair]
    needed = [questions_for_difference(pair, detect, power=power) for pair in spreads]
    return _summarise(questions, spreads, Measure.DISCORDANCE, needed, Measure.NEEDED_DIFFERENCE, "pairs of runs")


def _reliance(questions: Questions, detect: float, condition: str | None) -> list[Finding]:
    spreads = []
    for run in dict.fromkeys(run for run, _ in questions.columns):
        asked = [condition] if condition else BLIND_CONDITIONS
        blind = next((str(name) for name in asked if (run, name) in questions.columns), None)
        if blind and (run, str(Condition.SIGHTED)) in questions.columns:
            spreads.append(_measure(questions, (run, str(Condition.SIGHTED)), (run, blind)))
    known = [pairs for pairs in spreads if pairs]
    needed = [questions_for_width(pairs, detect) for pairs in known]
    return _summarise(questions, known, Measure.BLIND_DISCORDANCE, needed, Measure.NEEDED_RELIANCE, "runs")


def _measure(questions: Questions, first: tuple[str, str], second: tuple[str, str]) -> SpreadOfPairs | None:
    both = questions.common([first, second])
    if len(both.about) < FEWEST:
        return None
    return spread(both.column(*first), both.column(*second), both.clusters)


def _summarise(
    questions: Questions,
    spreads: Sequence[SpreadOfPairs],
    discordance: Measure,
    needed: Sequence[float],
    measure: Measure,
    what: str,
) -> list[Finding]:
    if not spreads:
        return []
    where: dict[str, Any] = {
        "task": questions.task,
        "level": Level.TASK,
        "group": ALL,
        "note": f"{len(spreads)} {what}",
    }
    n = int(np.median([pairs.n for pairs in spreads]))
    findings = []
    for name, values in (
        (discordance, [pairs.discordance for pairs in spreads]),
        (measure, needed),
    ):
        middle = float(np.median(values))
        estimate = without_interval(middle, n)
        if len(values) > 1:
            estimate = Estimate(middle, float(np.min(values)), float(np.max(values)), n, 0)
        findings.append(Finding(name, estimate, **where))
    return findings


def render_needs(findings: pd.DataFrame, detect: float, power: float) -> FittingTable:
    """The needs of each task, the cheapest first."""
    caption = (
        f"Questions to see a difference of {100 * detect:g} points between two models ({100 * power:g} % power at "
        f"5 %), and to place a reliance within ±{100 * detect:g}. Median over the pairs or runs named, and the range. "
        f"Method: normal approximation for pairs, pictures as clusters ({PAGE})."
    )
    needed = findings[findings["measure"].isin([Measure.NEEDED_DIFFERENCE, Measure.NEEDED_RELIANCE])]
    order = needed.groupby("task")["value"].max().sort_values(kind="stable").index
    places = {name: number for number, name in enumerate(order)}
    rows = findings.sort_values("task", key=lambda names: names.map(places), kind="stable")
    return render_list(rows, NEEDS, caption=caption)


def describe_needs(findings: pd.DataFrame, sizes: Mapping[str, int], detect: float) -> list[str]:
    """Which tasks have as many questions as it takes, of those whose size is known; a sentence for each purpose.

    And what the mean of several tasks can show with all their questions: the tasks are independent.
    """
    sentences = []
    for measure, purpose in (
        (Measure.NEEDED_DIFFERENCE, "a difference"),
        (Measure.NEEDED_RELIANCE, "a reliance"),
    ):
        rows = findings[(findings["measure"] == measure) & findings["task"].isin(list(sizes))]
        enough = [str(row.task) for row in rows.itertuples() if float(str(row.value)) <= sizes[str(row.task)]]
        short = [str(row.task) for row in rows.itertuples() if str(row.task) not in enough]
        if enough:
            sentences.append(f"enough questions for {purpose}: {', '.join(enough)}")
        if short:
            lacking = ", ".join(f"{name} ({sizes[name]:,})" for name in short)
            sentences.append(f"too few questions for {purpose}: {lacking}")
        if len(rows) > 1:
            shares = [float(str(row.value)) / sizes[str(row.task)] for row in rows.itertuples()]
            seen = 100 * detect * float(np.sqrt(np.sum(shares))) / len(shares)
            shows = f"shows {purpose} of" if measure is Measure.NEEDED_DIFFERENCE else f"places {purpose} within"
            sentences.append(
                f"the mean of these {len(shares)} tasks with all their questions {shows} {seen:.1f} points"
            )
    return sentences
