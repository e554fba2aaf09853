"""`sightscale bottleneck`: perception or reasoning?"""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console

EXAMPLES = (
    "sightscale bottleneck runs/s_s runs/s_l runs/l_s runs/l_l",
    "sightscale bottleneck runs/a=8:8 runs/b=8:0.6 runs/c=0.6:8 runs/d=0.6:0.6",
)


def bottleneck(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Decoupled runs, RUN or RUN=PERCEPTION:REASONING in billions of parameters, such as RUN=0.6:8; "
            "RUN=truth:8 for one on ground-truth descriptions."
        ),
    ],
    detail: Annotated[bool, typer.Option(help="Show categories and axes as well as tasks.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every finding as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every finding as JSON.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures.")] = None,
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
