"""Tables of findings: scores, reliance, categories and axes, outcomes, cost, position bias, runs against each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from sightscale.harness.analysis import (
    ALL,
    Level,
    Measure,
    Run,
    compare_runs,
    find_cost,
    position_bias,
    read_estimate,
    show_condition,
)
from sightscale.harness.pages import Column, Table, make_table, show_line
from sightscale.harness.report.folders import GivenRun
from sightscale.harness.statistics import Estimate, Method, describe_methods
from sightscale.tasks.errors import UserError
from sightscale.tasks.forced_choice import ceiling
from sightscale.tasks.suites import TITLES
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, AnswerFormat, Condition, Outcome


class Place(NamedTuple):
    """Where a finding is: a task, a level, and a group of the task's questions."""

    task: str
    level: Level
    group: str

    @property
    def category(self) -> str:
        """The category of a category's or an axis's place."""
        return self.group.partition(" / ")[0]


RUN, TASK = Column("run", "Run"), Column("task", "Task")
BOUNDS = {"wrong": Measure.IF_WRONG, "at_chance": Measure.IF_AT_CHANCE, "right": Measure.IF_RIGHT}
ALL_TASKS = "all tasks"
WORDS = {str(Condition.NONE): "no picture"}  # "none" reads as if nothing were hidden
MEMORY = ("peak_memory_gib", "peak_memory_bytes")
COST_COLUMNS = {
    Measure.INPUT_TOKENS: Column("input_tokens", "Input tokens", "number", "mean per question"),
    Measure.OUTPUT_TOKENS: Column("output_tokens", "Output tokens", "number", "mean per question"),
    Measure.PERCEPTION_INPUT_TOKENS: Column(
        "perception_input_tokens", "Perception input tokens", "number", "mean per question"
    ),
    Measure.PERCEPTION_OUTPUT_TOKENS: Column(
        "perception_output_tokens", "Perception output tokens", "number", "mean per question"
    ),
    Measure.SECONDS: Column("seconds", "Seconds", "number", "mean per question, of batched work"),
    Measure.PERCEPTION_SECONDS: Column("perception_seconds", "Perception seconds", "number", "mean per question"),
    Measure.THINKING_TOKENS: Column(
        "thinking_tokens", "Thinking tokens", "number", "mean; output tokens in proportion to characters"
    ),
    Measure.TOKENS_PER_RIGHT: Column(
        "tokens_per_right_answer", "Tokens per right answer", "number", "read and written, all stages"
    ),
}


@dataclass(frozen=True)
class Measured:
    """A run with its findings by place, condition and measure, and the notes of its places."""

    given: GivenRun
    findings: pd.DataFrame
    cells: dict[tuple[Place, str, Measure], Estimate]
    notes: dict[Place, str]

    @property
    def label(self) -> str:
        return self.given.label

    @property
    def conditions(self) -> list[str]:
        """The blind conditions it was asked under, in their usual order."""
        asked = set(self.given.run.records["condition"])
        return [condition for condition in BLIND_CONDITIONS if condition in asked]

    def places(self, *levels: Level) -> list[Place]:
        """Where it has findings, at these levels, in the order found."""
        return [place for place in dict.fromkeys(key[0] for key in self.cells) if place.level in levels]

    def get(self, place: Place, measure: Measure, condition: str = Condition.SIGHTED) -> Estimate | None:
        """One finding, or None."""
        return self.cells.get((place, condition, measure))

    def score(self, place: Place) -> Estimate | None:
        return self.get(place, Measure.SIGHTED)


def measure(given: GivenRun, findings: pd.DataFrame) -> Measured:
    """A run's findings, indexed."""
    cells: dict[tuple[Place, str, Measure], Estimate] = {}
    notes: dict[Place, str] = {}
    for row in findings.itertuples():
        place = Place(show_line(row.task), Level(str(row.level)), show_line(row.group))
        cells[place, str(row.condition), Measure(str(row.measure))] = read_estimate(row)
        if row.note:
            notes[place] = str(row.note)
    return Measured(given, findings, cells, notes)


def headline_condition(measured: Sequence[Measured]) -> str | None:
    """The blind condition that summaries speak of: the first usual one that any run was asked under."""
    return next((name for name in BLIND_CONDITIONS if any(name in run.conditions for run in measured)), None)


