"""Scale: what smaller models cost, where a report's runs form a scale or a grid: the study's Figures 2 and 3."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pandas as pd

from sightscale.harness.analysis import (
    ATTRIBUTIONS,
    TRUTH,
    Downscaling,
    Level,
    Measure,
    Run,
    find_bottleneck,
    find_downscaling,
    only,
    read_column,
    read_estimate,
)
from sightscale.harness.pages import Column, Figure, Table, make_table
from sightscale.harness.report.finding_figures import draw_bottleneck, draw_downscaling
from sightscale.harness.report.findings_tables import TASK, Measured
from sightscale.harness.statistics import Method, describe_methods
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Kind

Analysis = TypeVar("Analysis")
EFFECTS = (
    Measure.PERCEPTION_DROP,
    Measure.REASONING_DROP,
    Measure.INTERACTION,
    Measure.UPPER_BOUND,
    Measure.UPPER_GAP,
)
DROP_COLUMNS = {
    Measure.DROP: "drop",
    Measure.RELATIVE_DROP: "relative_drop",
    Measure.RELIANCE: "reliance",
}
RELATIONS = {
    Measure.KENDALL: "Kendall's tau",
    Measure.SPEARMAN: "Spearman's rho",
    Measure.SLOPE: "slope, errors in both directions",
}


def downscaling_of(measured: Sequence[Measured], resamples: int) -> tuple[list[Table], list[Figure]]:
    """The drop from the largest end-to-end model to each smaller one; nothing without two sizes on one task."""
    sized: dict[str, Run] = {}
    for run in (one.given.run for one in measured):
        size = read_column(run, "parameters")
        if size and float(size) and read_column(run, "kind") in (None, Kind.END_TO_END):  # scripted models have size 0
            sized.setdefault(size, run)
    if len(sized) < 2:
        return [], []
    downscaling = _analyse(lambda: find_downscaling(list(sized.values()), resamples=resamples))
    if downscaling is None or downscaling.findings.empty:
        return [], []
    columns = [
        TASK,
        Column("sizes", "Parameters"),
        Column("questions", "Shared questions", "count"),
        Column("drop", "Drop", "difference", f"score of {downscaling.largest} − the smaller model's, in points"),
        Column("relative_drop", "Relative drop", "difference", "the drop over the largest model's score, in per cent"),
        Column("reliance", "Reliance of the largest", "difference", "sighted − blind on the same questions"),
    ]
    caption = (
        "Paired by question. This is the cost of downscaling only if the models differ in size alone. "
        "Relative drops are shown if the largest model scores at least 20 %. "
        f"{describe_methods([Method.DIFFERENCES, Method.RATIOS])}"
    )
    rows = _list_drops(downscaling)
    tables = [make_table("downscaling", "Drop from the largest model", caption, columns, rows), _relation(downscaling)]
    return [table for table in tables if table.rows], draw_downscaling(downscaling)


def bottleneck_of(measured: Sequence[Measured], resamples: int) -> tuple[list[Table], list[Figure]]:
    """What a smaller perception or reasoning module costs; nothing where decoupled runs form no grid."""
    runs = _select_grid([one.given.run for one in measured])
    findings = _analyse(lambda: find_bottleneck(runs, resamples=resamples)) if len(runs) >= 4 else None
    if findings is None:
        return [], []
    overall = findings[findings["level"].isin([Level.TASK, Level.AVERAGE])]
    rows = [
        {
            "task": str(row.task),
            "is_task": row.level == Level.TASK,
            "effect": str(row.measure),
            "modules": str(row.contrast or f"{row.perception} : {row.reasoning}"),
            "share" if row.measure == Measure.UPPER_BOUND else "points": read_estimate(row),
            "questions": read_estimate(row).n,
        }
        for row in only(overall, *EFFECTS).itertuples()
    ]
    columns = [
        TASK,
        Column("effect", "Effect"),
        Column("modules", "Modules"),
        Column("questions", "Questions", "count"),
        Column("points", "Points", "difference"),
        Column("share", "Score", "share", "on the true descriptions: the upper bound for better perception"),
    ]
    caption = (
        "Means over the other axis of the grid, on questions that every run answered. Interaction: how much more the "
        "largest perception module brings to the largest reasoning module than to the smallest. "
        f"{describe_methods([Method.SCORES, Method.DIFFERENCES])}"
    )
    table = make_table("bottleneck", "Perception or reasoning", caption, columns, rows)
    drops = [figure for figure in draw_bottleneck(findings) if figure.name == "bottleneck"]
    return [table, _attributions(overall)], drops


def _select_grid(runs: Sequence[Run]) -> list[Run]:
    """The decoupled runs of one mode whose perception modules met every reasoning module, and those on the truth."""
    best: list[Run] = []
    decoupled = [run for run in runs if read_column(run, "kind") == Kind.DECOUPLED]
    for mode in dict.fromkeys(read_column(run, "mode") for run in decoupled):
        cells: dict[tuple[str, str], Run] = {}
        for run in decoupled:
            if read_column(run, "mode") == mode:
                cells.setdefault((str(read_column(run, "perception")), str(read_column(run, "reasoning"))), run)
        met: dict[str, set[str]] = {}
        for perception, reasoning in cells:
            met.setdefault(perception, set()).add(reasoning)
        perceptions = set(met) - {TRUTH}
        everyone: set[str] = set().union(*(met[name] for name in perceptions))
        whole = [run for (perception, _), run in cells.items() if perception == TRUTH or met[perception] == everyone]
        best = max(best, whole, key=len)
    return best


def _list_drops(downscaling: Downscaling) -> list[dict[str, Any]]:
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in only(downscaling.findings, *DROP_COLUMNS, levels=[Level.TASK]).itertuples():
        place = rows.setdefault(
            (str(row.task), str(row.contrast)),
            {"task": str(row.task), "sizes": str(row.contrast), "questions": read_estimate(row).n},
        )
        place[DROP_COLUMNS[Measure(str(row.measure))]] = read_estimate(row)
    return list(rows.values())


def _relation(downscaling: Downscaling) -> Table:
    """Rank correlations and the line, and what each task does to them."""
    relation = only(downscaling.findings, *RELATIONS, levels=[Level.RELATION])
    rows = [
        {"what": RELATIONS[Measure(str(row.measure))], "over": str(row.group), "value": read_estimate(row)}
        for row in relation.itertuples()
    ] + [
        {"what": f"Kendall's tau without {row.group}", "over": "", "value": read_estimate(row)}
        for row in only(downscaling.findings, Measure.KENDALL_WITHOUT).itertuples()
    ]
    columns = [Column("what", "Measure"), Column("over", "Interval"), Column("value", "Value", "number")]
    caption = (
        "Drop against reliance over tasks. A value that changes much without one task depends on that task. "
        f"{describe_methods([Method.RELATION])}"
    )
    return make_table("drop_against_reliance", "Drop against reliance", caption, columns, rows)


def _attributions(findings: pd.DataFrame) -> Table:
    names = {measure: str(measure).replace(" ", "_") for measure in ATTRIBUTIONS}
    rows: dict[str, dict[str, Any]] = {}
    for row in only(findings, *ATTRIBUTIONS).itertuples():
        place = rows.setdefault(str(row.task), {"task": str(row.task), "questions": read_estimate(row).n})
        place[names[Measure(str(row.measure))]] = read_estimate(row)
    columns = [TASK, Column("questions", "Questions", "count")]
    columns += [Column(name, measure.label[:1].upper() + measure.label[1:], "share") for measure, name in names.items()]
    caption = (
        "Per cent of questions, compared with the smallest pair of modules. Sampling adds noise to every kind. "
        f"{describe_methods([Method.SCORES])}"
    )
    return make_table("attribution", "What would have helped", caption, columns, list(rows.values()))


def _analyse(find: Callable[[], Analysis]) -> Analysis | None:
    """The analysis, or None for runs that weren't made to be analysed so (other questions, no full grid)."""
    try:
        return find()
    except UserError:
        return None
