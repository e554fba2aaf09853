"""Tables: rows of numbers with their intervals, held once and shown as a page's, Markdown's or a spreadsheet's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sightscale.harness.pages.text import escape_markdown, show_line
from sightscale.harness.statistics import Estimate, Style

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "share", "difference", "count", "number", "p"]
STYLES = {"share": Style.SHARE, "difference": Style.POINTS, "number": Style.NUMBER}


@dataclass(frozen=True)
class Column:
    """A column: its name in files, its heading, the kind of its cells, and a note that explains it.

    `labels` are words that readers see instead of a text; files keep the text.
    """

    name: str
    heading: str
    kind: Kind = "text"
    note: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table: cells are texts, numbers or estimates by column name; a missing one is a dash."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Shown:
    """A cell as text: the value, its interval apart, what to sort it by, and the three numbers for a mark."""

    text: str
    interval: str = ""
    sort: str = ""
    ends: tuple[float, float, float] | None = None


def make_table(
    name: str, title: str, caption: str, columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]
) -> Table:
    """A table without the columns that say nothing in any row, and with strangers' names made short and harmless."""
    rows = [{key: show_line(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in rows]
    columns_kept = tuple(column for column in columns if any(not _empty(row.get(column.name)) for row in rows))
    return Table(name, title, caption, columns_kept, tuple(rows))


def show_cell(kind: Kind, cell: Any, labels: Mapping[str, str] | None = None) -> Shown:
    """A cell as readers see it: shares and differences in per cent and points, one decimal; a text by its label."""
    if _empty(cell):
        return Shown("" if kind == "text" else "–")
    if kind == "text":
        text = show_line((labels or {}).get(cell, cell))
        return Shown(text, sort=text.casefold())
    estimate = cell if isinstance(cell, Estimate) else Estimate(float(cell), float("nan"), float("nan"), 0, 0)
    sort = repr(float(estimate.value))
    if kind == "count":
        return Shown(f"{int(estimate.value):,}", sort=sort)
    if kind == "p":
        return Shown("< 0.001" if estimate.value < 0.001 else f"{estimate.value:.3f}", sort=sort)
    style = STYLES[kind]
    ends = (estimate.value, estimate.low, estimate.high) if estimate.has_interval else None
    return Shown(estimate.show_value(style), estimate.show_interval(style), sort, ends)


def render_markdown(table: Table) -> str:
    """The table in Markdown, title and caption included."""
    numeric = [column.kind != "text" for column in table.columns]
    lines = [
        f"### {escape_markdown(table.title)}",
        "",
        "| " + " | ".join(escape_markdown(column.heading) for column in table.columns) + " |",
        "|" + "|".join("---:" if number else "---" for number in numeric) + "|",
    ]
    for row in table.rows:
        cells = [show_cell(column.kind, row.get(column.name), column.labels) for column in table.columns]
        texts = [
            escape_markdown(cell.text) if column.kind == "text" else f"{cell.text} {cell.interval}".strip()
            for column, cell in zip(table.columns, cells, strict=True)
        ]
        lines.append("| " + " | ".join(texts) + " |")
    return "\n".join([*lines, "", escape_markdown_sentence(table.caption), ""])


def escape_markdown_sentence(text: str) -> str:
    """A sentence of ours that may quote names of strangers; longer than a cell."""
    return " ".join(escape_markdown(word) for word in text.split())


def as_frame(table: Table) -> "pd.DataFrame":
    """The table with raw numbers (shares of 1), an estimate's ends in columns of their own, for a spreadsheet."""
    import pandas as pd  # a page is drawn without it

    columns: dict[str, Any] = {}
    for column in table.columns:
        cells = [row.get(column.name) for row in table.rows]
        if column.kind == "text":
            columns[column.name] = ["" if _empty(cell) else str(cell) for cell in cells]
            continue
        estimates = [cell if isinstance(cell, Estimate) else None for cell in cells]
        numbers = [_number(cell) for cell in cells]
        columns[column.name] = pd.array(numbers, dtype="Int64") if column.kind == "count" else numbers
        if any(one is not None and one.low == one.low for one in estimates):
            columns[f"{column.name}_low"] = [one.low if one else None for one in estimates]
            columns[f"{column.name}_high"] = [one.high if one else None for one in estimates]
    return pd.DataFrame(columns)


def _number(cell: Any) -> float | None:
    if _empty(cell):
        return None
    return cell.value if isinstance(cell, Estimate) else float(cell)


def _empty(cell: Any) -> bool:
    if isinstance(cell, Estimate):
        return cell.value != cell.value
    return cell is None or cell == "" or cell != cell
