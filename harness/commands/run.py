"""`sightscale run`: score one model, sighted and blind."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.forecasts import show_forecast
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import (
    DATA,
    ENGINE,
    BatchSize,
    CpusPerReplica,
    DataRoot,
    DryRun,
    GpusPerReplica,
    IncludePath,
    Limit,
    Pilot,
    PriceIn,
    PriceOut,
    RayAddress,
    Replicas,
    SecondReader,
    read_spread,
)
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE


@examples(
    "sightscale run --model nano_2m --data mini --tasks in_domain --blind none --output runs/nano",
    "sightscale run --model decoupled:perception=my/vlm,reasoning=my/llm --tasks mmstar --output runs/mine",
    "sightscale run --model my/vlm --tasks mmstar --blind none --output runs/mine --replicas 8 --dry-run",
)
def run(
    model: Annotated[
        str,
        typer.Option(
            help="A name that `sightscale models` lists, a folder, a GGUF file or a hub id; ,KEY=VALUE may follow. "
            "A two-stage model is decoupled:perception=A,reasoning=B, also with mode=thinking or focus=FILE. "
            "lmms:NAME is any model of lmms-eval; scripted:oracle, scripted:prior and scripted:coin answer mini data."
        ),
    ],
    tasks: Annotated[str, typer.Option(help="Tasks or groups, separated by commas.")],
    output: Annotated[Path, typer.Option(help="Folder for records, lmms-eval's files and the manifest.")],
    blind: Annotated[
        str,
        typer.Option(
            help="Blind conditions, separated by commas. Picture hidden: none (no picture), black, noise, mean, "
            "mismatched, told (no picture, and the prompt says so). Question hidden: no_question, options_only. "
            "Picture degraded: downscale:PIXELS, blur:SIGMA, shuffle:GRID, occlude:SHARE, noise:SHARE."
        ),
    ] = "",
    answers: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="Instead of asking for a written answer, choose the likeliest option: likelihood (by its letter) or "
            "likelihood:text (by its text, per token). Multiple choice only.",
        ),
    ] = "",
    reader: SecondReader = "",
    until: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="Ask in a random order and stop as soon as this is decided: reliance>0, reliance<5, "
            "width<6 (of its interval), in points; or score>RUN, where RUN is another model's run of the same tasks. "
            "With --answers also probability>0 (of the right option).",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of sampling, noise and mismatched pictures.")] = 0,
    data: Annotated[
        str,
        typer.Option(
            help="`hub`: the public data sets; `mini`: the embedded suite in the same schemas.", rich_help_panel=DATA
        ),
    ] = "hub",
    data_root: DataRoot = None,
    limit: Limit = None,
    options: Annotated[
        str,
        typer.Option(
            help="Order of multiple-choice options: `shuffled:SEED`, or `circular` for every rotation.",
            rich_help_panel=DATA,
        ),
    ] = "",
    lock: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Refuse documents other than those that `sightscale data lock` recorded.",
            rich_help_panel=DATA,
        ),
    ] = None,
    include_path: IncludePath = None,
    batch_size: BatchSize = 32,
    store: Annotated[
        Path | None,
        typer.Option(
            help="File of finished generations, to share between runs.  [default: in OUTPUT]", rich_help_panel=ENGINE
        ),
    ] = None,
    replicas: Replicas = "",
    ray: RayAddress = "",
    gpus_per_replica: GpusPerReplica = None,
    cpus_per_replica: CpusPerReplica = None,
    dry_run: DryRun = False,
    pilot: Pilot = 20,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Score one model on tasks, sighted and blind; print a table and write every answer as a record.

    Run the same command again to continue where it stopped: every finished generation is kept.
    """
    quieten()
    from sightscale.harness.analysis import (
        describe_ambiguous_boxes,
        describe_failures,
        describe_letter_mass,
        describe_truncation,
        position_bias,
        render_position_bias,
        render_second,
        render_table,
        summarise,
    )
    from sightscale.harness.evaluation import Plan, evaluate, parse_reader, parse_rule, read_manifest, read_run_again
    from sightscale.model_adapters.blindfold import parse_conditions
    from sightscale.model_adapters.model_strings import parse_model
    from sightscale.tasks.errors import UserError
    from sightscale.tasks.likelihoods import parse_answers

    if reader:
        parse_reader(reader)
        if answers:
            raise UserError("--reader reads written answers, and --answers asks for none; leave one of them out")
    plan = Plan(
        model=parse_model(model),
        model_text=model,
        tasks=tuple(name.strip() for name in tasks.split(",") if name.strip()),
        conditions=tuple(parse_conditions(blind)),
        output=output,
        limit=limit,
        seed=seed,
        batch_size=batch_size,
        store=store,
        task_folders=tuple(include_path or ()),
        data=data,
        data_root=data_root,
        options=options,
        until=parse_rule(until) if until else None,
        answers=parse_answers(answers),
        lock=lock,
        spread=read_spread(replicas, ray, gpus_per_replica, cpus_per_replica),
    )
    if dry_run:
        show_forecast([plan], pilot, price_in, price_out)
        return
    records = evaluate(plan)
    console = open_console()
    console.print(render_table(summarise(records)))
    if options:
        console.print(render_position_bias(position_bias(records)))
    if reader:
        console.print(render_second(read_run_again(output, reader, records), reader))
    for task, reason in (read_manifest(output / MANIFEST_FILE).get("unscored") or {}).items():
        print(f"warning: {task} has no score per question: {reason}", file=sys.stderr)
    for warning in (
        *describe_failures(records),
        *describe_truncation(records),
        *describe_ambiguous_boxes(records),
        *describe_letter_mass(records),
    ):
        print(f"warning: {warning}", file=sys.stderr)
    if until:
        for task, stop in read_manifest(output / MANIFEST_FILE)["stopped"].items():
            print(f"{task}: {stop['says']}; {stop['asked']:,} of {stop['documents']:,} asked")
        print("the rule's interval holds however often you look; the table's intervals hold for one look")
    print(f"{len(records):,} records in {output / RECORDS_FILE}")
    print(f"next: sightscale report {shlex.quote(str(output))} --output {shlex.quote(f'{output}-report')}")
