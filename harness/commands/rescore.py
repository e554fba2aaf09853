"""`sightscale rescore`: read a run's answers anew."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import SecondReader
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.vocabulary import RECORDS_FILE

if TYPE_CHECKING:
    import pandas as pd

    from sightscale.harness.analysis import FittingTable

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
    versions = ", ".join(sorted({str(version) for version in records["reader"].dropna()})) or "unknown"
    caption = f"Mean scores in per cent. Reader: {versions} then, {READER_VERSION} now."
    open_console().print(_render(count_by_task(records, rescored), caption))
    shown = changes if every else changes[:LISTED]
    for line in list_changes(shown, LONGEST):
        print(line)
    if len(changes) > len(shown):
        print(f"… and {len(changes) - len(shown):,} more; --every lists them")
    if reader:
        open_console().print(render_second(read_run_again(run, reader, rescored), reader))
    if output is not None:
        write_rescored(run, rescored, output)
        print(f"{len(rescored):,} records in {output / RECORDS_FILE}")


def _render(counted: "pd.DataFrame", caption: str) -> "FittingTable":
    from sightscale.harness.analysis import FittingTable, list_columns

    places = list_columns((name, counted[name]) for name in ("task", "condition"))
    numbers = {
        **{name: [f"{count:,}" for count in counted[name]] for name in ("questions", "changed")},
        "score then": map(_percent, counted["before"]),
        "score now": map(_percent, counted["after"]),
    }
    return FittingTable(places, list_columns(numbers.items()), caption)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if share == share else "–"
