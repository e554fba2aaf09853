"""Findings: the rows that every analysis returns, one for each thing measured, with its interval."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape
from rich.table import Table

from sightscale.harness.statistics import Estimate

WHERE = ["run", "task", "level", "group", "condition"]
ALL = "all"  # the group of all questions of a task
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

    Measures are shown in per cent, with a sign where the heading starts with ±, or as they are where it
    starts with #.
    """
    shown = _choose(findings, measures, levels)
    places = _places(shown, WHERE)
    table = Table(caption=escape(caption) or None, caption_justify="left")
    for name in places:
        table.add_column(name, overflow="fold", min_width=min(12, len(name) + 2))
    table.add_column("n", justify="right", no_wrap=True)
    present = [name for name in measures if (shown["measure"] == name).any()]
    for name in present:
        table.add_column(escape(measures[name].lstrip("±# ")), justify="right", no_wrap=True)
    for place, rows in shown.groupby(WHERE, sort=False):
        by_measure = {str(row.measure): row for row in rows.itertuples()}
        where = dict(zip(WHERE, place, strict=True))
        cells = [_cell(by_measure.get(name), measures[name]) for name in present]
        table.add_row(*(_place(where, name) for name in places), f"{int(rows['n'].max()):,}", *cells)
    return table


def render_list(
    findings: pd.DataFrame,
    measures: dict[str, str],
    *,
    caption: str = "",
    levels: Sequence[str] | None = None,
    across: str | None = None,
) -> Table:
    """A table for a terminal with a row for each measure of each place; one column for each value of `across`."""
    shown = _choose(findings, measures, levels)
    keys = [name for name in WHERE if name != across]
    places = _places(shown, keys)
    columns = list(dict.fromkeys(shown[across])) if across else ["value"]
    table = Table(caption=escape(caption) or None, caption_justify="left")
    for name in (*places, "measure"):
        table.add_column(name, overflow="fold", min_width=min(12, len(name) + 2))
    for name in columns:
        table.add_column(escape(str(name)), justify="right", no_wrap=not across)
    for place, rows in shown.groupby([*keys, "measure"], sort=False):
        where = dict(zip([*keys, "measure"], place, strict=True))
        cells = {getattr(row, across) if across else "value": row for row in rows.itertuples()}
        heading = measures[str(where["measure"])]
        named = escape(heading.lstrip("±# "))
        table.add_row(
            *(_place(where, name) for name in places), named, *(_cell(cells.get(one), heading) for one in columns)
        )
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


def _choose(findings: pd.DataFrame, measures: dict[str, str], levels: Sequence[str] | None) -> pd.DataFrame:
    shown = findings[findings["measure"].isin(measures)]
    return shown if levels is None else shown[shown["level"].isin(levels)]


def _places(shown: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The names worth a column: they say something, and groups more than that all questions are meant."""
    return [name for name in names if name != "level" and not shown[name].isin(["", ALL]).all()]


def _place(where: dict[str, Any], name: str) -> str:
    return "" if name == "group" and where[name] == ALL else escape(str(where[name]))


def _show(value: float, style: str) -> str:
    if style == "#":
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{100 * value:+.1f}" if style == "±" else f"{100 * value:.1f}"


def _cell(row: Any, heading: str) -> str:
    style = heading[:1] if heading[:1] in "±#" else ""
    return "" if row is None else show_estimate(float(row.value), float(row.low), float(row.high), style)
