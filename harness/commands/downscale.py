"""`sightscale downscale`: what shrinking the model costs each task."""

from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import Figures, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError


@examples(
    "sightscale downscale runs/8b=8 runs/4b=4 runs/1b=1.7 --figures figures",
    "sightscale downscale runs/nano_2m runs/nano_40k --by category",
)
def downscale(
    runs: Annotated[
        list[str], typer.Argument(help="Runs of one family, RUN or RUN=SIZE in billions of parameters, such as RUN=8.")
    ],
    blind: Annotated[
        str | None, typer.Option(help="Blind condition that reliance is measured by. Default: the run's first.")
    ] = None,
    by: Annotated[str, typer.Option(help="What a point is: task, category or axis.")] = "task",
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    figures: Figures = None,
) -> None:
    """Show each task's drop from the largest model to the smaller ones, and drop against reliance.

    Only questions that both models answered count (and the largest model blind, where reliance is shown).
    """
    from sightscale.harness.analysis import Level, find_downscaling, read_runs, render_downscaling
    from sightscale.harness.evaluation import ANALYSED
    from sightscale.harness.report import draw_downscaling

    points = (Level.TASK, Level.CATEGORY, Level.AXIS)
    if by not in points:
        raise UserError(f"unknown --by {by!r}; known: {', '.join(points)}")
    downscaling = find_downscaling(read_runs(runs, ANALYSED), blind, by=Level(by))
    console = open_console()
    tables = render_downscaling(downscaling, by=Level(by))
    for table in tables:
        console.print(table)
    if len(tables) == 1:
        print("fewer than three points have a drop and a reliance, so they are not related to each other")
    write_findings(downscaling.findings, csv, json)
    write_figures(draw_downscaling(downscaling), figures)
