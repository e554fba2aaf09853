"""`sightscale rescore`: read a run's answers anew."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import SecondReader
from sightscale.harness.commands.terminal import open_console

LISTED, LONGEST = 50, 100  # changed questions that are printed, and characters of an answer


@examples("sightscale rescore runs/nano", "sightscale rescore runs/nano --output runs/nano-rescored")
def rescore(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    output: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for a copy of the run with the new readings.")
    ] = None,
    reader: SecondReader = "",
    every: Annotated[bool, typer.Option("--every", help="List every changed question, not the first 50.")] = False,
) -> None:
    """Read a run's answers again with this version's reader, and show what changes, question by question.

    Nothing is generated unless --reader is given. The run's own records stay as they are.
    """
    from rich.table import Table

    from sightscale.harness.analysis import render_second
    from sightscale.harness.evaluation import (
        count_by_task,
        list_changes,
        parse_reader,
        read_records,
        read_run_again,
        rescore,
        write_rescored,
    )
    from sightscale.tasks import READER_VERSION

    if reader:
        parse_reader(reader)
    records = read_records(run)
    rescored, changes = rescore(records)
    versions = ", ".join(sorted({str(one) for one in records["reader"].dropna()})) or "unknown"
    table = Table(
        caption=f"Mean scores in per cent. Reader: {versions} then, {READER_VERSION} now.", caption_justify="left"
    )
    for name in ("task", "condition", "questions", "changed", "score then", "score now"):
        table.add_column(name, justify="left" if name in ("task", "condition") else "right")
    counted: Iterable[Any] = count_by_task(records, rescored).itertuples(index=False)
    for row in counted:
        scores = (f"{100 * score:.1f}" if score == score else "–" for score in (row.before, row.after))
        table.add_row(row.task, row.condition, f"{row.questions:,}", f"{row.changed:,}", *scores)
    open_console().print(table)
    shown = changes if every else changes[:LISTED]
    for line in list_changes(shown, LONGEST):
        print(line)
    if len(changes) > len(shown):
        print(f"… and {len(changes) - len(shown):,} more; --every lists them")
    if reader:
        open_console().print(render_second(read_run_again(run, reader, rescored), reader))
    if output is not None:
        write_rescored(run, rescored, output)
        print(f"{len(rescored):,} records in {output / 'records.parquet'}")
