"""`sightscale compare`: two runs, question by question."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.terminal import open_console

EXAMPLES = (
    "sightscale compare runs/new runs/old",
    "sightscale compare runs/new runs/old --condition none --csv difference.csv",
)


def compare(
    first: Annotated[str, typer.Argument(help="Folder or records file of a run.")],
    second: Annotated[str, typer.Argument(help="Folder or records file of another run.")],
    condition: Annotated[str, typer.Option(help="Condition to compare under.")] = "sighted",
    detail: Annotated[bool, typer.Option(help="Show categories and axes as well as tasks.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write every finding as CSV.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every finding as JSON.")] = None,
    figures: Annotated[Path | None, typer.Option(help="Folder for figures.")] = None,
) -> None:
    """Show FIRST − SECOND on the questions that both answered, with tests, and what each one costs."""
    from sightscale.harness.analysis import compare_runs, list_levels, read_runs, render_comparison
    from sightscale.harness.report import draw_comparison

    one, two = read_runs([first, second])
    findings = compare_runs(one, two, condition)
    title = f"{one.label} − {two.label}"
    console = open_console()
    for table in render_comparison(findings, title, detail=detail):
        console.print(table)
    write_findings(findings, csv, json)
    write_figures([draw_comparison(findings, title, list_levels(detail=detail))], figures)
