"""The summary of a run: one row for each task under each condition, computed from records alone."""

from dataclasses import dataclass

import pandas as pd
from rich.table import Table

from sightscale.harness.evaluation import FAILED
from sightscale.harness.statistics import Estimate, mean_score, paired_difference
from sightscale.model_adapters.blindfold import CONDITIONS, SIGHTED
from sightscale.tasks.forced_choice import ceiling

OUTCOMES = ("answered", "refused", "unparsed", FAILED)


@dataclass(frozen=True)
class ConditionSummary:
    """One task under one condition: its score, and for a blind condition the paired difference to sighted."""

    task: str
    condition: str
    n: int
    score: Estimate
    chance: float
    outcomes: dict[str, float]  # the share of rows with each outcome
    reliance: Estimate | None = None
    ceiling: float | None = None  # of a forced choice: what people's disagreement leaves to be reached


def summarise(records: pd.DataFrame) -> list[ConditionSummary]:
    """Summaries of each task in `records`, which must be of one run: sighted first, then blind.

    Reliance is sighted minus blind on the documents asked under both, paired by document and clustered
    by picture. Raises ValueError for rows of several runs, and for a task without sighted rows.
    """
    if records["run_id"].nunique() > 1:
        raise ValueError(f"these records are of {records['run_id'].nunique()} runs; summarise one at a time")
    return [
        summary for task, rows in records.groupby("task", sort=False) for summary in _summarise_task(str(task), rows)
    ]


def _summarise_task(task: str, rows: pd.DataFrame) -> list[ConditionSummary]:
    by_condition = {str(name): part.set_index("doc_id") for name, part in rows.groupby("condition")}
    if SIGHTED not in by_condition:
        raise ValueError(f"task {task!r} has no sighted records, so there is nothing to compare with")
    sighted = by_condition[SIGHTED]
    summaries = []
    for condition in [name for name in (SIGHTED, *CONDITIONS) if name in by_condition]:
        part = by_condition[condition]
        common = sighted.index.intersection(part.index)
        pairs = (sighted.loc[common, "score"], part.loc[common, "score"], sighted.loc[common, "cluster"])
        shares = part["outcome"].value_counts(normalize=True)
        summaries.append(
            ConditionSummary(
                task=task,
                condition=condition,
                n=len(part),
                score=mean_score(part["score"], part["cluster"]),
                chance=float(part["chance"].mean()),
                outcomes={name: float(shares.get(name, 0.0)) for name in OUTCOMES},
                reliance=None if condition == SIGHTED else paired_difference(*pairs),
                ceiling=float(part["target"].map(ceiling).mean()) if set(part["answer_format"]) == {"2afc"} else None,
            )
        )
    return summaries


def render_table(summaries: list[ConditionSummary]) -> Table:
    """The summaries as a table for a terminal, scores in per cent with 95 % intervals."""
    capped = any(summary.ceiling is not None for summary in summaries)
    caption = "Per cent with 95 % intervals. Reliance: sighted − blind on the same questions."
    if capped:
        caption += "\nCeiling: the share of people that the most agreeable answers agree with."
    table = Table(caption=caption, caption_justify="left")
    table.add_column("task", no_wrap=True)
    table.add_column("condition", no_wrap=True)
    for name in ("n", "score", "reliance", "chance", *(("ceiling",) if capped else ()), *OUTCOMES):
        table.add_column(name, justify="right", no_wrap=True)
    for number, summary in enumerate(summaries):
        table.add_row(
            summary.task if summary.condition == SIGHTED else "",
            summary.condition if summary.condition == SIGHTED else f"blind: {summary.condition}",
            f"{summary.n:,}",
            _interval(summary.score),
            _interval(summary.reliance, signed=True) if summary.reliance else "",
            _percent(summary.chance),
            *((_percent(summary.ceiling) if summary.ceiling is not None else "",) if capped else ()),
            *(_percent(summary.outcomes[name]) for name in OUTCOMES),
            end_section=number + 1 == len(summaries) or summaries[number + 1].condition == SIGHTED,
        )
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
