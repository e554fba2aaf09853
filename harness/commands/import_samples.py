"""`sightscale import`: results of other harnesses, and tables of models × questions, as records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import RECORDS_FILE

if TYPE_CHECKING:
    import pandas as pd


@examples(
    "sightscale import logs/m_samples_mmstar.jsonl --model their-vlm --output runs/theirs",
    "sightscale import responses/mathvista.csv --output runs/mathvista",
)
def import_samples(
    samples: Annotated[
        list[str],
        typer.Argument(
            help="Result files of lmms-eval, lm-evaluation-harness, VLMEvalKit (.xlsx, .tsv), MMMU-Pro or Inspect "
            "(.json, .eval): FILE, FILE=CONDITION such as FILE=none, or FILE=TASK/CONDITION; or one table "
            "FILE.csv of models × questions, 1 right and 0 wrong, a condition before a question's name: <no_image>7."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder for the records; a table gets a folder for each model.")],
    model: Annotated[
        str | None, typer.Option(help="The model's name to show. A table names its models itself.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Metric that is the score, if the samples don't list their options.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Where the questions come from, with the revision.")] = None,
    task: Annotated[str | None, typer.Option(help="Task name for a table.  [default: the file's name]")] = None,
) -> None:
    """Import another harness's results as a run that every analysis reads.

    Responses to multiple-choice questions are read again, so random guesses of the harness don't count. A task
    ending in _blind becomes condition none of that task.
    """
    from sightscale.harness.analysis import render_table, summarise
    from sightscale.harness.evaluation import import_samples as read

    if samples[0].endswith(".csv"):
        if len(samples) > 1 or model or metric:
            raise UserError(
                "a table of models × questions is imported alone: give one FILE.csv, without --model and --metric"
            )
        _import_table(Path(samples[0]), output, data, task)
        return
    if not model:
        raise UserError("the samples don't name their model; give it with --model")
    records = read(samples, model, metric, data)
    target = _write(records, output)
    sighted = set(records.loc[records["condition"] == "sighted", "task"])
    open_console().print(render_table(summarise(records[records["task"].isin(sighted)])))
    print(f"{len(records):,} records in {target}")
    if records["cluster"].nunique() == len(records.drop_duplicates(["task", "doc_id"])):
        print(
            "each question counts as having its own picture; if questions share pictures, the intervals are too narrow"
        )


def _import_table(path: Path, output: Path, data: str | None, task: str | None) -> None:
    from sightscale.harness.evaluation import import_responses, name_folders

    models = import_responses(path, task or path.stem, data)
    for model, folder in name_folders(list(models)).items():
        _write(models[model], output / folder)
    rows = sum(len(records) for records in models.values())
    print(f"{rows:,} records of {len(models)} models in {output}, a folder for each")


def _write(records: "pd.DataFrame", output: Path) -> Path:
    """Write the records of a run to its folder. Raises UserError where there are some already."""
    from sightscale.harness.evaluation import write_records

    target = output / RECORDS_FILE
    if target.exists():
        raise UserError(f"{target} exists already; choose another --output")
    with blaming(output, "write"):
        output.mkdir(parents=True, exist_ok=True)
        write_records(records, target)
    return target
