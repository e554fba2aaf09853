"""Findings: the rows that every analysis returns, one for each thing measured, with its interval.

A finding says what was measured (`Measure`, which knows its label and how its numbers are shown), where (run, task,
level, group, condition), what was compared with what (`contrast`), and what a reader should know besides (`note`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.analysis.fitting import FittingTable, TextColumn
from sightscale.harness.analysis.summary import show_condition
from sightscale.harness.statistics import Estimate, Method, Style, describe_methods
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.errors import blaming

ALL = "all"  # the group of all questions of a task


class Level(StrEnum):
    """What a finding is about."""

    TASK = "task"
    CATEGORY = "category"
    AXIS = "axis"
    AVERAGE = "average"  # over tasks, or over a task's axes
    RELATION = "relation"  # of drop and reliance, over tasks
    INFLUENCE = "influence"  # of one task on that relation
    COST = "cost"


# How an average's group is named.
AVERAGES = {AverageKind.TASKS: "mean", AverageKind.QUESTIONS: "official", AverageKind.AXES: "macro"}
AVERAGE_NOTES = {
    AverageKind.QUESTIONS: "right over questions",
    AverageKind.AXES: "mean of axes, then of categories",
}


class Measure(StrEnum):
    """What is measured: its name in files, its label, and how its numbers are shown."""

    label: str
    style: Style

    def __new__(cls, name: str, label: str = "", style: Style = Style.SHARE) -> "Measure":
        member = str.__new__(cls, name)
        member._value_ = name
        member.label, member.style = label, style
        return member

    # Vision reliance
    SIGHTED = "sighted", "score", Style.SHARE
    BLIND = "blind", "blind score", Style.SHARE
    RELIANCE = "reliance", "reliance", Style.POINTS
    NATS = "reliance in nats", "reliance, nats", Style.NUMBER
    PROBABILITY_GAIN = "probability gain", "gain of the right option's probability", Style.POINTS
    CHANCE = "chance", "chance", Style.SHARE
    CHANCE_CORRECTED = "chance corrected", "chance-corrected", Style.SHARE
    UNREAD = "unread", "without an answer", Style.SHARE
    REFUSED = "refused", "refused", Style.SHARE
    IF_WRONG = "if unread were wrong", "score if those are wrong", Style.SHARE
    IF_AT_CHANCE = "if unread were at chance", "score if those are at chance", Style.SHARE
    IF_RIGHT = "if unread were right", "score if those are right", Style.SHARE
    BEST_BLIND = "best blind", "best blind answer", Style.SHARE
    BLIND_SHARE = "blind share", "part reached without the picture", Style.SHARE
    BLIND_CORRECTED = "blind corrected", "share of blind errors fixed by the picture", Style.SHARE
    FLOOR = "floor", "best constant answer", Style.SHARE
    ABOVE_FLOOR = "above floor", "score above it", Style.POINTS
    GAIN = "MG", "multi-modal gain", Style.POINTS
    LEAKAGE = "ML", "multi-modal leakage", Style.SHARE
    # Downscaling
    DROP = "drop", "drop, points", Style.POINTS
    RELATIVE_DROP = "relative drop", "relative drop", Style.POINTS
    KENDALL = "kendall", "Kendall's tau", Style.NUMBER
    KENDALL_P = "kendall p", "p of tau", Style.NUMBER
    SPEARMAN = "spearman", "Spearman's rho", Style.NUMBER
    SPEARMAN_P = "spearman p", "p of rho", Style.NUMBER
    SLOPE = "slope", "slope", Style.NUMBER
    INTERCEPT = "intercept", "intercept", Style.NUMBER
    KENDALL_WITHOUT = "kendall without", "tau without it", Style.NUMBER
    SLOPE_WITHOUT = "slope without", "slope without it", Style.NUMBER
    DISTANCE = "distance", "distance from the others' line", Style.POINTS
    DEVIATION = "deviation", "in standard errors", Style.NUMBER
    # Bottleneck
    SCORE = "score", "score", Style.SHARE
    PERCEPTION_DROP = "perception drop", "perception drop", Style.POINTS
    REASONING_DROP = "reasoning drop", "reasoning drop", Style.POINTS
    DROP_GAP = "perception drop − reasoning drop", "perception − reasoning", Style.POINTS
    INTERACTION = "interaction", "interaction", Style.POINTS
    UPPER_BOUND = "upper bound", "score on true descriptions", Style.SHARE
    UPPER_GAP = "gap to upper bound", "above the best perception module", Style.POINTS
    PERCEPTION_HELPS = "only better perception helps", "only better perception helps", Style.SHARE
    REASONING_HELPS = "only better reasoning helps", "only better reasoning helps", Style.SHARE
    EITHER_HELPS = "either helps", "either helps", Style.SHARE
    BOTH_NEEDED = "both are needed", "both are needed", Style.SHARE
    NEITHER_HELPS = "neither helps", "neither helps", Style.SHARE
    RIGHT_ALREADY = "right already", "right already", Style.SHARE
    WORSE = "worse with a better module", "worse with a better module", Style.SHARE
    # Obstacles of one model
    PERCEPTION_COST = "better perception brings", "gain from better perception", Style.POINTS
    REASONING_COST = "better reasoning brings", "gain from better reasoning", Style.POINTS
    BOTH_COST = "both bring", "gain from both", Style.POINTS
    COST_GAP = "perception − reasoning", "perception − reasoning", Style.POINTS
    # Factors
    PICTURE_EFFECT = "picture effect", "effect of the picture", Style.POINTS
    QUESTION_EFFECT = "question effect", "effect of the question", Style.POINTS
    JOINT_EFFECT = "joint effect", "interaction", Style.POINTS
    TOLD_EFFECT = "told − silent", "effect of saying there is no picture", Style.POINTS
    MIRAGES = "mirages", "describes a picture not shown", Style.SHARE
    # Doses
    DOSED = "score at dose", "score", Style.SHARE
    DOSE_GAIN = "gain", "gain from looking", Style.POINTS
    HALF_DOSE = "half dose", "half dose", Style.NUMBER
    # Comparison
    FIRST = "first", "score of the first", Style.SHARE
    SECOND = "second", "score of the second", Style.SHARE
    DIFFERENCE = "difference", "difference", Style.POINTS
    DISCORDANCE = "discordance", "answers that differ", Style.SHARE
    SMALLEST = "smallest difference", "smallest detectable difference (80 % power)", Style.SHARE
    P_MCNEMAR = "p (McNemar mid-p)", "p, McNemar", Style.NUMBER
    P_EXACT = "p (McNemar exact)", "p, McNemar exact", Style.NUMBER
    P_SIGN_FLIPS = "p (sign flips)", "p, sign flips", Style.NUMBER
    P_HOLM = "p (Holm)", "p, Holm", Style.NUMBER
    # Needs
    BLIND_DISCORDANCE = "blind discordance", "answers the picture changes", Style.SHARE
    NEEDED_DIFFERENCE = "questions for the difference", "questions for the difference", Style.NUMBER
    NEEDED_RELIANCE = "questions for the reliance", "questions for the reliance", Style.NUMBER
    # Cost, a question
    INPUT_TOKENS = "input tokens", "input tokens", Style.NUMBER
    OUTPUT_TOKENS = "output tokens", "output tokens", Style.NUMBER
    PERCEPTION_INPUT_TOKENS = "perception input tokens", "perception input tokens", Style.NUMBER
    PERCEPTION_OUTPUT_TOKENS = "perception output tokens", "perception output tokens", Style.NUMBER
    SECONDS = "seconds", "seconds", Style.NUMBER
    PERCEPTION_SECONDS = "perception seconds", "perception seconds", Style.NUMBER
    THINKING_TOKENS = "thinking tokens (about)", "thinking tokens (about)", Style.NUMBER
    THINKING_CHARACTERS = "thinking characters", "thinking characters", Style.NUMBER
    TOKENS_PER_RIGHT = "tokens per right answer", "tokens per right answer", Style.NUMBER

    @property
    def method(self) -> Method | None:
        """How its interval is made; None where it has none."""
        return next((method for method, measures in _METHODS.items() if self in measures), None)


_METHODS: dict[Method, tuple[Measure, ...]] = {
    Method.SCORES: (
        Measure.SIGHTED,
        Measure.BLIND,
        Measure.UNREAD,
        Measure.REFUSED,
        Measure.IF_WRONG,
        Measure.IF_AT_CHANCE,
        Measure.IF_RIGHT,
        Measure.FLOOR,
        Measure.SCORE,
        Measure.UPPER_BOUND,
        Measure.PERCEPTION_HELPS,
        Measure.REASONING_HELPS,
        Measure.EITHER_HELPS,
        Measure.BOTH_NEEDED,
        Measure.NEITHER_HELPS,
        Measure.RIGHT_ALREADY,
        Measure.WORSE,
        Measure.FIRST,
        Measure.SECOND,
        Measure.MIRAGES,
    ),
    Method.DIFFERENCES: (
        Measure.RELIANCE,
        Measure.NATS,
        Measure.PROBABILITY_GAIN,
        Measure.ABOVE_FLOOR,
        Measure.GAIN,
        Measure.LEAKAGE,
        Measure.DROP,
        Measure.PERCEPTION_DROP,
        Measure.REASONING_DROP,
        Measure.DROP_GAP,
        Measure.INTERACTION,
        Measure.UPPER_GAP,
        Measure.DIFFERENCE,
        Measure.PERCEPTION_COST,
        Measure.REASONING_COST,
        Measure.BOTH_COST,
        Measure.COST_GAP,
        Measure.PICTURE_EFFECT,
        Measure.QUESTION_EFFECT,
        Measure.JOINT_EFFECT,
        Measure.TOLD_EFFECT,
    ),
    Method.RATIOS: (
        Measure.CHANCE_CORRECTED,
        Measure.BLIND_SHARE,
        Measure.BLIND_CORRECTED,
        Measure.RELATIVE_DROP,
    ),
    Method.RELATION: (Measure.KENDALL, Measure.SPEARMAN, Measure.SLOPE, Measure.INTERCEPT),
    Method.TESTS: (Measure.P_MCNEMAR, Measure.P_EXACT, Measure.P_SIGN_FLIPS, Measure.P_HOLM),
    Method.SMALLEST: (Measure.SMALLEST,),
    Method.DOSES: (Measure.DOSED, Measure.DOSE_GAIN, Measure.HALF_DOSE),
    Method.MEANS: (
        Measure.INPUT_TOKENS,
        Measure.OUTPUT_TOKENS,
        Measure.PERCEPTION_INPUT_TOKENS,
        Measure.PERCEPTION_OUTPUT_TOKENS,
        Measure.SECONDS,
        Measure.PERCEPTION_SECONDS,
        Measure.THINKING_TOKENS,
        Measure.THINKING_CHARACTERS,
    ),
}


def describe_measures(measures: Sequence[Measure]) -> str:
    """One line on how the intervals of these measures are made, and where to read more."""
    return describe_methods(measure.method for measure in measures if measure.method)


@dataclass(frozen=True)
class Finding:
    """One measured thing. What doesn't apply to it stays empty."""

    measure: Measure
    estimate: Estimate
    run: str = ""
    task: str = ""
    level: Level = Level.TASK
    group: str = ""  # `all`, a category, an axis, or the name of an average
    condition: str = ""  # what the model saw: sighted, or a blind condition
    contrast: str = ""  # what is compared with what: 8B → 0.6B
    perception: str = ""  # the modules of a grid's cell
    reasoning: str = ""
    note: str = ""  # for the reader; nothing reads it back

    def as_row(self) -> dict[str, Any]:
        """The finding as a row of `COLUMNS`."""
        places = {name: str(getattr(self, name)) for name in WHERE}
        estimate = {name: getattr(self.estimate, name) for name in NUMBERS}
        return {**places, "measure": str(self.measure), **estimate}


