"""`sightscale records`: SQL over the records of any number of runs."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError
from sightscale.tasks.user_files import read_text

SHOWN = 100  # rows that the terminal gets


@examples(
    "sightscale records runs --sql \"SELECT task, count(*) FROM records WHERE outcome = 'failed' GROUP BY task\"",
    "sightscale records runs failures.sql --output failures.csv",
)
def records(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER... [QUERY.sql]", help="Folders of runs, or a folder of several; a file with a query."
        ),
    ],
    sql: Annotated[
        str | None, typer.Option(help="A query over the tables `records` (every row) and `runs` (each manifest).")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the rows; its name ends in .csv, .jsonl or .parquet.")
    ] = None,
    memory: Annotated[str, typer.Option(help="Memory that a query may use before it spills to disk.")] = "2GB",
) -> None:
    """Query the records of any number of runs in SQL, or show what they hold.

    A query reads only what it needs, so the files may be larger than memory.
    """
    from rich.table import Column, Table
    from rich.text import Text

    from sightscale.harness.evaluation import OVERVIEW, RecordsDatabase
    from sightscale.harness.pages import show_value

    queries = [path for path in inputs if path.suffix == ".sql"]
    if len(queries) + (sql is not None) > 1:
        raise UserError("more than one query is given; ask one at a time")
    for path in queries:
        sql = read_text(path, "the query")
    database = RecordsDatabase([path for path in inputs if path not in queries], memory)
    query = sql or OVERVIEW
    if output:
        print(f"{output}: {database.write(query, output):,} rows of {len(database.files):,} runs")
        return
    rows = database.ask(query, SHOWN + 1)
    table = Table(*(Column(Text(show_value(str(name))), overflow="fold") for name in rows.columns))
    for row in rows.head(SHOWN).itertuples(index=False):
        table.add_row(*(Text(_show(value)) for value in row))
    open_console().print(table)
    shown = f"the first {SHOWN:,} rows, --output writes all" if len(rows) > SHOWN else f"{len(rows):,} rows"
    print(f"{shown}; {len(database.files):,} runs")


def _show(value: object) -> str:
    """A cell: what a model wrote is made harmless for a terminal, whole numbers are grouped."""
    from sightscale.harness.pages import show_value

    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 1000 else f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else show_value(str(value))
