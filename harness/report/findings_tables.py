"""Tables of a run's findings: scores, reliance by blind condition, categories and axes, outcomes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightscale.harness.analysis import FAMILIES, OUTCOMES
from sightscale.harness.pages import Column, Table, make_table, show_line
from sightscale.harness.report.folders import GivenRun
from sightscale.harness.statistics import Estimate
from sightscale.model_adapters.blindfold import CONDITIONS, SIGHTED
from sightscale.tasks.forced_choice import ceiling

Place = tuple[str, str, str]  # task, level, group
RUN, TASK = Column("run", "Run"), Column("task", "Task")
BOUNDS = ("wrong", "at_chance", "right")


@dataclass(frozen=True)
class Measured:
    """A run with its findings by place, condition and measure."""

    given: GivenRun
    findings: pd.DataFrame
    cells: dict[tuple[Place, str, str], Estimate]
    floors: dict[Place, str]

    @property
    def label(self) -> str:
        return self.given.label

    @property
    def conditions(self) -> list[str]:
        """The blind conditions it was asked under, in their usual order."""
        asked = set(self.given.run.records["condition"])
        return [name for name in CONDITIONS if name in asked]

    def places(self, *levels: str) -> list[Place]:
        """Where it has findings, at these levels, in the order found."""
        return [place for place in dict.fromkeys(key[0] for key in self.cells) if place[1] in levels]

    def get(self, place: Place, measure: str, condition: str = SIGHTED) -> Estimate | None:
        """One finding, or None."""
        return self.cells.get((place, condition, measure))

    def score(self, place: Place) -> Estimate | None:
        return self.get(place, "sighted")


def measure(given: GivenRun, findings: pd.DataFrame) -> Measured:
    """A run's findings, indexed."""
    cells, floors = {}, {}
    listed: Iterable[Any] = findings.itertuples()
    for row in listed:
        place = (show_line(row.task), str(row.level), show_line(row.group))
        condition = str(row.condition)
        if row.measure in ("floor", "above floor"):
            floors[place], condition = condition, SIGHTED
        found = Estimate(float(row.value), float(row.low), float(row.high), int(row.n), int(row.clusters))
        cells[place, condition, str(row.measure)] = found
    return Measured(given, findings, cells, floors)


def headline_condition(measured: Sequence[Measured]) -> str | None:
    """The blind condition that summaries speak of: the first usual one that any run was asked under."""
    return next((name for name in CONDITIONS if any(name in one.conditions for one in measured)), None)


def score_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task."""
    condition = headline_condition(measured)
    columns = [
        *who(measured),
        TASK,
        Column("score", "Score", "share", "right answers, with the picture"),
        Column("blind", f"Blind: {condition}", "share", "the same questions without seeing the picture"),
        Column("reliance", "Reliance", "difference", "score − blind score on the same questions, in points"),
        Column("chance", "Chance", "share", "one over the number of options, averaged"),
        Column("questions", "Questions", "count"),
        Column("floor", "Constant answer", "share", "the best answer that is always the same"),
        Column("best_blind", "Best blind", "share", "the best answer to the text alone, where the data knows it"),
        Column(
            "ceiling", "Ceiling", "share", "of a forced choice: what people's own disagreement leaves to be reached"
        ),
        Column("unread", "Unread", "share", "answers refused, unparsed or failed; they count as wrong"),
    ]
    rows = [
        {**_place(one, place), **_scores(one, place, condition), "ceiling": _ceiling(one, place[0])}
        for one in measured
        for place in one.places("task")
    ]
    caption = (
        "Per cent with 95 % intervals (Wilson's at the sample size that questions sharing a picture leave; "
        "reliance: BCa bootstrap over pictures)."
    )
    return make_table("scores", "Scores", caption, columns, rows)


def average_table(measured: Sequence[Measured]) -> Table:
    """A row for each average over tasks or over axes, by the name that tells how it is taken."""
    condition = headline_condition(measured)
    columns = [
        *who(measured),
        Column("average", "Average"),
        TASK,
        Column("questions", "Questions", "count"),
        Column("score", "Score", "share"),
        Column("blind", f"Blind: {condition}", "share"),
        Column("reliance", "Reliance", "difference"),
    ]
    rows = [
        {**_place(one, place), "average": place[2], **_scores(one, place, condition)}
        for one in measured
        for place in sorted(one.places("average"), key=lambda place: place[0] not in FAMILIES.values())
    ]
    caption = (
        "Per cent with 95 % intervals (BCa bootstrap over pictures). Papers differ in which average they report: "
        "compare only those of the same name."
    )
    return make_table("averages", "Averages", caption, columns, rows)


def group_table(measured: Sequence[Measured]) -> Table:
    """A row for each category and axis of each task, with every blind condition."""
    conditions = [name for name in CONDITIONS if any(name in one.conditions for one in measured)]
    columns = [
        *who(measured),
        TASK,
        Column("group", "Category or axis"),
        Column("questions", "Questions", "count"),
        Column("score", "Score", "share"),
        Column("chance", "Chance", "share"),
        *(
            column
            for name in conditions
            for column in (
                Column(f"blind_{name}", f"Blind: {name}", "share"),
                Column(f"reliance_{name}", f"Reliance: {name}", "difference"),
            )
        ),
        Column("unread", "Unread", "share"),
    ]
    rows = []
    for one in measured:
        for place in one.places("category", "axis"):
            asked = {f"blind_{name}": one.get(place, "blind", name) for name in conditions}
            asked |= {f"reliance_{name}": one.get(place, "reliance", name) for name in conditions}
            rows.append({**_place(one, place), "group": place[2], **_scores(one, place, None), **asked})
    caption = "Per cent with 95 % intervals, not corrected for looking at many groups at once."
    return make_table("categories", "By category and axis", caption, columns, rows)


def reliance_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, task and blind condition."""
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Blind condition"),
        Column("questions", "Questions", "count"),
        Column("blind", "Blind score", "share"),
        Column("reliance", "Reliance", "difference", "score − blind score, in points"),
        Column("blind_share", "Blind share", "share", "blind score over score"),
        Column("blind_corrected", "Won by looking", "share", "reliance over what blind answering leaves to be won"),
    ]
    measures = ("reliance", "blind share", "blind corrected")
    rows = []
    for one in measured:
        for place in one.places("task"):
            for condition in one.conditions:
                blind = one.get(place, "blind", condition)
                if blind is not None:
                    rest = {name.replace(" ", "_"): one.get(place, name, condition) for name in measures}
                    questions = {"condition": condition, "questions": blind.n, "blind": blind}
                    rows.append({**_place(one, place), **questions, **rest})
    caption = "Sighted and blind answers to the same questions, paired; 95 % intervals over pictures."
    return make_table("reliance", "Reliance by blind condition", caption, columns, rows)


