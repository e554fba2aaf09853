"""The terminal's page: a report's sentences and its main numbers, short enough for one screen."""

from rich.console import Group
from rich.text import Text

from sightscale.harness.analysis import FittingTable, TextColumn
from sightscale.harness.pages import Table, show_cell
from sightscale.harness.report.contents import Contents

MOST_ROWS = 24
COLUMNS = ("run", "task", "questions", "score", "blind", "reliance", "chance", "unread")


def render_summary(contents: Contents) -> Group:
    """Sentences, then the score table's main columns, as rich shows them; nothing in it is read as mark-up."""
    lines = [contents.lead] if contents.lead else []
    lines += [" ".join(parts) for parts in contents.sentences[:6]]
    return Group(*(Text(line) for line in lines), _render(contents.score_tables[0]))


def _render(table: Table) -> FittingTable:
    columns = [column for column in table.columns if column.name in COLUMNS]
    hidden = len(table.rows) - MOST_ROWS
    caption = table.caption + (f" {hidden:,} more rows are in the report." if hidden > 0 else "")
    places: list[TextColumn] = []
    numbers: list[TextColumn] = []
    for column in columns:
        cells = [show_cell(column.kind, row.get(column.name), column.labels) for row in table.rows[:MOST_ROWS]]
        shown = TextColumn(column.heading, tuple(f"{cell.text} {cell.interval}".strip() for cell in cells))
        (places if column.kind == "text" else numbers).append(shown)
    return FittingTable(tuple(places), tuple(numbers), caption)
