"""`sightscale leaks`: which questions can be answered without their picture."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import DATA, FILES, DataRoot, IncludePath
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from sightscale.harness.analysis import FittingTable

logger = logging.getLogger(__name__)
SHOWN = 15  # questions that the terminal lists


@examples(
    "sightscale leaks in_domain_scienceqa --data mini --csv leaks.csv",
    "sightscale leaks in_domain_vqav2 runs/a runs/b --keep 0.5 --export my_tasks",
)
def leaks(
    task: Annotated[str, typer.Argument(help="The task. For a task that isn't sightscale's, give runs.")],
    runs: Annotated[list[str] | None, typer.Argument(help="Runs that were asked the task with --blind none.")] = None,
    data: Annotated[
        str, typer.Option(help="Where to read its questions: `hub` or `mini`.", rich_help_panel=DATA)
    ] = "hub",
    data_root: DataRoot = None,
    include_path: IncludePath = None,
    keep: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the questions to keep: those that leak least.")
    ] = 0.5,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write every question as CSV.", rich_help_panel=FILES)
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the kept questions as a task's YAML file.", rich_help_panel=FILES),
    ] = None,
) -> None:
    """List a task's questions that can be answered without their picture, and export a task without them.

    There are two sources of evidence: a text-only baseline, fitted on the task's questions and options, and the blind
    answers of the given runs.
    """
    quieten()
    from sightscale.harness.analysis import (
        check_share,
        compare_order,
        find_leaks,
        gather_texts,
        keep_least,
        read_runs,
        read_texts,
        write_csv,
    )
    from sightscale.harness.evaluation import write_subset
    from sightscale.tasks.catalogue import list_tasks

    check_share(keep)
    blind_runs = read_runs(runs or [])
    is_shipped = task in {card.name for card in list_tasks() if not card.members}
    if not is_shipped and not blind_runs:
        raise UserError(
            f"{task} is not a task of sightscale, so its questions can't be read; give runs that were asked it"
        )
    questions = read_texts(task, data, data_root) if is_shipped else None
    texts = (
        {number: question for number, (question, _) in enumerate(questions)}
        if questions
        else gather_texts(task, blind_runs)
    )
    table = find_leaks(task, texts, blind_runs)
    numbers = keep_least(table, keep)
    open_console().print(_render(table.head(SHOWN), len(table)))
    print(_describe(table, numbers))
    order = compare_order(blind_runs, task, numbers)
    if order:
        rho, count = order
        print(f"ranks of {count} runs on the kept questions against all: Spearman's rho {rho:.3f}")
    if csv:
        write_csv(table, csv)
        logger.info(f"{len(table):,} questions in {csv}")
    if export:
        path = write_subset(task, numbers, len(table), f"{task}_kept", export)
        print(f"{path}: sightscale run --tasks {task}_kept --include-path {export}")


def _render(rows: "pd.DataFrame", total: int) -> "FittingTable":
    from sightscale.harness.analysis import FittingTable, TextColumn, list_columns

    caption = (
        f"The first of {total:,}. By text: how likely words alone give the answer away, by a baseline judged on "
        "questions it wasn't fitted on. By models: share of blind passes that are right. Leak: the mean of both."
    )
    texts = {name: [text if isinstance(text, str) else "" for text in rows[name]] for name in ("question", "guess")}
    places = (
        TextColumn("document", tuple(map(str, rows["item_id"]))),
        TextColumn("question", tuple(text[:100] for text in texts["question"]), flows=True),
    )
    numbers = {
        "by text": map(_percent, rows["by_text"]),
        "passes": ("" if passes != passes else f"{int(passes)}" for passes in rows["passes"]),
        "by models": map(_percent, rows["by_models"]),
        "leak": map(_percent, rows["leak"]),
    }
    guess = TextColumn("guess", tuple(texts["guess"]), is_text=True)
    return FittingTable(places, (guess, *list_columns(numbers.items())), caption)


def _describe(table: "pd.DataFrame", numbers: list[int]) -> str:
    inside = table["doc_id"].isin(numbers)
    some, rest = (100 * float(part["leak"].mean()) for part in (table[inside], table[~inside]))
    return f"kept: {len(numbers):,} questions, which leak {some:.1f} % on average; the others {rest:.1f} %"


def _percent(share: float) -> str:
    return "" if share != share else f"{100 * share:.1f}"