def score_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task."""
    condition = headline_condition(measured)
    columns = [
        *who(measured),
        TASK,
        Column("score", "Score", "share", "right answers, with the picture"),
        Column("blind", _blind_heading(condition), "share", "the same questions without seeing the picture"),
        Column("reliance", "Reliance", "difference", "score − blind score on the same questions, in points"),
        Column("chance", "Chance", "share", "one over the number of options, averaged"),
        Column("questions", "Questions", "count"),
        Column("floor", "Constant answer", "share", "the best score of one answer given to every question"),
        Column("best_blind", "Best blind", "share", "the best possible score from the text alone, where it is known"),
        Column(
            "ceiling", "Ceiling", "share", "of a forced choice: what people's own disagreement leaves to be reached"
        ),
        Column("unread", "No answer", "share", "responses refused, unparsed, truncated or failed; they count as wrong"),
    ]
    rows = [
        {**_place(one, place), **_scores(one, place, condition), "ceiling": _ceiling(one, place.task)}
        for one in measured
        for place in one.places(Level.TASK)
    ]
    caption = f"Per cent. {describe_methods([Method.SCORES, Method.DIFFERENCES])}"
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
        Column("blind", _blind_heading(condition), "share"),
        Column("reliance", "Reliance", "difference"),
    ]
    rows = [
        {**_place(one, place), "average": _name_average(one, place), **_scores(one, place, condition)}
        for one in measured
        for place in sorted(one.places(Level.AVERAGE), key=lambda place: place.task not in TITLES.values())
    ]
    caption = (
        "Per cent. Papers differ in which average they report: compare only those of the same name. "
        f"{describe_methods([Method.RATIOS])}"
    )
    return make_table("averages", "Averages", caption, columns, rows)


def group_table(measured: Sequence[Measured]) -> Table:
    """A row for each category and axis of each task, with every blind condition."""
    conditions = [name for name in BLIND_CONDITIONS if any(name in one.conditions for one in measured)]
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
                Column(f"blind_{name}", _blind_heading(name), "share"),
                Column(f"reliance_{name}", f"Reliance, {show_condition(name)}", "difference"),
            )
        ),
        Column("unread", "No answer", "share"),
    ]
    rows = []
    for one in measured:
        for place in one.places(Level.CATEGORY, Level.AXIS):
            asked = {f"blind_{name}": one.get(place, Measure.BLIND, name) for name in conditions}
            asked |= {f"reliance_{name}": one.get(place, Measure.RELIANCE, name) for name in conditions}
            rows.append({**_place(one, place), "group": place.group, **_scores(one, place, None), **asked})
    caption = (
        "Per cent, not corrected for looking at many groups at once. "
        f"{describe_methods([Method.SCORES, Method.DIFFERENCES])}"
    )
    return make_table("categories", "By category and axis", caption, columns, rows)


def reliance_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, task and blind condition."""
    scored = any((one.findings["measure"] == Measure.NATS).any() for one in measured)
    of_likelihoods = [
        Column("nats", "Reliance, nats", "number", "gain of the logarithm of the right option's probability"),
        Column("probability", "Probability gain", "difference", "gain of the right option's probability, in points"),
    ]
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Blind condition", labels=WORDS),
        Column("questions", "Questions", "count"),
        Column("blind", "Blind score", "share"),
        Column("reliance", "Reliance", "difference", "score − blind score, in points"),
        *(of_likelihoods if scored else []),
        Column(
            "refused", "Refused", "share", "of the blind answers; a refusal counts as wrong, so it looks like seeing"
        ),
        Column("blind_share", "Part reached without it", "share", "blind score over score"),
        Column("blind_corrected", "Blind errors fixed", "share", "share of blind errors that the picture fixes"),
    ]
    measures = {
        "reliance": Measure.RELIANCE,
        **({"nats": Measure.NATS, "probability": Measure.PROBABILITY_GAIN} if scored else {}),
        "refused": Measure.REFUSED,
        "blind_share": Measure.BLIND_SHARE,
        "blind_corrected": Measure.BLIND_CORRECTED,
    }
    rows = []
    for one in measured:
        for place in one.places(Level.TASK):
            for condition in one.conditions:
                blind = one.get(place, Measure.BLIND, condition)
                if blind is not None:
                    rest = {name: one.get(place, measure, condition) for name, measure in measures.items()}
                    questions = {"condition": condition, "questions": blind.n, "blind": blind}
                    rows.append({**_place(one, place), **questions, **rest})
    caption = (
        "Sighted and blind answers to the same questions, paired. "
        f"{describe_methods([Method.SCORES, Method.DIFFERENCES, Method.RATIOS])}"
    )
    return make_table("reliance", "Reliance by blind condition", caption, columns, rows)


