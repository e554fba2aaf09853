"""`sightscale bottleneck`: perception or reasoning?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console

if TYPE_CHECKING:
    import pandas as pd


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
    from sightscale.harness.analysis import ATTRIBUTIONS, find_bottleneck, read_runs, render_list

    findings = find_bottleneck(read_runs(runs))
    levels = ("task", "average", *(("category", "axis") if detail else ()))
    effects = {
        "perception drop": "± perception drop",
        "reasoning drop": "± reasoning drop",
        "perception drop − reasoning drop": "± perception − reasoning",
        "interaction": "± interaction",
        "upper bound": "score on true descriptions",
        "gap to upper bound": "± above the best perception",
    }
    console = open_console()
    console.print(render_list(findings, effects, levels=levels, caption="Points with 95 % intervals."))
    about = "Per cent of questions, from the smallest pair of modules on. Sampled answers add chance to each kind."
    shares = {name: name for name in ATTRIBUTIONS}
    console.print(render_list(findings, shares, levels=levels, caption=about))
    write_findings(findings, csv, json)
    if figures:
        write_figures(draw_bottleneck(findings), figures)


def draw_bottleneck(findings: "pd.DataFrame") -> dict[str, Any]:
    """The grid of each task as a heat map, and drops and attributions of all tasks as figures."""
    from sightscale.harness.analysis import ATTRIBUTIONS
    from sightscale.harness.pages import draw_bars, draw_forest, draw_grid

    tasks = findings[findings["level"] == "task"]
    charts: dict[str, Any] = {}
    for task, part in tasks[tasks["measure"] == "score"].groupby("task", sort=False):
        modules = part["condition"].str.split(" : ", expand=True)
        charts[f"grid_{task}"] = draw_grid(
            part.assign(perception=modules[0], reasoning=modules[1]),
            title=f"Score on {task}, per cent",
            x_axis="reasoning module",
            y_axis="perception module",
        )
    both = findings[findings["level"].isin(("task", "average"))]
    drops = both[both["measure"].isin(("perception drop", "reasoning drop"))]
    drops = drops.assign(name=drops["task"], series=drops["measure"] + ": " + drops["condition"])
    charts["drops"] = draw_forest(
        drops, title="What the smaller module costs", axis="drop, percentage points (95 % interval)", series="series"
    )
    shares = tasks[tasks["measure"].isin(ATTRIBUTIONS)]
    charts["attribution"] = draw_bars(
        shares.assign(name=shares["measure"]),
        title="What would have helped",
        axis="share of questions, per cent (95 % interval)",
        series="task" if shares["task"].nunique() > 1 else None,
        ordered=True,
    )
    return charts
