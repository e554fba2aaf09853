"""`sightscale export`: a run in the formats that other places read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.tasks.errors import UserError, blaming

TABLE = "Tables"
SUBMITTED = "every-eval-ever"


@examples(
    "sightscale export runs/mine --to model-index --output index.yaml",
    "sightscale export runs/mine --to latex --published",
)
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    to: Annotated[str, typer.Option(help="lmms-eval, model-index, hub-eval, every-eval-ever, csv, latex or markdown.")],
    output: Annotated[Path | None, typer.Option(help="File to write.  [default: print it]")] = None,
    condition: Annotated[str, typer.Option(help="The condition whose scores to export.")] = "sighted",
    name: Annotated[str | None, typer.Option(help="The system's name.  [default: its checkpoints]")] = None,
    visual_data: Annotated[str, typer.Option(help="Amount of visual training data.", rich_help_panel=TABLE)] = "unk.",
    published: Annotated[
        bool, typer.Option(help="Put the study's published rows below.", rich_help_panel=TABLE)
    ] = False,
    organization: Annotated[str, typer.Option(help="Who evaluated.", rich_help_panel=SUBMITTED)] = "unknown",
    relationship: Annotated[
        str, typer.Option(help="first_party, third_party, collaborative or other.", rich_help_panel=SUBMITTED)
    ] = "other",
) -> None:
    """Write a run's scores in another place's format; tables have the columns of the study's Table 1."""
    from sightscale.leaderboards.exports import (
        TABLES,
        read_measured,
        write_every_eval_ever,
        write_hub_eval,
        write_lmms_eval,
        write_model_index,
    )

    measured = partial(read_measured, run, condition, name)
    writers: dict[str, Callable[[], str]] = {
        "lmms-eval": lambda: write_lmms_eval(measured()),
        "model-index": lambda: write_model_index(measured()),
        "hub-eval": lambda: write_hub_eval(measured()),
        "every-eval-ever": lambda: write_every_eval_ever(measured(), organization, relationship),
    }
    if to in TABLES:
        text = TABLES[to](measured(), visual_data, published)
    elif to in writers:
        text = writers[to]()
    else:
        raise UserError(f"unknown format {to!r}; known: {', '.join((*writers, *TABLES))}")
    if output:
        with blaming(output, "write"):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text, encoding="utf-8")
        print(f"{to} in {output}")
    else:
        print(text, end="")
