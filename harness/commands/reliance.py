"""`sightscale reliance`: how much of each score comes from looking."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import FILES, Detail, Figures, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console

logger = logging.getLogger(__name__)


@examples(
    "sightscale reliance runs/nano",
    "sightscale reliance runs/mine --base runs/base-llm --csv findings.csv --figures figures",
)
def reliance(
    runs: Annotated[list[str], typer.Argument(help="Folders or records files of runs asked sighted and blind.")],
    base: Annotated[
        str | None, typer.Option(help="A run of the base LLM on the same questions, for multi-modal gain and leakage.")
    ] = None,
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    suspects: Annotated[
        Path | None,
        typer.Option(
            help="Write the questions that every run answers right without the picture, as CSV.", rich_help_panel=FILES
        ),
    ] = None,
    figures: Figures = None,
) -> None:
    """Show how much of each score comes from looking, beside chance and the best constant answer.

    Reliance is sighted − blind on the questions asked under both, paired, with pictures as clusters.
    """
    from sightscale.harness.analysis import (
        advise_condition,
        find_reliance,
        find_suspects,
        read_runs,
        render_reliance,
        write_csv,
    )
    from sightscale.harness.evaluation import ANALYSED
    from sightscale.harness.report import draw_reliance

    all_runs = read_runs([*runs, base] if base else runs, ANALYSED)
    model_runs, base_run = (all_runs[:-1], all_runs[-1]) if base else (all_runs, None)
    findings = find_reliance(model_runs, base_run)
    console = open_console()
    for table in render_reliance(findings, detail=detail):
        console.print(table)
    for sentence in advise_condition(findings):
        print(sentence)
    suspected = find_suspects(model_runs)
    if len(suspected):
        guessed = float(suspected["by_guessing"].mean())
        print(
            f"{len(suspected):,} questions are answered right without the picture in all of up to "
            f"{int(suspected['passes'].max())} blind answers (by guessing: {100 * guessed:.1f} %)"
        )
    if suspects:
        write_csv(suspected, suspects)
        logger.info(f"{len(suspected):,} suspects in {suspects}")
    write_findings(findings, csv, json)
    write_figures(draw_reliance(findings), figures)
