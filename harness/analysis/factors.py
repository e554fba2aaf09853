"""Factors: what the picture and the question each bring to a score, and both together.

A question is asked in four ways: whole, without its picture, without its words (the picture and the options), and as
options alone. That is a 2 × 2 table of picture × question. Its effects are paired over the questions asked in all four
ways. Beside it: answers that describe a picture that wasn't shown, and what saying that there is none changes.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import Finding, Level, Measure, as_table
from sightscale.harness.analysis.matched_runs import Group, Questions, Run, match_questions, split_groups
from sightscale.harness.analysis.mirages import mark_mirages
from sightscale.harness.statistics import Array, WeighedGap, bootstrap, mean_score, paired_difference
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, Condition

CELLS = (Condition.SIGHTED, Condition.NONE, Condition.NO_QUESTION, Condition.OPTIONS_ONLY)
EFFECTS = {  # weights of the cells, in their order
    Measure.PICTURE_EFFECT: (0.5, -0.5, 0.5, -0.5),
    Measure.QUESTION_EFFECT: (0.5, 0.5, -0.5, -0.5),
    Measure.JOINT_EFFECT: (1.0, -1.0, -1.0, 1.0),
}
BOUNDS = {Measure.JOINT_EFFECT: (-2.0, 2.0)}  # the others can't leave ±1


def find_factors(runs: Sequence[Run], *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings for each run, task, category and axis; of several runs also their mean, on questions asked of all.

    Cells and effects need all four conditions, told − silent needs `told`, mirages need answers' texts. Raises
    UserError for a run that was asked in neither way.
    """
    for run in runs:
        asked = set(run.records["condition"])
        missing = [str(condition) for condition in CELLS if condition not in asked]
        if missing and not {Condition.TOLD, Condition.NONE} <= asked:
            raise UserError(
                f"{run.label} was not asked under {', '.join(missing)}; run it again with "
                f"--blind {','.join(str(condition) for condition in CELLS[1:])}"
            )
    findings: list[Finding] = []
    for questions in match_questions(runs):
        for run in runs:
            if any(label == run.label for label, _ in questions.columns):
                findings += _one_run(questions, run, resamples)
        if len(runs) > 1:
            findings += _over_runs(questions, runs, resamples)
    return as_table(findings)


def _one_run(questions: Questions, run: Run, resamples: int) -> Iterator[Finding]:
    rows = run.records[run.records["task"] == questions.task]
    claims = {
        str(condition): pd.Series(mark_mirages(part), part["doc_id"]).reindex(questions.about.index).to_numpy(float)
        for condition, part in rows.groupby("condition", sort=False)
        if condition in WITHOUT_PICTURE
    }
    for group in split_groups(questions.about):
        part = questions.select(group.members)
        where = _where(part, run.label, group)
        cells = [(run.label, str(condition)) for condition in CELLS]
        if all(cell in part.columns for cell in cells):
            both = part.common(cells)
            yield from _effects(both.scores.to_numpy(float), both.clusters, where, resamples)
        told, silent = ((run.label, str(condition)) for condition in (Condition.TOLD, Condition.NONE))
        if told in part.columns and silent in part.columns:
            both = part.common([told, silent])
            gap = paired_difference(both.column(*told), both.column(*silent), both.clusters, resamples=resamples)
            yield Finding(Measure.TOLD_EFFECT, gap, **where)
        for condition, marks in claims.items():
            if not np.isnan(marks[group.members]).all():
                share = mean_score(marks[group.members], part.clusters)
                yield Finding(Measure.MIRAGES, share, **where, condition=condition)


def _over_runs(questions: Questions, runs: Sequence[Run], resamples: int) -> Iterator[Finding]:
    """The mean over runs of each question's cells: its intervals are over questions, for these very models."""
    labels = [run.label for run in runs if {(run.label, str(one)) for one in CELLS} <= set(questions.columns)]
    if len(labels) < 2:
        return
    for group in split_groups(questions.about):
        part = questions.select(group.members)
        shared = part.common([(label, str(condition)) for label in labels for condition in CELLS])
        cells = [np.mean([shared.column(label, condition) for label in labels], axis=0) for condition in CELLS]
        where = _where(part, f"mean of {len(labels)} models", group)
        yield from _effects(np.column_stack(cells), shared.clusters, where, resamples)


def _effects(cells: Array, clusters: Any, where: dict[str, Any], resamples: int) -> Iterator[Finding]:
    for condition, scores in zip(CELLS, cells.T, strict=True):
        yield Finding(Measure.SCORE, mean_score(scores, clusters), **where, condition=str(condition))
    functions = [WeighedGap(weights) for weights in EFFECTS.values()]
    for measure, effect in zip(EFFECTS, bootstrap(cells, clusters, functions, resamples=resamples), strict=True):
        yield Finding(measure, effect.interval(bounds=BOUNDS.get(measure, (-1.0, 1.0))), **where)


def _where(part: Questions, run: str, group: Group) -> dict[str, Any]:
    return {"run": run, "task": part.task, "level": Level(group.level), "group": group.name}