def outcome_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, task and condition: the share of each outcome."""
    rows = [row for one in measured for row in _outcome_rows(one)]
    shown = [outcome for outcome in Outcome if outcome is not Outcome.LIKELIEST or any(row[outcome] for row in rows)]
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Condition", labels=WORDS),
        Column("questions", "Questions", "count"),
        *(Column(str(outcome), outcome.capitalize(), "share") for outcome in shown),
    ]
    caption = (
        "Per cent. Answers that were refused, unparsed, truncated or failed are never guessed: they count as wrong."
    )
    return make_table("outcomes", "Outcomes", caption, columns, rows)


def _outcome_rows(one: Measured) -> Iterator[dict[str, Any]]:
    for task, part in one.given.run.records.groupby("task", sort=False):
        for condition in [str(name) for name in Condition if (part["condition"] == name).any()]:
            asked = part.loc[part["condition"] == condition, "outcome"]
            shares = asked.value_counts(normalize=True)
            counted = {str(name): float(shares.get(name, 0.0)) for name in Outcome}
            yield {"run": one.label, "task": str(task), "condition": condition, "questions": len(asked), **counted}


def unread_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task with responses without an answer: what they could make of the score."""
    columns = [
        *who(measured),
        TASK,
        Column("questions", "Questions", "count"),
        Column("unread", "No answer", "share"),
        Column("wrong", "All wrong", "share", "the score as it is reported"),
        Column("at_chance", "All at chance", "share"),
        Column("right", "All right", "share"),
    ]
    rows = []
    for one in measured:
        for place in one.places(Level.TASK):
            unread = one.get(place, Measure.UNREAD)
            if unread and unread.value > 0:
                bounds = {name: one.get(place, measure) for name, measure in BOUNDS.items()}
                rows.append({**_place(one, place), "questions": unread.n, "unread": unread, **bounds})
    caption = (
        "Sighted scores in per cent if the responses without an answer were all wrong, at chance, or right. "
        f"{describe_methods([Method.SCORES])}"
    )
    return make_table("unread", "What responses without an answer could change", caption, columns, rows)


def _scores(one: Measured, place: Place, condition: str | None) -> dict[str, Any]:
    score = one.score(place)
    blind = one.get(place, Measure.BLIND, condition or "")
    asked = [score, blind, *(one.get(place, Measure.BLIND, name) for name in one.conditions)]
    return {
        "questions": next((estimate.n for estimate in asked if estimate), None),
        "score": score,
        "blind": blind,
        "reliance": one.get(place, Measure.RELIANCE, condition or ""),
        "chance": one.get(place, Measure.CHANCE),
        "floor": one.get(place, Measure.FLOOR),
        "best_blind": one.get(place, Measure.BEST_BLIND),
        "unread": one.get(place, Measure.UNREAD),
    }


def _blind_heading(condition: str | None) -> str:
    heading = show_condition(condition or Condition.NONE)
    return heading[:1].upper() + heading[1:]


def _name_average(one: Measured, place: Place) -> str:
    note = one.notes.get(place)
    return f"{place.group}: {note}" if note else place.group


def _ceiling(one: Measured, task: str) -> float | None:
    """The best that can be scored on a task of forced choices; None for another, or where targets can't be read."""
    rows = one.given.run.records
    part = rows[(rows["task"] == task) & (rows["condition"] == Condition.SIGHTED)]
    if set(part["answer_format"].dropna()) != {str(AnswerFormat.TWO_AFC)}:
        return None
    try:
        return float(part["target"].fillna("").map(ceiling).mean())
    except ValueError:  # a stranger's records may hold any target
        return None


def _place(one: Measured, place: Place) -> dict[str, Any]:
    return {"run": one.label, "task": place.task, "is_task": place.level is not Level.AVERAGE}


def who(measured: Sequence[Measured]) -> list[Column]:
    """The column that names a row's run, where there are several."""
    return [RUN] if len(measured) > 1 else []


def cost_table(measured: Sequence[Measured]) -> Table:
    """A row for each run and task: what a sighted question, and a right answer, costs."""
    columns = [
        *who(measured),
        TASK,
        *COST_COLUMNS.values(),
        Column("peak_memory", "Peak memory, GiB", "number", "of the whole run, as its manifest says"),
    ]
    rows = []
    for one in measured:
        by_task: dict[str, dict[str, Any]] = {}
        records = one.given.run.records
        whole = [Run(one.label, records.assign(task=ALL_TASKS))] if records["task"].nunique() > 1 else []
        for finding in (finding for run in (*whole, one.given.run) for finding in find_cost(run)):
            if finding.measure in COST_COLUMNS:
                costs = by_task.setdefault(finding.task, {})
                costs[COST_COLUMNS[finding.measure].name] = finding.estimate
        memory = _peak_memory(one.given.manifest)
        for task, costs in by_task.items():
            rows.append({"run": one.label, "task": task, "is_task": task != ALL_TASKS, **costs, "peak_memory": memory})
    caption = (
        "Sighted questions only; means. Seconds depend on the machine, which the manifest names. "
        f"{describe_methods([Method.MEANS])}"
    )
    return make_table("cost", "Cost", caption, columns, rows)