WHERE = ("run", "task", "level", "group", "condition", "contrast", "perception", "reasoning", "note")
NUMBERS = tuple(field.name for field in fields(Estimate))
COLUMNS = [*WHERE, "measure", *NUMBERS]


def without_interval(value: float, n: int, clusters: int = 0) -> Estimate:
    """A number without an interval, such as a chance level."""
    return Estimate(float(value), float("nan"), float("nan"), n, clusters)


def as_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as a table with the columns that all analyses share."""
    return pd.DataFrame([finding.as_row() for finding in findings], columns=COLUMNS)


def read_estimate(row: Any) -> Estimate:
    """The estimate of a table's row, as `itertuples` or `iloc` gives it."""
    return Estimate(float(row.value), float(row.low), float(row.high), int(row.n), int(row.clusters))


def only(findings: pd.DataFrame, *measures: Measure, levels: Sequence[Level] | None = None) -> pd.DataFrame:
    """The rows of these measures, at these levels."""
    rows = findings[findings["measure"].isin([str(measure) for measure in measures])]
    return rows if levels is None else rows[rows["level"].isin([str(level) for level in levels])]


def render_findings(
    findings: pd.DataFrame, measures: Sequence[Measure], *, caption: str = "", levels: Sequence[Level] | None = None
) -> FittingTable:
    """A table for a terminal: a row for each place, a column for each measure."""
    rows = only(findings, *measures, levels=levels)
    present = [measure for measure in measures if (rows["measure"] == measure).any()]
    names = _telling(rows, WHERE)
    lines = []
    for place, part in rows.groupby(list(WHERE), sort=False):
        by_measure = {str(row.measure): row for row in part.itertuples()}
        where = dict(zip(WHERE, place, strict=True))
        cells = [f"{int(part['n'].max()):,}", *(_cell(by_measure.get(measure), measure) for measure in present)]
        lines.append(([_place(where, name) for name in names], cells))
    headings = ["n", *(measure.label for measure in present)]
    return _fit(names, headings, lines, _caption(rows, caption))


