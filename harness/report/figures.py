"""Figures: which ones a report holds, each with a sentence that says what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import vl_convert

from sightscale.harness.analysis import ALL, FAMILIES, OUTCOMES, show_estimate
from sightscale.harness.pages import NARROW, WIDE, Bar, Mark, Row, Table, as_file, draw_intervals, draw_shares
from sightscale.harness.report.findings_tables import Measured, Place, headline_condition
from sightscale.harness.statistics import Estimate
from sightscale.model_adapters.blindfold import SIGHTED

SCORE_AXIS = "score, % (95 % interval; dashed: chance)"
MOST_RUNS = 6  # with figures of their own; one figure and the tables hold all
LEVEL = 0.05
MOST_ROWS = 60  # of one figure; tables hold all


@dataclass(frozen=True)
class Figure:
    """A figure: drawings for a wide and a narrow page, its series, and its finding in words."""

    name: str
    title: str
    finding: str
    series: tuple[str, ...]
    wide: str
    narrow: str
    kind: str = "s"  # how series are coloured: s as marks, o as outcomes


def make_figures(measured: Sequence[Measured], outcomes: Table, comparison: Table | None) -> list[Figure]:
    """The figures that these runs give something to draw for."""
    several = len(measured) > 1
    numbered = [(one, number if several else None) for number, one in enumerate(measured, 1)]
    numbered = numbered[:MOST_RUNS]
    figures = [draw_looking(one, number) for one, number in numbered]
    if several:
        figures.insert(0, draw_runs(measured))
    figures += [draw_groups(one, number) for one, number in numbered if one.places("category", "axis")]
    if comparison and comparison.rows:
        figures.append(_draw_comparison(comparison))
    figures.append(_draw_outcomes(outcomes, several=several))
    return [figure for figure in figures if figure.wide]


def draw_looking(one: Measured, number: int | None = None) -> Figure:
    """Each task's score with the picture and under every blind condition; `number` tells runs apart."""
    series = (SIGHTED, *(f"blind: {name}" for name in one.conditions))
    averages = [place for place in one.places("average") if place[0] in FAMILIES.values()]
    rows = _rows(one, [*one.places("task"), *averages], series)
    gains = [found for row in one.places("task") if (found := _gain(one, row))]
    best = max(gains, key=lambda pair: pair[1].value, default=None)
    finding = f"Scores of {one.label}, with the picture{' and blind' if one.conditions else ''}."
    if best:
        low = min(gains, key=lambda pair: pair[1].value)
        most = f"{_points(best[1])} points on {best[0]}"
        finding = f"{one.label}: looking adds {most}."
        if best[1].value > low[1].value:
            finding = f"{one.label}: looking adds between {_points(low[1])} points on {low[0]} and {most}."
        elif len(gains) > 1:
            finding = f"{one.label}: looking adds {_points(best[1])} points on every task."
    return _intervals(
        f"looking_{number}" if number else "looking",
        "With the picture and without" + (f": {one.label}" if number else ""),
        finding,
        rows,
        series,
        SCORE_AXIS,
    )


def draw_groups(one: Measured, number: int | None = None) -> Figure:
    """Each category's and axis's score, with the picture and under the headline's blind condition."""
    condition = headline_condition([one])
    series = (SIGHTED, *([f"blind: {condition}"] if condition else []))
    places = one.places("axis") or one.places("category")
    rows = _rows(one, places, series)
    scores = [(place[2], score) for place in places if (score := one.score(place)) and score.n]
    finding = f"Scores by category of {one.label}."
    if len(scores) > 1:
        best, worst = (choose(scores, key=lambda pair: pair[1].value) for choose in (max, min))
        finding = f"{one.label} gets {_share(best[1])} % right in every category."
        if best[1].value > worst[1].value:
            ends = f"best on {best[0]} ({_share(best[1])} %), worst on {worst[0]} ({_share(worst[1])} %)"
            finding = f"{one.label} is {ends}."
    return _intervals(
        f"categories_{number}" if number else "categories",
        "By category" + (f": {one.label}" if number else ""),
        finding,
        rows,
        series,
        SCORE_AXIS,
    )


def draw_runs(measured: Sequence[Measured]) -> Figure:
    """Every run's sighted score on each task."""
    series = tuple(one.label for one in measured)[:6]
    tasks = list(dict.fromkeys(place for one in measured for place in one.places("task")))
    rows = []
    for place in tasks[:MOST_ROWS]:
        marks = [_mark(n, one.label, place[0], one.score(place)) for n, one in enumerate(measured[:6])]
        chance = next((found.value for one in measured if (found := one.get(place, "chance"))), None)
        rows.append(Row(place[0], tuple(mark for mark in marks if mark), chance, urlencode({"task": place[0]})))
    shown = f"the first {len(series)} of {len(measured)} runs" if len(measured) > 6 else f"{len(series)} runs"
    return _intervals("runs", "All runs", f"Sighted scores of {shown}.", rows, series, SCORE_AXIS)


