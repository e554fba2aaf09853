"""The summary of a run: one row for each task under each condition, computed from records alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import pandas as pd
from rich.markup import escape
from rich.table import Table

from sightscale.harness.evaluation import SecondScore
from sightscale.harness.statistics import Estimate, Style, mean_score, paired_difference
from sightscale.tasks.errors import UserError
from sightscale.tasks.forced_choice import ceiling
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, READ, WITHOUT_QUESTION, AnswerFormat, Condition, Outcome


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

    Reliance is sighted minus blind on the documents answered under both, paired by document and clustered
    by picture; one whose answer failed is left out. Raises UserError for rows of several runs, and for a task
    without sighted rows.
    """
    if records["run_id"].nunique() > 1:
        raise UserError(f"these records are of {records['run_id'].nunique()} runs; summarise one at a time")
    return [
        summary for task, rows in records.groupby("task", sort=False) for summary in _summarise_task(str(task), rows)
    ]


def _summarise_task(task: str, rows: pd.DataFrame) -> list[ConditionSummary]:
    by_condition = {str(name): part.set_index("doc_id") for name, part in rows.groupby("condition")}
    if Condition.SIGHTED not in by_condition:
        raise UserError(f"task {task!r} has no sighted records, so there is nothing to compare with")
    sighted = by_condition[Condition.SIGHTED]
    summaries = []
    known = [str(name) for name in Condition if name in by_condition]
    for condition in [*known, *(str(name) for name in rows["condition"].unique() if name not in known)]:
        part = by_condition[condition]
        scored = part[part["score"].notna()]  # a foreign task may have none
        both = sighted.index[sighted["score"].notna()].intersection(scored.index)
        wrote = (sighted.loc[both, "outcome"] != Outcome.FAILED) & (part.loc[both, "outcome"] != Outcome.FAILED)
        common = both[wrote.to_numpy()]  # a failed answer is no pair
        pairs = (sighted.loc[common, "score"], part.loc[common, "score"], sighted.loc[common, "cluster"])
        shares = part["outcome"].value_counts(normalize=True)
        summaries.append(
            ConditionSummary(
                task=task,
                condition=condition,
                n=len(part),
                score=mean_score(scored["score"], scored["cluster"]),
                chance=float(part["chance"].mean()),
                outcomes={name: float(shares.get(name, 0.0)) for name in Outcome},
                reliance=paired_difference(*pairs) if condition in BLIND_CONDITIONS else None,
                ceiling=_ceiling(part),
            )
        )
    return summaries


def _ceiling(part: pd.DataFrame) -> float | None:
    """The best that can be scored on forced choices; None for other tasks."""
    if set(part["answer_format"]) != {str(AnswerFormat.TWO_AFC)}:
        return None
    return float(part["target"].map(ceiling).mean())


def render_table(summaries: list[ConditionSummary]) -> Table:
    """The summaries as a table for a terminal of 80 columns, scores in per cent with 95 % intervals.

    What not every question has (a response without an answer, a ceiling) stands in a line of its own.
    """
    counts = {summary.n for summary in summaries}
    each = f"{next(iter(counts)):,} questions each. " if len(counts) == 1 else ""
    caption = f"{each}Per cent with 95 % intervals.\nReliance: sighted − blind on the same questions."
    table = Table(caption=caption, caption_justify="left", box=None, padding=(0, 1), collapse_padding=True)
    table.add_column("task", overflow="fold")
    if not each:
        table.add_column("n", justify="right", no_wrap=True)
    for name in ("score", "reliance", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(
            _heading(summary),
            *([] if each else [f"{summary.n:,}"]),
            summary.score.show(),
            summary.reliance.show(Style.POINTS) if summary.reliance else "",
            _percent(summary.chance) if summary.condition == Condition.SIGHTED else "",
        )
    for cells in _means(summaries):
        table.add_row(cells[0], *([] if each else [""]), *cells[1:], style="bold")
    return table


def _heading(summary: ConditionSummary) -> str:
    sighted = summary.condition == Condition.SIGHTED
    lines = [escape(summary.task) if sighted else f"  {show_condition(summary.condition)}"]
    missed = [f"{_percent(share)} {name}" for name, share in summary.outcomes.items() if name not in READ and share > 0]
    if sighted and summary.ceiling is not None:
        missed.append(f"ceiling {_percent(summary.ceiling)}")
    return "\n".join([*lines, *(f"    {text}" for text in missed)])


def _means(summaries: Sequence[ConditionSummary]) -> list[tuple[str, str, str, str]]:
    """Under each condition that all of several tasks have: the means of their scores, reliances and chances."""
    tasks = {summary.task for summary in summaries}
    rows = []
    for condition in dict.fromkeys(summary.condition for summary in summaries):
        under = [summary for summary in summaries if summary.condition == condition]
        if len(tasks) < 2 or len(under) < len(tasks) or any(summary.score.is_missing for summary in under):
            continue
        sighted = condition == Condition.SIGHTED
        reliances = [summary.reliance.value for summary in under if summary.reliance]
        rows.append(
            (
                f"mean of {len(tasks)} tasks" if sighted else f"  {show_condition(condition)}",
                f"{100 * fmean(summary.score.value for summary in under):.1f}",
                f"{100 * fmean(reliances):+.1f}" if len(reliances) == len(under) else "",
                _percent(fmean(summary.chance for summary in under)) if sighted else "",
            )
        )
    return rows


def render_second(scores: Sequence[SecondScore], reader: str) -> Table:
    """Scores without and with a second reader's readings, as a table for a terminal."""
    caption = (
        f"Per cent. With: what {escape(reader)} reads in the unparsed answers counts. Entries and reports don't use it."
    )
    table = Table(caption=caption, caption_justify="left")
    for name in ("task", "condition", "n", "unparsed", "read by it", "unclear", "score without", "score with"):
        table.add_column(name, justify="left" if name in ("task", "condition") else "right", no_wrap=True)
    for score in scores:
        table.add_row(
            score.task,
            show_condition(score.condition),
            *(f"{number:,}" for number in (score.questions, score.unparsed, score.read, score.unclear)),
            *(f"{100 * mean:.1f}" for mean in (score.without, score.with_them)),
        )
    return table


def show_condition(condition: str) -> str:
    """A condition as tables show it: `sighted`, `blind: no picture`, `blind: black`, `no question`."""
    if condition == Condition.SIGHTED:
        return condition
    if condition in WITHOUT_QUESTION or ":" in condition:
        return condition.replace("_", " ")
    return f"blind: {'no picture' if condition == Condition.NONE else condition}"


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.1f}"
