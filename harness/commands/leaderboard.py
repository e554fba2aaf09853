"""`sightscale leaderboard`: entries made, verified and compared."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(name="leaderboard", help="Make and verify leaderboard entries.", no_args_is_help=True)


def add(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run; several when a suite was split over runs.")],
    output: Annotated[Path, typer.Option(help="The entry's new folder, such as entries/my-model.")],
    facts: Annotated[Path | None, typer.Option(help="YAML file of the facts below, and of each part's.")] = None,
    title: Annotated[str | None, typer.Option(help="A name to show beside the checkpoint's.")] = None,
    visual_data: Annotated[str | None, typer.Option(help="Amount of visual training data, such as 1.0M.")] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the model.")] = None,
    contact: Annotated[str | None, typer.Option(help="Who answers questions.")] = None,
    hardware: Annotated[str | None, typer.Option(help="What it ran on.  [default: as the run says]")] = None,
    notes: Annotated[str | None, typer.Option(help="One line more.")] = None,
) -> None:
    """Make an entry of a finished run: a folder to add to the leaderboard by pull request."""
    from sightscale.leaderboards.add import add_entry, read_facts

    given = {"title": title, "visual_data": visual_data, "licence": licence, "contact": contact}
    entry = add_entry(runs, output, read_facts(facts, {**given, "hardware": hardware, "notes": notes}))
    for average in entry.averages:
        print(f"{average.name}, {average.condition}: {100 * average.score:.2f} % of {average.n:,} questions")
    print(f"{output}: {entry.name}, {len(entry.scores)} scores of {len({one.task for one in entry.scores})} tasks")
    print(f"now run: sightscale leaderboard verify {output}")


COMMANDS = (add,)
