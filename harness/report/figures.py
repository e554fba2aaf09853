"""Figures: which ones a report holds, each with a sentence that says what it shows."""

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlencode

from sightscale.harness.analysis import ALL, Level, Measure, show_condition
from sightscale.harness.looking import draw_looks
from sightscale.harness.pages import Bar, Figure, Mark, Row, Table, draw_intervals, draw_shares, make_figure
from sightscale.harness.report.findings_tables import Measured, Place, headline_condition
from sightscale.harness.report.folders import GivenLooks
from sightscale.harness.statistics import Estimate, Method, Style, describe_methods
from sightscale.tasks.suites import TITLES
from sightscale.tasks.titles import title_of
from sightscale.tasks.vocabulary import READ, Condition, Outcome

SCORE_AXIS = "score, % (95 % interval; dashed: chance)"
MOST_RUNS = 6  # with figures of their own; one figure and the tables hold all
LEVEL = 0.05
MOST_ROWS = 60  # of one figure; tables hold all


def make_figures(measured: Sequence[Measured], outcomes: Table, comparison: Table | None) -> list[Figure]:
    """The figures that these runs give something to draw for."""
    several = len(measured) > 1
    numbered = [(run, number if several else None) for number, run in enumerate(measured, 1)]
    numbered = numbered[:MOST_RUNS]
    figures = [draw_looking(run, number) for run, number in numbered]
    if several:
        figures.insert(0, draw_runs(measured))
    figures += [draw_groups(run, number) for run, number in numbered if run.places(Level.CATEGORY, Level.AXIS)]
    if comparison and comparison.rows:
        figures.append(_draw_comparison(comparison))
    figures.append(_draw_outcomes(outcomes, several=several))
    return [figure for figure in figures if figure.wide]


def draw_trainings(trainings: Sequence[GivenLooks]) -> list[Figure]:
    """A curve "does it still look?" for each training."""
    figures = []
    for number, training in enumerate(trainings, 1):
        figure = draw_looks(training.looks)
        name = figure.name if len(trainings) == 1 else f"{figure.name}_{number}"
        figures.append(replace(figure, name=name, title=f"{figure.title} {training.label}"))
    return figures


def draw_looking(run: Measured, number: int | None = None) -> Figure:
    """Each task's score with the picture and under every blind condition; `number` tells runs apart."""
    conditions = (Condition.SIGHTED, *run.conditions)
    series = tuple(show_condition(name) for name in conditions)
    averages = [place for place in run.places(Level.AVERAGE) if place.task in TITLES.values()]
    rows = _rows(run, [*run.places(Level.TASK), *averages], conditions)
    gains = [gain for place in run.places(Level.TASK) if (gain := _gain(run, place))]
    best = max(gains, key=lambda pair: pair[1].value, default=None)
    finding = f"Scores of {run.label}, with the picture{' and blind' if run.conditions else ''}."
    if best:
        low = min(gains, key=lambda pair: pair[1].value)
        most = f"{_points(best[1])} points on {best[0]}"
        finding = f"{run.label}: looking adds {most}."
        if best[1].value > low[1].value:
            finding = f"{run.label}: looking adds between {_points(low[1])} points on {low[0]} and {most}."
        elif len(gains) > 1:
            finding = f"{run.label}: looking adds {_points(best[1])} points on every task."
    return _intervals(
        f"looking_{number}" if number else "looking",
        "With the picture and without" + (f": {run.label}" if number else ""),
        finding,
        rows,
        series,
        SCORE_AXIS,
    )


def draw_groups(run: Measured, number: int | None = None) -> Figure:
    """Each category's and axis's score, with the picture and under the headline's blind condition."""
    condition = headline_condition([run])
    conditions = (Condition.SIGHTED, *([condition] if condition else []))
    series = tuple(show_condition(name) for name in conditions)
    places = run.places(Level.AXIS) or run.places(Level.CATEGORY)
    rows = _rows(run, places, conditions)
    scores = [(place.group, score) for place in places if (score := run.score(place)) and score.n]
    finding = f"Scores by category of {run.label}."
    if len(scores) > 1:
        best, worst = (choose(scores, key=lambda pair: pair[1].value) for choose in (max, min))
        finding = f"{run.label} gets {_share(best[1])} % right in every category."
        if best[1].value > worst[1].value:
            ends = f"best on {best[0]} ({_share(best[1])} %), worst on {worst[0]} ({_share(worst[1])} %)"
            finding = f"{run.label} is {ends}."
    return _intervals(
        f"categories_{number}" if number else "categories",
        "By category" + (f": {run.label}" if number else ""),
        finding,
        rows,
        series,
        SCORE_AXIS,
    )


def draw_runs(measured: Sequence[Measured]) -> Figure:
    """Every run's sighted score on each task."""
    series = tuple(run.label for run in measured)[:6]
    tasks = list(dict.fromkeys(place for run in measured for place in run.places(Level.TASK)))
    rows = []
    for place in tasks[:MOST_ROWS]:
        marks = [_mark(n, run.label, title_of(place.task), run.score(place)) for n, run in enumerate(measured[:6])]
        chance = next((level.value for run in measured if (level := run.get(place, Measure.CHANCE))), None)
        link = urlencode({"task": place.task})
        rows.append(Row(title_of(place.task), tuple(mark for mark in marks if mark), chance, link))
    which = f"the first {len(series)} of {len(measured)} runs" if len(measured) > 6 else f"{len(series)} runs"
    return _intervals("runs", "All runs", f"Sighted scores of {which}.", rows, series, SCORE_AXIS)


