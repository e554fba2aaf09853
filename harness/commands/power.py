"""`sightscale power`: how many questions it takes."""

from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import FindingsCsv, FindingsJson
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError


@examples(
    "sightscale power in_domain --detect 3",
    "sightscale power mathvista runs/a runs/b --detect 2 --power 90 --csv needs.csv",
)
def power(
    task: Annotated[str, typer.Argument(help="Tasks or groups, separated by commas.")],
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Runs from which to estimate how often answers differ.  "
            "[default: the entries that come with sightscale]"
        ),
    ] = None,
    detect: Annotated[float, typer.Option(metavar="POINTS", help="The difference to detect, in points.")] = 3.0,
    power: Annotated[
        float, typer.Option(metavar="PERCENT", help="Chance to detect a true difference of that size, in per cent.")
    ] = 80.0,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
) -> None:
    """Show how many questions it takes to see a difference between two models, or to measure a reliance.

    This follows from how often answers differ in the given runs: between two models, or with and without the picture.
    The task that needs the fewest questions comes first.
    """
    from sightscale.harness.analysis import describe_needs, find_needs, read_runs, render_needs
    from sightscale.leaderboards.entry import RECORDS, list_files
    from sightscale.leaderboards.site import list_embedded
    from sightscale.tasks.catalogue import find_card, list_tasks

    if not 50 <= power < 100:
        raise UserError(f"--power {power:g} is out of range; give per cent from 50 to below 100")
    loaded = read_runs(runs or [str(folder) for folder in list_embedded() if RECORDS in list_files(folder)])
    held = {str(name) for run in loaded for name in run.records["task"].unique()}
    names: list[str] = []
    for name in (part.strip() for part in task.split(",") if part.strip()):
        names += [name] if name in held else list(find_card(name).members) or [name]
    sizes = {card.name: card.questions for card in list_tasks() if card.questions}
    findings = find_needs(loaded, names, detect / 100, power=power / 100)
    console = open_console()
    console.print(render_needs(findings, detect / 100, power / 100))
    for sentence in describe_needs(findings, sizes, detect / 100):
        print(sentence)
    write_findings(findings, csv, json)