def render_list(
    findings: pd.DataFrame,
    measures: Sequence[Measure],
    *,
    caption: str = "",
    levels: Sequence[Level] | None = None,
    across: str | None = None,
) -> FittingTable:
    """A table for a terminal with a row for each measure of each place; one column for each value of `across`."""
    rows = only(findings, *measures, levels=levels)
    keys = [name for name in WHERE if name != across]
    names = _telling(rows, keys)
    headings = list(dict.fromkeys(str(value) for value in rows[across])) if across else ["value"]
    lines = []
    for place, part in rows.groupby([*keys, "measure"], sort=False):
        where = dict(zip([*keys, "measure"], place, strict=True))
        by_heading = {str(getattr(row, across)) if across else "value": row for row in part.itertuples()}
        measure = Measure(str(where["measure"]))
        cells = [_cell(by_heading.get(heading), measure) for heading in headings]
        lines.append(([*(_place(where, name) for name in names), measure.label], cells))
    shown = [show_condition(heading) for heading in headings] if across == "condition" else headings
    return _fit([*names, "measure"], shown, lines, _caption(rows, caption))


def write_csv(findings: pd.DataFrame, path: Path) -> None:
    """Findings as CSV; a text cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = findings.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = [
                f"'{cell}" if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell for cell in safe[name]
            ]
    with blaming(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        safe.to_csv(path, index=False)


def write_json(findings: pd.DataFrame, path: Path) -> None:
    """Findings as a JSON list of rows; missing numbers are null."""
    rows = json.loads(findings.to_json(orient="records", double_precision=12))
    with blaming(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _caption(rows: pd.DataFrame, caption: str) -> str:
    """A table's caption, and below it how its intervals are made."""
    measures = [Measure(str(name)) for name in dict.fromkeys(rows["measure"])]
    return "\n".join(line for line in (caption, describe_measures(measures)) if line)


def _fit(
    names: Sequence[str], headings: Sequence[str], lines: Sequence[tuple[Sequence[str], Sequence[str]]], caption: str
) -> FittingTable:
    """A table of lines, each of which is what it is about and its numbers."""
    places = [TextColumn(name, tuple(where[i] for where, _ in lines)) for i, name in enumerate(names)]
    numbers = [TextColumn(name, tuple(cells[i] for _, cells in lines)) for i, name in enumerate(headings)]
    return FittingTable(tuple(places), tuple(numbers), caption)


def _telling(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The names worth a column: they say something, and groups more than that all questions are meant."""
    return [name for name in names if name != "level" and not rows[name].isin(["", ALL]).all()]


def _place(where: Mapping[str, Any], name: str) -> str:
    if name == "condition" and where[name]:
        return show_condition(str(where[name]))
    return "" if name == "group" and where[name] == ALL else str(where[name])


def _cell(row: Any, measure: Measure) -> str:
    return "" if row is None else read_estimate(row).show(measure.style)
