"""Figures of findings: what each analysis draws, for its command, a study and a report alike."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pandas as pd

from sightscale.harness.analysis import (
    ALL,
    ATTRIBUTIONS,
    Downscaling,
    Level,
    Measure,
    Resampling,
    describe_measures,
    only,
    read_estimate,
    show_condition,
)
from sightscale.harness.pages import (
    Cell,
    Figure,
    Mark,
    Point,
    Row,
    draw_cells,
    draw_intervals,
    draw_points,
    make_figure,
    name_model,
)
from sightscale.harness.statistics import Estimate, Style
from sightscale.tasks.titles import title_of

POINTS_AXIS = "percentage points (95 % interval)"
MOST_SERIES = 6


def draw_scores(findings: pd.DataFrame) -> list[Figure]:
    """One figure for each run: each task's score with the picture and under every blind condition."""
    rows = only(findings, Measure.SIGHTED, Measure.BLIND, levels=[Level.TASK])
    chances = only(findings, Measure.CHANCE, levels=[Level.TASK])
    figures = []
    for number, (run, part) in enumerate(rows.groupby("run", sort=False), 1):
        of_run = chances[chances["run"] == run]
        chance_of = {title_of(str(row["task"])): float(row["value"]) for row in of_run.to_dict("records")}
        several = rows["run"].nunique() > 1
        figures.append(
            _forest(
                f"scores_{number}" if several else "scores",
                f"With the picture and without: {name_model(str(run))}",
                "Scores on the same questions.",
                [(title_of(str(row.task)), show_condition(str(row.condition)), row) for row in part.itertuples()],
                "score, % (95 % interval; dashed: chance)",
                signed=False,
                at=chance_of,
            )
        )
    return figures


def draw_reliance(findings: pd.DataFrame) -> list[Figure]:
    """Each task's reliance, a figure for each blind condition."""
    rows = only(findings, Measure.RELIANCE, levels=[Level.TASK])
    several = rows["run"].nunique() > 1
    return [
        _forest(
            f"reliance_{condition}",
            f"Vision reliance, {show_condition(str(condition))}",
            "What looking adds to each task's score.",
            [(title_of(str(row.task)), str(row.run) if several else "reliance", row) for row in part.itertuples()],
            f"sighted − blind, {POINTS_AXIS}",
        )
        for condition, part in rows.groupby("condition", sort=False)
    ]


def draw_comparison(findings: pd.DataFrame, title: str, levels: Sequence[Level] | None = None) -> Figure:
    """The differences of two runs."""
    rows = only(findings, Measure.DIFFERENCE, levels=levels or [Level.TASK, Level.AVERAGE])
    named = [(_name_place(row), "difference", row) for row in rows.itertuples()]
    finding = f"{title}, question by question."
    return _forest("comparison", title, finding, named, f"difference, {POINTS_AXIS}")


def draw_doses(findings: pd.DataFrame) -> list[Figure]:
    """The score at each dose of a kind, models side by side; a figure for each task and kind."""
    figures = []
    rows = only(findings, Measure.DOSED, levels=[Level.TASK])
    for (task, kind), part in rows.groupby(["task", "contrast"], sort=False):
        figures.append(
            _forest(
                f"dose_{kind}_{task}",
                f"{title_of(str(task))}: score against {kind}",
                "From no picture to the whole one.",
                [(show_condition(str(row.condition)), str(row.run), row) for row in part.itertuples()],
                "score, per cent (95 % interval)",
                signed=False,
            )
        )
    return figures


def draw_downscaling(downscaling: Downscaling) -> list[Figure]:
    """The two panels of the study's Figure 2; a panel without data is left out."""
    largest, smallest = name_model(downscaling.largest), name_model(downscaling.smallest)
    rows = only(downscaling.findings, Measure.DROP, levels=[Level.TASK])
    figures = []
    if len(rows):
        figures.append(
            _forest(
                "downscaling",
                f"What downscaling from {largest} costs",
                _say_worst(rows),
                [(title_of(str(row.task)), str(row.contrast), row) for row in rows.itertuples()],
                f"drop, {POINTS_AXIS}",
            )
        )
    scatter = _draw_relation(downscaling, largest, smallest)
    return [*figures, scatter] if scatter else figures


def draw_bottleneck(findings: pd.DataFrame) -> list[Figure]:
    """The grid of each task as a heat map, and drops and attributions of all tasks."""
    figures = []
    for task, part in only(findings, Measure.SCORE, levels=[Level.TASK]).groupby("task", sort=False):
        cells = [Cell(str(row.perception), str(row.reasoning), read_estimate(row)) for row in part.itertuples()]
        draw = partial(_draw_grid, cells)
        title = f"Score on {title_of(str(task))}, per cent"
        finding = f"Scores of every pair of modules. {describe_measures([Measure.SCORE])}"
        figures.append(make_figure(f"grid_{task}", title, finding, ("score",), draw))
    both = [Level.TASK, Level.AVERAGE]
    drops = only(findings, Measure.PERCEPTION_DROP, Measure.REASONING_DROP, levels=both)
    figures.append(
        _forest(
            "bottleneck",
            "Perception or reasoning: what the smaller module costs",
            _say_drops(drops),
            [
                (title_of(str(row.task)), f"{Measure(str(row.measure)).label}: {row.contrast}", row)
                for row in drops.itertuples()
            ],
            f"drop, {POINTS_AXIS}",
        )
    )
    shares = only(findings, *ATTRIBUTIONS, levels=[Level.TASK])
    figures.append(
        _forest(
            "attribution",
            "What would have helped",
            "Shares of questions, from the smallest pair of modules on.",
            [(Measure(str(row.measure)).label, title_of(str(row.task)), row) for row in shares.itertuples()],
            "share of questions, per cent (95 % interval)",
            signed=False,
        )
    )
    return figures


