"""`sightscale report`: what runs show, as a page that opens from disk, and as files for a paper."""

import os
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import DataRoot, IncludePath
from sightscale.harness.commands.terminal import open_console, quieten


@examples(
    "sightscale report runs/nano",
    "sightscale report runs/a runs/b --output report --no-pictures",
)
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders of runs, or one with several; also trainings' folders with looks."),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report.  [default: report, in the first folder]")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Show the questions' pictures, read again from their data.")] = True,
    samples: Annotated[int, typer.Option(min=1, help="Most questions in the sample browser.")] = 20_000,
    data_root: DataRoot = None,
    include_path: IncludePath = None,
) -> None:
    """Write report.html, report.md, tables as CSV and figures, and print the main numbers.

    The page needs no network. Every number in it is computed from records.parquet.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # pictures that were read for the run are in its cache
    from sightscale.harness.report import Options, part_looks, read_given, render_summary, write_report

    folders, looks = part_looks(folders)
    given_runs = read_given(folders)
    if pictures:
        quieten()
    target = output or (folders[0] if folders[0].is_dir() else folders[0].parent) / "report"
    options = Options(samples=samples, pictures=pictures, data_root=data_root, task_folders=tuple(include_path or ()))
    contents, written = write_report(given_runs, target, options, looks)
    open_console().print(render_summary(contents))
    print(f"{written[0]} and {len(written) - 1} more files")
