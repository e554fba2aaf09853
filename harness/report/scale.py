"""Scale: what smaller models cost, where a report's runs form a scale or a grid: the study's Figures 2 and 3."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import pandas as pd

from sightscale.harness.analysis import (
    ATTRIBUTIONS,
    DRAWN,
    TRUTH,
    Downscaling,
    Run,
    find_bottleneck,
    find_downscaling,
    read_column,
    show_estimate,
)
from sightscale.harness.evaluation import DECOUPLED, END_TO_END
from sightscale.harness.pages import (
    NARROW,
    WIDE,
    Column,
    Mark,
    Point,
    Row,
    Table,
    draw_intervals,
    draw_points,
    make_table,
)
from sightscale.harness.report.figures import Figure
from sightscale.harness.report.findings_tables import TASK, Measured
from sightscale.harness.statistics import Estimate

Found = TypeVar("Found")
POINTS = "points (95 % interval)"
DROPS = ("perception drop", "reasoning drop")


def downscaling_of(measured: Sequence[Measured], resamples: int) -> tuple[list[Table], list[Figure]]:
    """The drop from the largest end-to-end model to each smaller one; nothing without two sizes on one task."""
    sized: dict[str, Run] = {}
    for run in (one.given.run for one in measured):
        size = read_column(run, "parameters")
        if size and float(size) and read_column(run, "kind") in (None, END_TO_END):  # scripted models have size 0
            sized.setdefault(size, run)
    found = _try(lambda: find_downscaling(list(sized.values()), resamples=resamples)) if len(sized) > 1 else None
    if found is None or found.findings.empty:
        return [], []
    rows = _by_place(found.findings[found.findings["level"] == "task"])
    columns = [
        TASK,
        Column("sizes", "Parameters"),
        Column("questions", "Shared questions", "count"),
        Column("drop", "Drop", "difference", f"score of {found.largest} − the smaller model's, in points"),
        Column("relative_drop", "Relative drop", "difference", "the drop over the largest model's score, in per cent"),
        Column("reliance", "Reliance of the largest", "difference", "sighted − blind on the same questions"),
    ]
    caption = (
        "Paired question by question; 95 % intervals over pictures. It tells what downscaling costs only where the "
        "models differ in size alone."
    )
    tables = [make_table("downscaling", "Drop from the largest model", caption, columns, rows), _relation(found)]
    return [table for table in tables if table.rows], [one for one in (_drop(rows), _scatter(found)) if one]


def bottleneck_of(measured: Sequence[Measured], resamples: int) -> tuple[list[Table], list[Figure]]:
    """What a smaller perception or reasoning module costs; nothing where decoupled runs form no grid."""
    runs = _grid([one.given.run for one in measured])
    findings = _try(lambda: find_bottleneck(runs, resamples=resamples)) if len(runs) >= 4 else None
    if findings is None:
        return [], []
    shown = findings[findings["level"].isin(["task", "average"])]
    effects = shown[shown["measure"].isin([*DROPS, "interaction", "gap to upper bound", "upper bound"])]
    rows = [
        {
            "task": str(row.task),
            "is_task": row.level == "task",
            "effect": str(row.measure),
            "modules": str(row.condition),
            "share" if row.measure == "upper bound" else "points": _estimate(row),
            "questions": int(row.n),
        }
        for row in _each(effects)
    ]
    columns = [
        TASK,
        Column("effect", "Effect"),
        Column("modules", "Modules"),
        Column("questions", "Questions", "count"),
        Column("points", "Points", "difference"),
        Column("share", "Score", "share", "on the true descriptions: what no description can exceed"),
    ]
    caption = (
        "Means over the other axis of the grid, on questions that every cell answered. Interaction: how much more the "
        "largest perception module brings to the largest reasoning module than to the smallest."
    )
    kinds = _attributions(shown)
    tables = [make_table("bottleneck", "Perception or reasoning", caption, columns, rows), kinds]
    return tables, [_bottleneck_figure(rows)]


def _grid(runs: Sequence[Run]) -> list[Run]:
    """The decoupled runs of one mode whose perception modules met every reasoning module, and those on the truth."""
    best: list[Run] = []
    decoupled = [run for run in runs if read_column(run, "kind") == DECOUPLED]
    for mode in dict.fromkeys(read_column(run, "mode") for run in decoupled):
        cells: dict[tuple[str, str], Run] = {}
        for run in decoupled:
            if read_column(run, "mode") == mode:
                cells.setdefault((str(read_column(run, "perception")), str(read_column(run, "reasoning"))), run)
        met: dict[str, set[str]] = {}
        for perception, reasoning in cells:
            met.setdefault(perception, set()).add(reasoning)
        everyone = set().union(*(met[one] for one in met if one != TRUTH)) if set(met) - {TRUTH} else set()
        whole = [run for (perception, _), run in cells.items() if perception == TRUTH or met[perception] == everyone]
        best = max(best, whole, key=len)
    return best


def _drop(rows: Sequence[dict[str, Any]]) -> Figure | None:
    series = tuple(dict.fromkeys(row["sizes"] for row in rows))[:6]
    drawn = [row for row in rows if row["sizes"] in series and row.get("drop")]
    worst = max(drawn, key=lambda row: row["drop"].value, default=None)
    if worst is None:
        return None
    finding = (
        f"Most is lost on {worst['task']}: {_points(worst['drop'])} points, {worst['sizes']} parameters. Size is the "
        "reason only where the models differ in nothing else."
    )
    return _forest("downscaling", "From the largest model to smaller ones", finding, drawn, "sizes", "drop", series)


def _scatter(found: Downscaling) -> Figure | None:
    points = [
        Point(
            str(row.name_),
            Estimate(float(row.drop_value), float(row.drop_low), float(row.drop_high), int(row.n), 0),
            Estimate(float(row.reliance_value), float(row.reliance_low), float(row.reliance_high), int(row.n), 0),
        )
        for row in _each(found.points.rename(columns={"name": "name_"}))
    ]
    if len(points) < 2:
        return None
    relation = found.findings[(found.findings["level"] == "relation") & (found.findings["group"] == DRAWN)]
    tau = next((row for row in _each(relation) if row.measure == "kendall"), None)
    finding = "Too few tasks to relate the two." if tau is None else ""
    if tau is not None:
        how = "rise together" if tau.low > 0 else "go against each other" if tau.high < 0 else "show no clear relation"
        shown = show_estimate(float(tau.value), float(tau.low), float(tau.high), "#")
        finding = f"Over {len(points)} tasks the two {how} (Kendall's tau {shown})."
    axes = f"drop from {found.largest} to {found.smallest}, points", "sighted − blind of the largest, points"
    wide, narrow = (draw_points(points, *axes, width=width) for width in (WIDE, NARROW))
    return Figure("drop_against_reliance", "Drop against vision reliance", finding, ("tasks",), wide, narrow)


def _relation(found: Downscaling) -> Table:
    """Rank correlations and the line, and what each task does to them."""
    names = {"kendall": "Kendall's tau", "spearman": "Spearman's rho", "slope": "slope, errors in both directions"}
    rows = [
        {"what": names[str(row.measure)], "over": str(row.group), "value": _estimate(row)}
        for row in _each(found.findings[found.findings["level"] == "relation"])
        if row.measure in names
    ] + [
        {"what": f"Kendall's tau without {row.group}", "over": "", "value": _estimate(row)}
        for row in _each(found.findings[found.findings["measure"] == "kendall without"])
    ]
    columns = [Column("what", "Measure"), Column("over", "Drawn again"), Column("value", "Value", "number")]
    caption = "Drop against reliance over tasks. A value that one task's absence changes much hangs on that task."
    return make_table("drop_against_reliance", "Drop against reliance", caption, columns, rows)


def _attributions(shown: pd.DataFrame) -> Table:
    rows: dict[str, dict[str, Any]] = {}
    for row in _each(shown[shown["measure"].isin(ATTRIBUTIONS)]):
        place = rows.setdefault(str(row.task), {"task": str(row.task), "questions": int(row.n)})
        place[str(row.measure).replace(" ", "_")] = _estimate(row)
    columns = [TASK, Column("questions", "Questions", "count")]
    columns += [Column(name.replace(" ", "_"), name[:1].upper() + name[1:], "share") for name in ATTRIBUTIONS]
    caption = "Per cent of questions, from the smallest pair of modules on. Sampled answers add chance to each kind."
    return make_table("attribution", "What would have helped", caption, columns, list(rows.values()))


def _bottleneck_figure(rows: Sequence[dict[str, Any]]) -> Figure:
    drops = [{**row, "series": f"{row['effect']}: {row['modules']}"} for row in rows if row["effect"] in DROPS]
    overall = [row for row in drops if not row["is_task"]] or drops
    last = {name: [row for row in overall if row["effect"] == name][-1] for name in DROPS}
    finding = " and ".join(
        f"{name.partition(' ')[0]} costs {_points(row['points'])}" for name, row in last.items() if row["points"]
    )
    series = tuple(dict.fromkeys(row["series"] for row in drops))[:6]
    title = "Perception or reasoning: what the smaller module costs"
    finding = f"{finding[:1].upper()}{finding[1:]} points."
    return _forest("bottleneck", title, finding, drops, "series", "points", series)


def _forest(
    name: str, title: str, finding: str, rows: Sequence[dict[str, Any]], by: str, what: str, series: tuple[str, ...]
) -> Figure:
    marks: dict[str, list[Mark]] = {}
    for row in rows:
        found = row.get(what)
        if row[by] in series and found is not None and found.value == found.value:
            says = f"{row['task']} · {row[by]}: {show_estimate(found.value, found.low, found.high, '±')} points"
            mark = Mark(series.index(row[by]), found.value, found.low, found.high, says)
            marks.setdefault(row["task"], []).append(mark)
    linked = {row["task"] for row in rows if row.get("is_task", True)}
    drawn = [
        Row(task, tuple(some), None, urlencode({"task": task}) if task in linked else "")
        for task, some in marks.items()
    ]
    wide, narrow = (draw_intervals(drawn, series, f"drop, {POINTS}", width=one, signed=True) for one in (WIDE, NARROW))
    return Figure(name, title, finding, series, wide, narrow)


def _by_place(findings: pd.DataFrame) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _each(findings):
        place = rows.setdefault(
            (str(row.task), str(row.condition)),
            {"task": str(row.task), "sizes": str(row.condition), "questions": int(row.n)},
        )
        place[str(row.measure).replace(" ", "_")] = _estimate(row)
    return list(rows.values())


def _try(find: Callable[[], Found]) -> Found | None:
    """What is found, or None for runs that weren't made to be analysed so (other questions, no full grid)."""
    try:
        return find()
    except ValueError:
        return None


def _each(rows: pd.DataFrame) -> Iterable[Any]:
    return rows.itertuples()


def _estimate(row: Any) -> Estimate:
    return Estimate(float(row.value), float(row.low), float(row.high), int(row.n), int(row.clusters))


def _points(found: Estimate) -> str:
    return show_estimate(found.value, found.low, found.high)