def _draw_relation(downscaling: Downscaling, largest: str, smallest: str) -> Figure | None:
    def read(row: Mapping[Any, Any], side: str) -> Estimate:
        value, low, high = (float(row[f"{side}_{end}"]) for end in ("value", "low", "high"))
        return Estimate(value, low, high, row["n"], 0)

    points = [
        Point(title_of(str(row["name"])), read(row, "drop"), read(row, "reliance"), str(row["name"]))
        for row in downscaling.points.to_dict("records")
    ]
    if len(points) < 2:
        return None
    relation = only(downscaling.findings, Measure.KENDALL, Measure.SLOPE, Measure.INTERCEPT, levels=[Level.RELATION])
    line = {
        str(row.measure): read_estimate(row).value
        for row in relation[relation["group"] == Resampling.QUESTIONS].itertuples()
    }
    finding = "Too few tasks to relate the two."
    for row in only(relation[relation["group"] == Resampling.TASKS], Measure.KENDALL).itertuples():
        tau = read_estimate(row)
        how = "rise together" if tau.low > 0 else "go against each other" if tau.high < 0 else "show no clear relation"
        finding = f"Over {len(points)} tasks the two {how} (Kendall's tau {tau.show(Style.NUMBER)})."
    ends = (line[Measure.INTERCEPT], line[Measure.SLOPE]) if Measure.SLOPE in line else None
    axes = (f"drop from {largest} to {smallest}, points", "sighted − blind of the largest, points")

    def draw(width: int) -> str:
        return draw_points(points, *axes, width=width, line=ends)

    finding = f"{finding} {describe_measures([Measure.DROP, Measure.KENDALL])}"
    return make_figure("drop_against_reliance", "Drop against vision reliance", finding, ("tasks",), draw)


def _say_worst(rows: pd.DataFrame) -> str:
    """The largest clear loss, or the largest estimate if no loss is clear."""
    clear = [row for row in rows.itertuples() if read_estimate(row).low > 0]
    candidates: Iterable[Any] = clear or rows.itertuples()
    worst = max(candidates, key=lambda row: row.value)
    loss = f"{title_of(str(worst.task))}: {read_estimate(worst).show()} points, {worst.contrast} parameters"
    begin = f"The largest clear loss is on {loss}." if clear else f"No task's loss is clear; largest estimate: {loss}."
    return f"{begin} Size explains it only if the models differ in nothing else."


def _say_drops(rows: pd.DataFrame) -> str:
    """The last, that is the largest, step's cost on either axis, over all tasks where there are several."""
    overall = rows[rows["level"] == Level.AVERAGE]
    overall = overall if len(overall) else rows
    parts = []
    for measure, axis in ((Measure.PERCEPTION_DROP, "perception"), (Measure.REASONING_DROP, "reasoning")):
        parts += [f"{axis} costs {read_estimate(row).show()}" for row in only(overall, measure).tail(1).itertuples()]
    sentence = " and ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]} points."


def _name_place(row: Any) -> str:
    if row.level == Level.AVERAGE:
        return str(row.note or row.group)
    title = title_of(str(row.task))
    return title if row.group == ALL else f"{title}: {row.group}"


def _draw_grid(cells: Sequence[Cell], width: int) -> str:
    return draw_cells(cells, "perception module", "reasoning module", width=width) if cells else ""


def _forest(
    name: str,
    title: str,
    finding: str,
    rows: Sequence[tuple[str, str, Any]],
    axis: str,
    *,
    signed: bool = True,
    at: Mapping[str, float] | None = None,
) -> Figure:
    """Marks with intervals: a row for each name, a mark for each series, from a findings row each.

    `at` is a reference value for some rows by name, such as chance.
    """
    series = tuple(dict.fromkeys(label for _, label, _ in rows))[:MOST_SERIES]
    marks: dict[str, list[Mark]] = {}
    links: dict[str, str] = {}
    style, unit = (Style.POINTS, "points") if signed else (Style.SHARE, "%")
    for place, label, row in rows:
        estimate = read_estimate(row)
        if label not in series or estimate.is_missing:
            continue
        says = f"{place} · {label}: {estimate.show(style)} {unit}, {estimate.n:,} questions"
        mark = Mark(series.index(label), estimate.value, estimate.low, estimate.high, says)
        marks.setdefault(place, []).append(mark)
        links[place] = urlencode({"task": row.task}) if row.level == Level.TASK else ""
    drawn = [Row(place, tuple(some), (at or {}).get(place), links[place]) for place, some in marks.items()]

    def draw(width: int) -> str:
        return draw_intervals(drawn, series, axis, width=width, signed=signed) if drawn else ""

    measures = list(dict.fromkeys(Measure(str(row.measure)) for _, _, row in rows))
    return make_figure(name, title, f"{finding} {describe_measures(measures)}".strip(), series, draw)
