"""`sightscale dose`: how a score falls as pictures lose information."""

from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import Detail, Figures, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console


@examples(
    "sightscale dose runs/mine",
    "sightscale dose runs/mine runs/other --detail --figures figures",
)
def dose(
    runs: Annotated[
        list[str],
        typer.Argument(help="Runs asked sighted, without the picture (none) and at two or more doses of one kind."),
    ],
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    figures: Figures = None,
) -> None:
    """Show the score at each dose, and the dose at which half of the gain from looking is lost.

    For downscale, the half dose is in pixels of the picture's longer side.
    """
    from sightscale.harness.analysis import describe_half, find_doses, read_runs, render_doses
    from sightscale.harness.report import draw_doses

    findings = find_doses(read_runs(runs))
    console = open_console()
    for table in render_doses(findings, detail=detail):
        console.print(table)
    for sentence in describe_half(findings):
        print(sentence)
    write_findings(findings, csv, json)
    write_figures(draw_doses(findings), figures)
