"""`sightscale study`: the controlled study, from its runs to a verdict on each takeaway."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.harness.commands.forecasts import show_forecast
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import (
    CpusPerReplica,
    DryRun,
    GpusPerReplica,
    Pilot,
    PriceIn,
    PriceOut,
    RayAddress,
    Replicas,
    read_spread,
)
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.vocabulary import Kind

if TYPE_CHECKING:
    from sightscale.harness.analysis import Run
    from sightscale.harness.study import PlannedRun, Study, Verdict

logger = logging.getLogger(__name__)


@examples(
    "sightscale study nano --output study --questions 50",
    "sightscale study my_study.yaml --output study --train",
    "sightscale study nano --output study --dry-run --pilot 5",
)
def study(
    name: Annotated[str, typer.Argument(help="A shipped study's name, or a YAML file.")],
    output: Annotated[Path, typer.Option(help="Folder for runs, findings, figures and verdicts.")],
    train: Annotated[
        bool, typer.Option("--train", help="Train the study's checkpoints from their recipes first.")
    ] = False,
    questions: Annotated[int | None, typer.Option(min=1, help="Questions per task.  [default: the study's]")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Runs at a time on this machine.")] = 1,
    resamples: Annotated[int, typer.Option(min=200, help="Bootstrap resamples per interval.")] = 10_000,
    replicas: Replicas = "",
    ray: RayAddress = "",
    gpus_per_replica: GpusPerReplica = None,
    cpus_per_replica: CpusPerReplica = None,
    dry_run: DryRun = False,
    pilot: Pilot = 20,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Run a controlled study, analyse it, and give a verdict on each takeaway of the paper.

    Run the same command again to continue where it stopped. A P × R grid takes P perception passes.
    """
    quieten()
    from sightscale.harness.study import (
        CHECKPOINTS,
        check_models,
        give_verdicts,
        list_missing,
        load_study,
        locate_models,
        recipes_of,
        run_study,
        train_recipes,
        write_analyses,
        write_study_report,
        write_verdicts,
    )

    spread = read_spread(replicas, ray, gpus_per_replica, cpus_per_replica)
    chosen = load_study(name)
    if questions:
        chosen = chosen.model_copy(update={"questions": questions})
    if train and not dry_run:
        train_recipes(list(recipes_of(chosen)), output)
    chosen = locate_models(chosen, output / CHECKPOINTS)
    check_models(chosen)
    if dry_run:
        show_forecast(list_missing(chosen, output), pilot, price_in, price_out)
        return
    runs = run_study(chosen, output, processes, spread)
    blind = chosen.blind.split(",")[0]
    write_analyses(runs, blind, output, resamples)
    verdicts = give_verdicts(runs, blind, resamples=resamples)
    asked = max(len(run.records[run.records["condition"] == "sighted"]) for run in runs.values())
    shipped = ask_shipped(runs, chosen.data, blind, resamples)
    _print(chosen, len(runs), asked, verdicts)
    if shipped:
        print(compare_with_shipped(verdicts[0], shipped))
    logger.info(f"verdicts in {write_verdicts(verdicts, output, shipped)}, findings, figures and the report beside it")
    write_study_report(output, resamples)


def ask_shipped(runs: "Mapping[PlannedRun, Run]", data: str, blind: str, resamples: int = 10_000) -> "Verdict | None":
    """What the entries that ship say of the first takeaway, on the study's tasks.

    None where a model of the scale has no entry, and where the study reads other data than the entries did.
    """
    from sightscale.harness.analysis import Run
    from sightscale.harness.evaluation import ANALYSED, read_records
    from sightscale.harness.study import Purpose, give_verdicts
    from sightscale.leaderboards.entry import RECORDS, list_entries
    from sightscale.leaderboards.site import EMBEDDED

    folders = {
        entry.parts[0].checkpoint: EMBEDDED / entry.id
        for entry in list_entries(EMBEDDED)
        if entry.kind == Kind.END_TO_END and entry.data.source == data
    }
    scale = {planned: run for planned, run in runs.items() if planned.purpose is Purpose.END_TO_END}
    if not scale or any(planned.model not in folders for planned in scale):
        return None
    shipped = {}
    for planned, run in scale.items():
        records = read_records(folders[planned.model] / RECORDS, ANALYSED)
        records = records[records["task"].isin(run.records["task"].unique())]
        shipped[planned] = Run(run.label, records, planned.placement)
    return give_verdicts(shipped, blind, resamples=resamples)[0]


def compare_with_shipped(verdict: "Verdict", shipped: "Verdict") -> str:
    """Whether the records that ship give a takeaway the same verdict, in a sentence."""
    says = "the same" if verdict.ruling == shipped.ruling else "otherwise"
    return (
        f"takeaway {verdict.takeaway}: the entries that ship say {says}: {shipped.ruling}; "
        f"{'; '.join(map(str, shipped.evidence)) or 'nothing to tell it by'}"
    )


def _print(chosen: "Study", runs: int, questions: int, verdicts: Sequence["Verdict"]) -> None:
    from rich.markup import escape
    from rich.table import Table

    about = f"{escape(chosen.name)}: {runs} runs of {questions:,} questions; points with 95 % intervals."
    table = Table(caption=about, caption_justify="left", show_lines=True)
    for column in ("takeaway", "verdict", "what this study says", "what the paper says"):
        table.add_column(column, overflow="fold")
    for verdict in verdicts:
        effects = "\n".join(f"{escape(str(effect))} ({effect.ruling})" for effect in verdict.evidence)
        says = f"{verdict.takeaway}. {verdict.says}"
        table.add_row(says, str(verdict.ruling), effects or "nothing to tell it by", verdict.paper)
    open_console().print(table)
