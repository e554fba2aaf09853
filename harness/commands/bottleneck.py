"""`sightscale bottleneck`: perception or reasoning?"""

from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import Detail, Figures, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console


@examples(
    "sightscale bottleneck runs/a=8:8 runs/b=8:0.6 runs/c=0.6:8 runs/d=0.6:0.6",
    "sightscale bottleneck runs/a runs/b runs/c runs/d runs/e=truth:8 --figures figures",
)
def bottleneck(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Decoupled runs, RUN or RUN=PERCEPTION:REASONING in billions of parameters: RUN=0.6:8, "
            "or RUN=truth:8 for one on ground-truth descriptions."
        ),
    ],
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    figures: Figures = None,
) -> None:
    """Show what the size of the perception module and of the reasoning module costs, over a grid of runs.

    Only questions that every cell of the grid answered count.
    """
    from sightscale.harness.analysis import find_bottleneck, read_runs, render_bottleneck
    from sightscale.harness.report import draw_bottleneck

    findings = find_bottleneck(read_runs(runs))
    console = open_console()
    for table in render_bottleneck(findings, detail=detail):
        console.print(table)
    write_findings(findings, csv, json)
    write_figures(draw_bottleneck(findings), figures)
