"""`sightscale reliance`: how much of each score comes from looking."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console


def reliance(
    runs: Annotated[list[str], typer.Argument(help="Folders or records files of runs asked sighted and blind.")],
    base: Annotated[
        str | None, typer.Option(help="A run of the base LLM on the same questions, for multi-modal gain and leakage.")
    ] = None,
    detail: Annotated[bool, typer.Option(help="Show categories and axes as well as tasks.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every finding as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every finding as JSON.")] = None,
    suspects: Annotated[
        Path | None, typer.Option(help="Write the questions answered right without looking by all, as CSV.")
    ] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures.")] = None,
) -> None:
    """Show how much of each score comes from looking, with floors and chance beside it.

    Reliance is sighted − blind on the questions asked under both, paired, with pictures as clusters.
    """
    from sightscale.harness.analysis import find_reliance, find_suspects, read_runs, render_findings, write_csv

    read = read_runs([*runs, base] if base else runs)
    given, base_run = (read[:-1], read[-1]) if base else (read, None)
    findings = find_reliance(given, base_run)
    levels = ("task", "average", *(("category", "axis") if detail else ()))
    console = open_console()
    sighted = {
        "sighted": "score",
        "chance": "chance",
        "chance corrected": "chance-corrected",
        "unread": "unread",
        "best blind": "best blind",
    }
    tables = (
        (sighted, "Per cent with 95 % intervals."),
        (
            {
                "blind": "blind score",
                "reliance": "± reliance",
                "blind share": "blind share of the score",
                "blind corrected": "won by looking",
            },
            "Reliance: sighted − blind on the same questions. Won by looking: that over what blind answering leaves.",
        ),
        ({"MG": "± multi-modal gain", "ML": "leakage"}, "Against the base LLM, on the same questions."),
        (
            {"floor": "floor", "above floor": "± score above it"},
            "Floor: the constant answer that scores best, without looking.",
        ),
    )
    for measures, about in tables:
        if findings["measure"].isin(measures).any():
            console.print(render_findings(findings, measures, levels=levels, caption=about))
    suspected = find_suspects(given)
    if len(suspected):
        passes = int(suspected["passes"].max())
        guessed = float(suspected["by_guessing"].mean())
        print(
            f"{len(suspected):,} questions are right in all of up to {passes} blind passes; "
            f"independent guesses would get such a question right as often with {100 * guessed:.1f} % probability"
        )
    if suspects:
        write_csv(suspected, suspects)
        print(f"{len(suspected):,} suspects in {suspects}", file=sys.stderr)
    write_findings(findings, csv, json)
    if figures:
        from sightscale.harness.pages import draw_forest

        rows = findings[(findings["measure"] == "reliance") & (findings["level"] == "task")]
        charts = {
            f"reliance_{condition}": draw_forest(
                part.assign(name=part["task"]),
                title=f"Vision reliance, blind condition: {condition}",
                axis="sighted − blind, percentage points (95 % interval)",
                series="run" if part["run"].nunique() > 1 else None,
            )
            for condition, part in rows.groupby("condition", sort=False)
        }
        write_figures(charts, figures)
