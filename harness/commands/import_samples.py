"""`sightscale import`: lmms-eval's samples from elsewhere, as records."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError, blaming


@examples(
    "sightscale import logs/m_samples_mmstar.jsonl --model their-vlm --output runs/theirs",
    "sightscale import seen.jsonl blind.jsonl=none --model their-vlm --output runs/theirs",
)
def import_samples(
    samples: Annotated[
        list[str],
        typer.Argument(help="Sample files of lmms-eval, FILE or FILE=CONDITION, such as FILE=none for a blind one."),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the records.")],
    model: Annotated[str, typer.Option(help="The model's name, as it is to be shown.")],
    metric: Annotated[str | None, typer.Option(help="Score of samples whose options can't be told.")] = None,
    data: Annotated[str | None, typer.Option(help="Where the questions come from, with the revision.")] = None,
) -> None:
    """Turn samples that lmms-eval wrote elsewhere into a run that every analysis reads.

    Answers to lettered questions are read again, so no letter drawn by lot is counted. A task ending in _blind
    becomes that task's condition none.
    """
    from sightscale.harness.analysis import render_table, summarise
    from sightscale.harness.evaluation import import_samples as read, write_records

    records = read(samples, model, metric, data)
    target = output / "records.parquet"
    if target.exists():
        raise UserError(f"{target} is there already; choose another --output")
    with blaming(output, "write"):
        output.mkdir(parents=True, exist_ok=True)
        write_records(records, target)
    sighted = set(records.loc[records["condition"] == "sighted", "task"])
    open_console().print(render_table(summarise(records[records["task"].isin(sighted)])))
    print(f"{len(records):,} records in {target}")
    if records["cluster"].nunique() == len(records.drop_duplicates(["task", "doc_id"])):
        print("each question counts as having a picture of its own; if some share one, intervals are too narrow")