def outcome_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, task and condition: the share of each outcome."""
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Condition"),
        Column("questions", "Questions", "count"),
        *(Column(name, name.capitalize(), "share") for name in OUTCOMES),
    ]
    rows = [row for one in measured for row in _outcome_rows(one)]
    caption = "Per cent. Answers that were refused, unparsed or failed are never guessed: they count as wrong."
    return make_table("outcomes", "Outcomes", caption, columns, rows)


def _outcome_rows(one: Measured) -> Iterator[dict[str, Any]]:
    for task, part in one.given.run.records.groupby("task", sort=False):
        for condition in [name for name in (SIGHTED, *CONDITIONS) if (part["condition"] == name).any()]:
            asked = part.loc[part["condition"] == condition, "outcome"]
            shares = asked.value_counts(normalize=True)
            counted = {name: float(shares.get(name, 0.0)) for name in OUTCOMES}
            yield {"run": one.label, "task": str(task), "condition": condition, "questions": len(asked), **counted}


def unread_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task with unread answers: what these could make of the score."""
    columns = [
        *who(measured),
        TASK,
        Column("questions", "Questions", "count"),
        Column("unread", "Unread", "share"),
        Column("wrong", "All wrong", "share", "the score as it is reported"),
        Column("at_chance", "All at chance", "share"),
        Column("right", "All right", "share"),
    ]
    rows = []
    for one in measured:
        for place in one.places("task"):
            unread = one.get(place, "unread")
            if unread and unread.value > 0:
                bounds = {name: one.get(place, f"if unread were {name.replace('_', ' ')}") for name in BOUNDS}
                rows.append({**_place(one, place), "questions": unread.n, "unread": unread, **bounds})
    caption = "Sighted scores in per cent with 95 % intervals, had every unread answer been wrong, at chance, or right."
    return make_table("unread", "If unread answers had been read", caption, columns, rows)


def _scores(one: Measured, place: Place, condition: str | None) -> dict[str, Any]:
    score = one.score(place)
    blind = one.get(place, "blind", condition or "")
    asked = [score, blind, *(one.get(place, "blind", name) for name in one.conditions)]
    return {
        "questions": next((found.n for found in asked if found), None),
        "score": score,
        "blind": blind,
        "reliance": one.get(place, "reliance", condition or ""),
        "chance": one.get(place, "chance"),
        "floor": one.get(place, "floor"),
        "best_blind": one.get(place, "best blind"),
        "unread": one.get(place, "unread"),
    }


def _ceiling(one: Measured, task: str) -> float | None:
    """The best that can be scored on a task of forced choices; None for another, or where targets can't be read."""
    rows = one.given.run.records
    part = rows[(rows["task"] == task) & (rows["condition"] == SIGHTED)]
    if set(part["answer_format"].dropna()) != {"2afc"}:
        return None
    try:
        return float(part["target"].fillna("").map(ceiling).mean())
    except ValueError:
        return None


def _place(one: Measured, place: Place) -> dict[str, Any]:
    task, level, _ = place
    return {"run": one.label, "task": task, "is_task": level != "average"}


def who(measured: Sequence[Measured]) -> list[Column]:
    """The column that names a row's run, where there are several."""
    return [RUN] if len(measured) > 1 else []