def _draw_outcomes(table: Table, *, several: bool) -> Figure:
    """The outcomes of the answers, where any is other than answered; without drawings when none is."""
    outcomes = (str(Outcome.ANSWERED), *(str(outcome) for outcome in Outcome if outcome not in READ))
    bars = []
    for row in [row for row in table.rows if sum(row[outcome] for outcome in READ) < 1][:MOST_ROWS]:
        title = title_of(str(row["task"]))
        name = f"{row['run']}: {title}" if several else title
        read = sum(float(row[outcome]) for outcome in READ)
        shares = (read, *(float(row[outcome]) for outcome in outcomes[1:]))
        spread = ", ".join(f"{outcome} {100 * share:.1f} %" for outcome, share in zip(outcomes, shares, strict=True))
        link = urlencode({"task": row["task"]})
        bars.append(Bar(f"{name}, {row['condition']}", shares, f"{name}, {row['condition']}: {spread}", link))
    worst = min(bars, key=lambda bar: bar.shares[0], default=None)
    finding = f"Most responses without an answer: {100 * (1 - worst.shares[0]):.1f} % on {worst.name}." if worst else ""

    def draw(width: int) -> str:
        return draw_shares(bars, "% of answers", width=width) if bars else ""

    title = "Answers that were refused, unparsed, truncated or failed"
    return make_figure("outcomes", title, finding, outcomes, draw, kind="o")


def _draw_comparison(table: Table) -> Figure:
    series = tuple(dict.fromkeys(str(row["run"]) for row in table.rows))[:6]
    by_task: dict[str, list[Mark]] = {}
    for row in table.rows:
        if row["run"] in series:
            index, title = series.index(row["run"]), title_of(str(row["task"]))
            mark = _mark(index, row["run"], title, row["difference"], signed=True)
            by_task.setdefault(str(row["task"]), []).extend([mark] if mark else [])
    rows = [
        Row(title_of(task), tuple(marks), None, urlencode({"task": task}))
        for task, marks in list(by_task.items())[:MOST_ROWS]
    ]
    tested = [row["p_holm"].value for row in table.rows if row.get("p_holm")]
    apart = sum(p < LEVEL for p in tested)
    finding = f"{apart} of {len(tested)} tasks' differences hold at 5 % after Holm's correction."
    return _intervals("comparison", table.title, finding, rows, series, "difference, points (95 % interval)", True)


def _rows(run: Measured, places: Sequence[Place], conditions: Sequence[str]) -> list[Row]:
    """A row for each place, with a mark for the sighted score and for each blind one."""
    rows = []
    for place, name in list(zip(places, _names(places), strict=True))[:MOST_ROWS]:
        scores = [run.score(place), *(run.get(place, Measure.BLIND, condition) for condition in conditions[1:])]
        marks = [
            _mark(number, show_condition(condition), name, score)
            for number, (condition, score) in enumerate(zip(conditions, scores, strict=True))
        ]
        chance = run.get(place, Measure.CHANCE)
        link = {"task": place.task} | ({"category": place.category} if place.level is not Level.TASK else {})
        linked = urlencode(link) if place.level is not Level.AVERAGE else ""
        rows.append(Row(name, tuple(mark for mark in marks if mark), chance.value if chance else None, linked))
    return rows


def _names(places: Sequence[Place]) -> list[str]:
    """As short as tells places apart: an axis alone, else with its category, else with its task."""
    titles = [title_of(place.task) for place in places]
    short = [t if p.group == ALL else p.group.rpartition(" / ")[2] for t, p in zip(titles, places, strict=True)]
    longer = [t if p.group == ALL else p.group for t, p in zip(titles, places, strict=True)]
    whole = [t if p.group == ALL else f"{t}: {p.group}" for t, p in zip(titles, places, strict=True)]
    return next((names for names in (short, longer) if len(set(names)) == len(names)), whole)


def _intervals(
    name: str, title: str, finding: str, rows: list[Row], series: tuple[str, ...], axis: str, signed: bool = False
) -> Figure:
    drawable = [row for row in rows if row.marks]

    def draw(width: int) -> str:
        return draw_intervals(drawable, series, axis, width=width, signed=signed) if drawable else ""

    methods = describe_methods([Method.DIFFERENCES if signed else Method.SCORES])
    return make_figure(name, title, f"{finding} {methods}".strip(), series, draw)


def _mark(series: int, name: str, row: str, estimate: Estimate | None, *, signed: bool = False) -> Mark | None:
    if estimate is None or estimate.value != estimate.value:
        return None
    style, unit = (Style.POINTS, "points") if signed else (Style.SHARE, "%")
    says = f"{row} · {name}: {estimate.show(style)} {unit}, {estimate.n:,} questions"
    return Mark(series, estimate.value, estimate.low, estimate.high, says)


def _gain(run: Measured, place: Place) -> tuple[str, Estimate] | None:
    condition = headline_condition([run])
    gain = run.get(place, Measure.RELIANCE, condition) if condition else None
    return (title_of(place.task), gain) if gain and gain.n else None


def _points(estimate: Estimate) -> str:
    return f"{100 * estimate.value:+.1f}"


def _share(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f}"