def position_table(measured: Sequence[Measured]) -> Table:
    """A row for each run, multiple-choice task and condition."""
    biases = [(one.label, bias) for one in measured for bias in position_bias(one.given.run.records)]
    letters = sorted({letter for _, bias in biases for letter in bias.chosen})[:8]
    columns = [
        *who(measured),
        TASK,
        Column("condition", "Condition", labels=WORDS),
        Column("questions", "Questions", "count"),
        *(Column(f"chosen_{letter}", f"Chose {letter}", "share") for letter in letters),
        *(Column(f"right_{letter}", f"{letter} is right", "share") for letter in letters),
        Column("spread", "To move", "share", "share of choices to move until each letter is chosen as often as right"),
        Column("consistent", "Same option", "share", "chosen in every order of the options"),
        Column("always_right", "Always right", "share", "in every order of the options"),
        Column("by_chance", "… by chance", "share"),
    ]
    rows = [
        {
            "run": label,
            "task": bias.task,
            "condition": bias.condition,
            "questions": bias.n,
            **{f"chosen_{letter}": bias.chosen.get(letter) for letter in letters},
            **{f"right_{letter}": bias.right.get(letter) for letter in letters},
            "spread": bias.spread,
            "consistent": bias.consistent,
            "always_right": bias.always_right,
            "by_chance": bias.always_right_by_chance,
        }
        for label, bias in biases
    ]
    caption = (
        "Per cent of parsed answers that choose a letter, and of questions whose right answer has it. "
        f"{describe_methods([Method.SCORES])}"
    )
    return make_table("position", "Position bias", caption, columns, rows)


def comparison_table(measured: Sequence[Measured], resamples: int) -> tuple[Table, list[str]]:
    """Each further run against the first on the questions that both answered; and why one can't be compared."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    first = measured[0]
    for other in measured[1:]:
        try:
            findings = compare_runs(other.given.run, first.given.run, resamples=resamples)
        except UserError as error:  # the two were asked other questions
            notes.append(f"{other.label} is not compared: {error}.")
            continue
        rows_of = findings[findings["level"].isin([Level.TASK, Level.AVERAGE])]
        for (task, group), part in rows_of.groupby(["task", "group"], sort=False):
            cells = {Measure(str(row.measure)): row for row in part.itertuples()}
            estimates = {measure: read_estimate(row) for measure, row in cells.items()}
            difference = estimates[Measure.DIFFERENCE]
            rows.append(
                {
                    "run": other.label,
                    "task": str(task) if group == ALL else str(cells[Measure.DIFFERENCE].note),
                    "is_task": group == ALL,
                    "questions": difference.n,
                    "score": estimates.get(Measure.FIRST),
                    "first_run": estimates.get(Measure.SECOND),
                    "difference": difference,
                    "p_holm": estimates.get(Measure.P_HOLM),
                    "smallest": estimates.get(Measure.SMALLEST),
                }
            )
    columns = [
        RUN,
        TASK,
        Column("questions", "Shared questions", "count"),
        Column("score", "Score", "share"),
        Column("first_run", f"Score of {first.label}", "share"),
        Column("difference", "Difference", "difference", f"this run − {first.label}, in points"),
        Column("p_holm", "p (Holm)", "p", "McNemar's test or sign flips, corrected over tasks"),
        Column("smallest", "Smallest detectable difference", "share", "with 80 % power at 5 %"),
    ]
    methods = describe_methods([Method.SCORES, Method.DIFFERENCES, Method.TESTS, Method.SMALLEST])
    caption = f"Each run − {first.label}, paired question by question, sighted. {methods}"
    return make_table("comparison", "Runs against each other", caption, columns, rows), notes


def _peak_memory(manifest: dict[str, Any]) -> float | None:
    for name in MEMORY:
        value = manifest.get(name)
        if isinstance(value, (int, float)):
            return float(value) / (2**30 if name.endswith("bytes") else 1)
    return None