def write_figure(figure: Figure, folder: Path) -> None:
    """Write a figure as SVG and as PNG at twice its size."""
    folder.mkdir(parents=True, exist_ok=True)
    svg = as_file(figure.wide, figure.title, figure.series, figure.kind)
    (folder / f"{figure.name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svg, scale=2))


def _draw_outcomes(table: Table, *, several: bool) -> Figure:
    """What became of the answers, where any was not read; without drawings when all were."""
    bars = []
    for row in [row for row in table.rows if row["answered"] < 1][:MOST_ROWS]:
        name = f"{row['run']}: {row['task']}" if several else row["task"]
        shares = tuple(float(row[outcome]) for outcome in OUTCOMES)
        said = ", ".join(f"{outcome} {100 * share:.1f} %" for outcome, share in zip(OUTCOMES, shares, strict=True))
        link = urlencode({"task": row["task"]})
        bars.append(Bar(f"{name}, {row['condition']}", shares, f"{name}, {row['condition']}: {said}", link))
    worst = min(bars, key=lambda bar: bar.shares[0], default=None)
    finding = f"Most unread answers: {100 * (1 - worst.shares[0]):.1f} % on {worst.name}." if worst else ""
    wide, narrow = (draw_shares(bars, "% of answers", width=width) if bars else "" for width in (WIDE, NARROW))
    return Figure("outcomes", "Where answers were not read", finding, OUTCOMES, wide, narrow, "o")


def _draw_comparison(table: Table) -> Figure:
    series = tuple(dict.fromkeys(str(row["run"]) for row in table.rows))[:6]
    by_task: dict[str, list[Mark]] = {}
    for row in table.rows:
        if row["run"] in series:
            mark = _mark(series.index(row["run"]), row["run"], row["task"], row["difference"], signed=True)
            by_task.setdefault(str(row["task"]), []).extend([mark] if mark else [])
    rows = [Row(task, tuple(marks), None, urlencode({"task": task})) for task, marks in by_task.items()][:MOST_ROWS]
    tested = [row["p_holm"].value for row in table.rows if row.get("p_holm")]
    apart = sum(p < LEVEL for p in tested)
    finding = f"{apart} of {len(tested)} tasks' differences hold at 5 % after Holm's correction."
    return _intervals("comparison", table.title, finding, rows, series, "difference, points (95 % interval)", True)


def _rows(one: Measured, places: Sequence[Place], series: Sequence[str]) -> list[Row]:
    rows = []
    for place, name in list(zip(places, _names(places), strict=True))[:MOST_ROWS]:
        found = [one.score(place)] + [one.get(place, "blind", each.partition(": ")[2]) for each in series[1:]]
        marks = [_mark(n, series[n], name, estimate) for n, estimate in enumerate(found)]
        chance = one.get(place, "chance")
        link = {"task": place[0]} | ({"category": place[2].partition(" / ")[0]} if place[1] != "task" else {})
        linked = urlencode(link) if place[1] != "average" else ""
        rows.append(Row(name, tuple(mark for mark in marks if mark), chance.value if chance else None, linked))
    return rows


def _names(places: Sequence[Place]) -> list[str]:
    """As short as tells places apart: an axis alone, else with its category, else with its task."""
    short = [task if group == ALL else group.rpartition(" / ")[2] for task, _, group in places]
    longer = [task if group == ALL else group for task, _, group in places]
    whole = [task if group == ALL else f"{task}: {group}" for task, _, group in places]
    return next((names for names in (short, longer) if len(set(names)) == len(names)), whole)


def _intervals(
    name: str, title: str, finding: str, rows: list[Row], series: tuple[str, ...], axis: str, signed: bool = False
) -> Figure:
    kept = [row for row in rows if row.marks]
    drawn = [draw_intervals(kept, series, axis, width=width, signed=signed) for width in (WIDE, NARROW)]
    return Figure(name, title, finding, series, *(drawn if kept else ("", "")))


def _mark(series: int, name: str, row: str, found: Estimate | None, *, signed: bool = False) -> Mark | None:
    if found is None or found.value != found.value:
        return None
    said = show_estimate(found.value, found.low, found.high, "±" if signed else "")
    says = f"{row} · {name}: {said} {'points' if signed else '%'}, {found.n:,} questions"
    return Mark(series, found.value, found.low, found.high, says)


def _gain(one: Measured, place: Place) -> tuple[str, Estimate] | None:
    condition = headline_condition([one])
    found = one.get(place, "reliance", condition) if condition else None
    return (place[0], found) if found and found.n else None


def _points(found: Estimate) -> str:
    return f"{100 * found.value:+.1f}"


def _share(found: Estimate) -> str:
    return f"{100 * found.value:.1f}"
