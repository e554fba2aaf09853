"""A table for a paper: runs on any tasks, sighted and blind, with reliance and intervals, as a LaTeX tabular."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sightscale.harness.analysis import AVERAGES, Level, Measure, Run, find_reliance, only, read_estimate
from sightscale.leaderboards.exports.tables import write_tabular
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

HEADINGS = ("Run", "Task", "n", "Score", "Blind condition", "Blind score", "Reliance")
COLUMNS = "llrrlrr"
CAPTION = "Per cent with 95 % intervals. Reliance: sighted minus blind on the same questions, in points."


def write_paper_table(runs: Sequence[Run], condition: str | None = None) -> str:
    """A whole tabular with a row for each run, task and blind condition; or for one `condition` alone.

    Averages over a suite's tasks stand below its tasks. Raises UserError where nothing was asked under `condition`.
    """
    findings = find_reliance(runs)
    findings = findings[findings["level"].isin([str(Level.TASK), str(Level.AVERAGE)])]
    tasks = findings.loc[findings["level"] == str(Level.TASK), "task"]
    # Over the questions of one task an average is the task's own score, which has a row already.
    findings = findings[~((findings["group"] == AVERAGES[AverageKind.QUESTIONS]) & findings["task"].isin(tasks))]
    rows = [row for run in runs for row in _list_rows(findings[findings["run"] == run.label], condition)]
    if condition and all(row[4] == "–" for row in rows):
        known = ", ".join(sorted(set(only(findings, Measure.BLIND)["condition"]))) or "none of them"
        raise UserError(f"no run was asked blind under {condition!r}; asked: {known}")
    return f"% {CAPTION}\n{write_tabular(HEADINGS, COLUMNS, rows)}"


def _list_rows(findings: pd.DataFrame, condition: str | None) -> Iterator[list[str]]:
    """One run's rows: its scores in the findings' order, each beside what was measured blind."""
    blind, reliance = (_by_place(only(findings, measure)) for measure in (Measure.BLIND, Measure.RELIANCE))
    for row in only(findings, Measure.SIGHTED).itertuples():
        place = (row.task, row.group)
        found = read_estimate(row)
        name = str(row.task) if row.level == Level.TASK else f"{row.task}, average ({row.group})"
        conditions = [one for one in blind if one[:2] == place and condition in (None, one[2])]
        for key in conditions or [None]:
            cells = (
                [_name(key[2]), blind[key].show(), reliance[key].show(Measure.RELIANCE.style).replace("-", "−")]
                if key in blind and key in reliance
                else ["–", "–", "–"]
            )
            yield [str(row.run), name, f"{found.n:,}", found.show(), *cells]


def _by_place(rows: pd.DataFrame) -> dict[Any, Any]:
    return {(row.task, row.group, row.condition): read_estimate(row) for row in rows.itertuples()}


def _name(condition: str) -> str:
    return "no picture" if condition == Condition.NONE else condition
