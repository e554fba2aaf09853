"""`sightscale export`: a run in the formats that other places read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import Condition

TABLE = "Tables"
SUBMITTED = "every-eval-ever"
CARD = "model-card"


@examples(
    "sightscale export runs/mine --to model-index --output index.yaml",
    "sightscale export runs/mine --to model-card --output my-vlm/README.md",
    "sightscale export runs/mine runs/other --to latex --condition none --output table.tex",
)
def export(
    runs: Annotated[list[Path], typer.Argument(help="Folder of a run; for latex, of one or more runs.")],
    to: Annotated[
        str,
        typer.Option(help="lmms-eval, model-index, model-card, hub-eval, every-eval-ever, csv, latex or markdown."),
    ],
    output: Annotated[Path | None, typer.Option(help="File to write.  [default: print it]")] = None,
    condition: Annotated[
        str | None,
        typer.Option(
            help="Condition to export; for latex, the one blind condition to show.  [default: sighted; latex: all]"
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The system's name.  [default: its checkpoints]")] = None,
    visual_data: Annotated[
        str, typer.Option(help="Amount of visual training data, such as 1.0M.", rich_help_panel=TABLE)
    ] = "unk.",
    published: Annotated[
        bool,
        typer.Option(
            help="Use the columns of the study's Table 1, with its published rows below.", rich_help_panel=TABLE
        ),
    ] = False,
    organization: Annotated[
        str, typer.Option(help="Name of the organisation that made the run.", rich_help_panel=SUBMITTED)
    ] = "unknown",
    figure: Annotated[
        str | None, typer.Option(help="Path of a picture for the model card.", rich_help_panel=CARD)
    ] = None,
    relationship: Annotated[
        str,
        typer.Option(
            help="How that organisation relates to the model: first_party, third_party, collaborative or other.",
            rich_help_panel=SUBMITTED,
        ),
    ] = "other",
) -> None:
    """Write a run's scores in another format: for a hub, a model card, a spreadsheet or LaTeX.

    `model-card` writes a section for README.md. With --output it goes into that file, replacing an earlier section, and
    the numbers go into its metadata. `latex` writes a whole tabular of several runs on any tasks: scores, blind scores
    and reliance, with intervals. With --published it has the columns of the study's Table 1, as csv and markdown have.
    """
    from sightscale.harness.analysis import read_runs
    from sightscale.leaderboards.exports import (
        TABLES,
        read_measured,
        update_card,
        write_card_section,
        write_every_eval_ever,
        write_hub_eval,
        write_lmms_eval,
        write_model_index,
        write_paper_table,
    )

    if to == CARD and output and len(runs) == 1:
        kept = output.read_text(encoding="utf-8") if output.is_file() else ""
        text = update_card(kept, runs[0], name, figure)
        with blaming(output, "write"):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text, encoding="utf-8")
        print(f"section and results in {output}; the rest is unchanged")
        return
    paper = to == "latex" and not published
    if len(runs) > 1 and not paper:
        raise UserError(f"{to}{' --published' if published else ''} takes one run, not {len(runs)}")
    measured = partial(read_measured, runs[0], condition or Condition.SIGHTED, name)
    writers: dict[str, Callable[[], str]] = {
        "lmms-eval": lambda: write_lmms_eval(measured()),
        "model-index": lambda: write_model_index(measured()),
        CARD: lambda: write_card_section(runs[0], name, figure),
        "hub-eval": lambda: write_hub_eval(measured()),
        "every-eval-ever": lambda: write_every_eval_ever(measured(), organization, relationship),
    }
    if paper:
        text = write_paper_table(read_runs([str(run) for run in runs]), condition)
    elif to in TABLES:
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
