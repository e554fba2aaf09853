"""`sightscale push`: a run or an entry to a repository of the hub."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.tasks.errors import UserError

KINDS = ("model", "dataset")


@examples(
    "sightscale push runs/mine --to owner/my-vlm --dry-run",
    "sightscale push entries/mine --to owner/results --kind dataset",
)
def push(
    folder: Annotated[Path, typer.Argument(help="Folder of a run or of an entry.")],
    to: Annotated[str, typer.Option(metavar="OWNER/NAME", help="The repository, which must exist.")],
    kind: Annotated[str, typer.Option(help="model or dataset.")] = "model",
    card: Annotated[bool, typer.Option(help='Put the section "Does it look?" into the model\'s card.')] = True,
    figure: Annotated[str | None, typer.Option(help="A picture's path in the repository, for the card.")] = None,
    propose: Annotated[bool, typer.Option("--propose", help="Open a pull request instead.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be uploaded; use no network.")] = False,
) -> None:
    """Upload a run or an entry with the hub's own client, in one commit.

    A run's records and manifest go to sightscale/NAME/ unchanged. Look at them first: they hold every answer.
    """
    from sightscale.leaderboards.exports import (
        check_repository,
        describe_uploads,
        is_entry,
        list_uploads,
        push,
        write_card_section,
    )

    if kind not in KINDS:
        raise UserError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    check_repository(to)
    uploads = list_uploads(folder)
    if not dry_run:
        print(push(folder, to, kind=kind, card=card, figure=figure, propose=propose))
        return
    for line in describe_uploads(uploads, to, kind):
        print(line)
    if card and kind == "model" and not is_entry(folder):
        print("  README.md  with this section, the rest of the card unchanged:\n")
        print(write_card_section(folder, figure=figure))
