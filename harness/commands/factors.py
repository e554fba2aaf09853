"""`sightscale factors`: what the picture and the question each bring to a score."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import FILES, Detail, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console

logger = logging.getLogger(__name__)


@examples(
    "sightscale factors runs/mine",
    "sightscale factors runs/m3irt/* --detail --csv factors.csv --mirages mirages.csv",
)
def factors(
    runs: Annotated[
        list[str],
        typer.Argument(help="Folders or records files of runs asked with --blind none,no_question,options_only,told."),
    ],
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    mirages: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the mirages as CSV, each with the sentence and the rule that found it.",
            rich_help_panel=FILES,
        ),
    ] = None,
) -> None:
    """Show how much of a score comes from the picture, the question, and both together.

    The score without picture and question shows what the options alone give away. Mirages are answers that describe a
    picture although none was shown.
    """
    import pandas as pd

    from sightscale.harness.analysis import find_factors, list_mirages, read_runs, render_factors, write_csv

    loaded = read_runs(runs)
    findings = find_factors(loaded)
    console = open_console()
    for table in render_factors(findings, detail=detail):
        console.print(table)
    if mirages:
        listed = pd.concat([list_mirages(run) for run in loaded], ignore_index=True)
        write_csv(listed, mirages)
        logger.info(f"{len(listed):,} mirages in {mirages}")
    write_findings(findings, csv, json)
