"""`sightscale parity`: one model on several engines."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import DATA, FILES, BatchSize, DataRoot, IncludePath, Limit
from sightscale.harness.commands.terminal import open_console, quieten

SHOWN = 20  # differences that the terminal lists
WIDTH = 60  # characters of an answer shown


@examples(
    "sightscale parity my/vlm --engines transformers,vllm --tasks mmstar --limit 200 --output runs/parity",
    "sightscale parity nano_2m --engines transformers,transformers,dtype=bfloat16 --data mini --tasks in_domain "
    "--output runs/parity",
)
def parity(
    model: Annotated[str, typer.Argument(help="A model by its name, folder or hub id; ,KEY=VALUE may follow.")],
    engines: Annotated[
        str,
        typer.Option(
            help="At least two of: transformers, vllm, openai@URL, openai:NAME@URL; ,KEY=VALUE may follow each. The "
            "others are compared with the first."
        ),
    ],
    tasks: Annotated[str, typer.Option(help="Tasks or groups, separated by commas.")],
    output: Annotated[Path, typer.Option(help="Folder for each engine's run and parity.json.")],
    explained: Annotated[
        int,
        typer.Option(
            "--explain",
            min=0,
            metavar="N",
            help="Ask N of the differing questions again, one by one, to find the first differing token.",
        ),
    ] = SHOWN,
    tolerate: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PERCENT",
            help="Exit with code 1 if more than this percentage of answers is read differently.",
        ),
    ] = None,
    answers: Annotated[
        str,
        typer.Option(
            metavar="RULE",
            help="likelihood or likelihood:text: compare the options' log-probabilities instead of written "
            "answers, and list differences above 0.001.",
        ),
    ] = "",
    data: Annotated[
        str, typer.Option(help="`hub`: the public data sets; `mini`: the embedded suite.", rich_help_panel=DATA)
    ] = "hub",
    data_root: DataRoot = None,
    limit: Limit = None,
    include_path: IncludePath = None,
    batch_size: BatchSize = 32,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File for every count, effect and difference.  [default: parity.json in OUTPUT]",
            rich_help_panel=FILES,
        ),
    ] = None,
) -> None:
    """Ask one model the same questions on several engines, and show which answers and scores differ.

    Run the same command again to continue where it stopped.
    """
    quieten()
    from sightscale.harness.evaluation import Plan
    from sightscale.harness.parity import (
        compare_answers,
        explain,
        measure_effect,
        name_engines,
        render_parity,
        run_engines,
        write_parity,
    )
    from sightscale.model_adapters.model_strings import parse_model
    from sightscale.tasks.likelihoods import parse_answers

    named = name_engines(model, engines)
    plan = Plan(
        model=parse_model(model),
        model_text=model,
        tasks=tuple(name.strip() for name in tasks.split(",") if name.strip()),
        conditions=(),
        output=output,
        limit=limit,
        batch_size=batch_size,
        task_folders=tuple(include_path or ()),
        data=data,
        data_root=data_root,
        answers=parse_answers(answers),
    )
    runs = run_engines(plan, named)
    console = open_console()
    compared = []
    for engine, run in zip(named[1:], runs[1:], strict=True):
        counts, differences = compare_answers(runs[0], run)
        partings = explain(plan, (named[0], engine), differences[: 0 if answers else explained])
        pair = measure_effect(runs[0], run, counts, differences, partings)
        compared.append(pair)
        for table in render_parity(pair, SHOWN, WIDTH):
            console.print(table)
        print(pair.summary)
    print(f"all differences are in {write_parity(compared, json or output / 'parity.json')}")
    if tolerate is not None and any(100 * pair.read_apart > tolerate for pair in compared):
        raise typer.Exit(1)
