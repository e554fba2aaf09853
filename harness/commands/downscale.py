"""`sightscale downscale`: what shrinking the model costs each task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console

if TYPE_CHECKING:
    from sightscale.harness.analysis import Downscaling


def downscale(
    runs: Annotated[
        list[str], typer.Argument(help="Runs of one family, RUN or RUN=SIZE in billions of parameters, such as RUN=8.")
    ],
    blind: Annotated[
        str | None, typer.Option(help="Blind condition that reliance is measured by.  [default: the run's first]")
    ] = None,
    by: Annotated[str, typer.Option(help="What a point is: task, category or axis.")] = "task",
    csv: Annotated[Path | None, typer.Option(help="Write every finding as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every finding as JSON.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures.")] = None,
) -> None:
    """Show each task's drop from the largest model to the smaller ones, and drop against reliance.

    Only questions that both models answered count (and the largest model blind, where reliance is shown).
    """
    from sightscale.harness.analysis import find_downscaling, read_runs, render_findings

    if by not in ("task", "category", "axis"):
        raise ValueError(f"unknown --by {by!r}; known: task, category, axis")
    found = find_downscaling(read_runs(runs), blind, by=by)
    console = open_console()
    drops = {"drop": "± drop, points", "relative drop": "± relative drop", "reliance": "± reliance"}
    about = f"Drop: score of {found.largest} − the smaller model's on common questions; 95 % intervals."
    levels = ("task",) if by == "task" else ("task", by)
    console.print(render_findings(found.findings.assign(run=""), drops, levels=levels, caption=about))
    related = {"kendall": "#tau", "kendall p": "#p", "spearman": "#rho", "spearman p": "#p", "slope": "#slope"}
    if (found.findings["level"] == "relation").any():
        about = "Reliance on drop over tasks: rank correlations, and the line with errors in both directions."
        console.print(render_findings(found.findings, related, levels=("relation",), caption=about))
    else:
        print("fewer than three points have a drop and a reliance, so they are not related to each other")
    influence = {
        "kendall without": "#tau without it",
        "slope without": "#slope without it",
        "distance": "± distance from the others' line",
        "deviation": "#in standard errors",
    }
    if (found.findings["level"] == "influence").any():
        console.print(render_findings(found.findings, influence, levels=("influence",)))
    write_findings(found.findings, csv, json)
    if figures:
        write_figures(draw_downscaling(found), figures)


def draw_downscaling(found: "Downscaling") -> dict[str, Any]:
    """The two panels of the study's Figure 2."""
    from sightscale.harness.pages import draw_bars, draw_scatter, name_model

    findings, largest, smallest = found.findings, name_model(found.largest), name_model(found.smallest)
    drops = findings[(findings["measure"] == "drop") & (findings["level"] == "task")]
    charts: dict[str, Any] = {}
    if len(drops):
        charts["drop"] = draw_bars(
            drops.assign(name=drops["task"]),
            title=f"What downscaling from {largest} costs",
            axis="drop, percentage points (95 % interval)",
            series="condition" if drops["condition"].nunique() > 1 else None,
        )
    if len(found.points):
        line = findings[findings["level"] == "relation"].drop_duplicates("measure").set_index("measure")["value"]
        points = found.points.rename(columns=lambda name: name.replace("drop_", "x_").replace("reliance_", "y_"))
        charts["drop_against_reliance"] = draw_scatter(
            points,
            title="Drop against vision reliance",
            x_axis=f"drop from {largest} to {smallest}, points",
            y_axis="sighted − blind of the largest, points",
            line=(float(line["intercept"]), float(line["slope"])) if "slope" in line.index else None,
        )
    return charts
