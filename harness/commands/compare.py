"""`sightscale compare`: two runs, question by question."""

from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import Detail, Figures, FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console


@examples(
    "sightscale compare runs/small runs/large --margin 3 --detail",
    "sightscale compare runs/a runs/b --condition none --csv findings.csv",
)
def compare(
    first: Annotated[str, typer.Argument(help="Folder or records file of a run.")],
    second: Annotated[str, typer.Argument(help="Folder or records file of another run.")],
    condition: Annotated[
        str, typer.Option(help="Condition under which to compare, such as sighted or none.")
    ] = "sighted",
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Points within which to call the runs equivalent, or FIRST no worse than SECOND.",
        ),
    ] = None,
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    figures: Figures = None,
) -> None:
    """Show the score of FIRST minus that of SECOND on the questions both answered, with tests and costs."""
    from sightscale.harness.analysis import compare_runs, judge_margin, list_levels, read_runs, render_comparison
    from sightscale.harness.report import draw_comparison

    first_run, second_run = read_runs([first, second])
    findings = compare_runs(first_run, second_run, condition)
    title = f"{first_run.label} − {second_run.label}"
    console = open_console()
    for table in render_comparison(findings, title, detail=detail):
        console.print(table)
    if margin is not None:
        for sentence in judge_margin(findings, first_run.label, second_run.label, margin / 100):
            print(sentence)
    write_findings(findings, csv, json)
    write_figures([draw_comparison(findings, title, list_levels(detail=detail))], figures)
