"""Findings: the rows that every analysis returns, one for each thing measured, with its interval."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from sightscale.harness.statistics.estimates import Estimate

WHERE = ["run", "task", "level", "group", "condition"]
COLUMNS = [*WHERE, "measure", "value", "low", "high", "n", "clusters"]


def finding(measure: str, found: Estimate, **where: str) -> dict[str, Any]:
    """One row; what isn't named of run, task, level, group and condition stays empty."""
    return {
        **{name: where.get(name, "") for name in WHERE},
        "measure": measure,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "clusters": found.clusters,
    }


def known(value: float, n: int, clusters: int = 0) -> Estimate:
    """A number without an interval, such as a chance level."""
    return Estimate(float(value), float("nan"), float("nan"), n, clusters)


def as_findings(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table with the columns that all analyses share."""
    return pd.DataFrame(list(rows), columns=COLUMNS)


def render_findings(
    findings: pd.DataFrame, measures: dict[str, str], *, caption: str = "", levels: Sequence[str] | None = None
) -> Table:
    """A table for a terminal: a row for each place, a column for each of `measures` (name to its heading).

    Measures are shown in per cent, and with a sign where the heading starts with ±, or as they are where it
    starts with #.
    """
    shown = findings[findings["measure"].isin(measures)]
    if levels is not None:
        shown = shown[shown["level"].isin(levels)]
    places = [name for name in WHERE if name != "level" and (shown[name] != "").any()]
    table = Table(caption=caption or None, caption_justify="left")
    for name in places:
        table.add_column(name, overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    present = [name for name in measures if (shown["measure"] == name).any()]
    for name in present:
        table.add_column(escape(measures[name].lstrip("±#").strip()), justify="right", no_wrap=True)
    for place, rows in shown.groupby(WHERE, sort=False):
        by_measure = {str(row.measure): row for row in rows.itertuples()}
        where = dict(zip(WHERE, place, strict=True))
        cells = [_cell(by_measure.get(name), measures[name]) for name in present]
        table.add_row(*(escape(str(where[name])) for name in places), f"{int(rows['n'].max()):,}", *cells)
    return table


def write_csv(findings: pd.DataFrame, path: Path) -> None:
    """Findings as CSV; a text cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    safe = findings.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = [f"'{one}" if isinstance(one, str) and one[:1] in "=+-@\t\r" else one for one in safe[name]]
    safe.to_csv(path, index=False)


def write_json(findings: pd.DataFrame, path: Path) -> None:
    """Findings as a JSON list of rows; missing numbers are null."""
    rows = json.loads(findings.to_json(orient="records", double_precision=12))
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def show_estimate(value: float, low: float, high: float, style: str = "") -> str:
    """`value [low, high]` in per cent, with a sign for style ±, or as it is for #; a dash for missing."""
    if value != value:
        return "–"
    ends = "" if low != low or high != high else f" [{_show(low, style)}, {_show(high, style)}]"
    return _show(value, style) + ends


def _show(value: float, style: str) -> str:
    if style == "#":
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{100 * value:+.1f}" if style == "±" else f"{100 * value:.1f}"


def _cell(row: Any, heading: str) -> str:
    style = heading[:1] if heading[:1] in "±#" else ""
    return "" if row is None else show_estimate(float(row.value), float(row.low), float(row.high), style)
