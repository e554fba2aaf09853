"""The summary of a run: one row a task, computed from records alone, and its table for a terminal."""

from dataclasses import dataclass, field

import pandas as pd
from rich.table import Table
from sightscale.harness.records import FAILED
from sightscale.harness.statistics import Estimate, mean_score, paired_difference
from sightscale.model_adapters.conditions import CONDITIONS, SIGHTED

OUTCOMES = ("answered", "refused", "unparsed", FAILED)


@dataclass(frozen=True)
class TaskSummary:
    """A task's scores: sighted, under each blind condition, and the paired difference to each."""

    task: str
    n: int
    sighted: Estimate
    chance: float
    outcomes: dict[str, float]  # shares of the sighted rows
    blind: dict[str, Estimate] = field(default_factory=dict)
    reliance: dict[str, Estimate] = field(default_factory=dict)


def summarise(records: pd.DataFrame) -> list[TaskSummary]:
    """A summary of each task in `records`, which must be of one model.

    A blind score counts the documents that were asked sighted as well; reliance is sighted minus
    blind on these, paired by document and clustered by picture.
    """
    return [_summarise_task(str(task), rows) for task, rows in records.groupby("task", sort=False)]


def _summarise_task(task: str, rows: pd.DataFrame) -> TaskSummary:
    by_condition = {name: part.set_index("doc_id") for name, part in rows.groupby("condition")}
    if SIGHTED not in by_condition:
        raise ValueError(f"task {task!r} has no sighted records, so there is nothing to compare with")
    sighted = by_condition[SIGHTED]
    shares = sighted["outcome"].value_counts(normalize=True)
    blind, reliance = {}, {}
    for condition in [name for name in CONDITIONS if name in by_condition]:
        common = sighted.index.intersection(by_condition[condition].index)
        seen, unseen = sighted.loc[common], by_condition[condition].loc[common]
        blind[condition] = mean_score(unseen["score"], unseen["cluster"])
        reliance[condition] = paired_difference(seen["score"], unseen["score"], seen["cluster"])
    return TaskSummary(
        task=task,
        n=len(sighted),
        sighted=mean_score(sighted["score"], sighted["cluster"]),
        chance=float(sighted["chance"].mean()),
        outcomes={name: float(shares.get(name, 0.0)) for name in OUTCOMES},
        blind=blind,
        reliance=reliance,
    )


def render_table(summaries: list[TaskSummary]) -> Table:
    """The summaries as a table for a terminal, scores in per cent with 95 % intervals."""
    conditions = [name for name in CONDITIONS if any(name in summary.blind for summary in summaries)]
    table = Table(
        caption="per cent, 95 % intervals; reliance = sighted − blind on the same questions", caption_justify="left"
    )
    for name in ("task", "n", "sighted"):
        table.add_column(name, justify="left" if name == "task" else "right")
    for condition in conditions:
        table.add_column(f"blind: {condition}", justify="right")
        table.add_column(f"reliance: {condition}", justify="right")
    table.add_column("chance", justify="right")
    table.add_column("answered / refused / unparsed", justify="right")
    if any(summary.outcomes[FAILED] for summary in summaries):
        table.add_column("failed", justify="right")
    for summary in summaries:
        cells = [summary.task, f"{summary.n:,}", _interval(summary.sighted)]
        for condition in conditions:
            found = condition in summary.blind
            cells.append(_interval(summary.blind[condition]) if found else "–")
            cells.append(_interval(summary.reliance[condition], signed=True) if found else "–")
        cells.append(_percent(summary.chance))
        cells.append(" / ".join(_percent(summary.outcomes[name]) for name in OUTCOMES[:3]))
        if any(one.outcomes[FAILED] for one in summaries):
            cells.append(_percent(summary.outcomes[FAILED]))
        table.add_row(*cells)
    return table


def _percent(share: float, *, signed: bool = False) -> str:
    if share != share:
        return "–"
    return f"{100 * share:+.1f}" if signed else f"{100 * share:.1f}"


def _interval(estimate: Estimate, *, signed: bool = False) -> str:
    if estimate.n == 0:
        return "–"
    ends = ", ".join(_percent(end, signed=signed) for end in (estimate.low, estimate.high))
    return f"{_percent(estimate.value, signed=signed)} [{ends}]"
