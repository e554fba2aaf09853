"""`sightscale run`: score one model, sighted and blind."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.terminal import open_console, quieten

EXAMPLES = (
    "sightscale run --model easy_vqa_nano --tasks easy_vqa --blind none --output runs/nano",
    "sightscale run --model nano_1m --data mini --tasks in_domain --output runs/mini",
)


def run(
    model: Annotated[
        str,
        typer.Option(
            help="A shipped checkpoint, a folder, a GGUF file or a hub id, with ,key=value after it; or what a prefix "
            "names: vllm: and openai: another engine, decoupled: two stages, scripted: a model that knows the mini "
            "suite's answers, lmms: any model of lmms-eval."
        ),
    ],
    tasks: Annotated[str, typer.Option(help="Tasks or groups, with commas between them.")],
    output: Annotated[Path, typer.Option(help="Folder for records, lmms-eval's files and the manifest.")],
    blind: Annotated[str, typer.Option(help="Blind conditions: none, black, noise, mean, mismatched.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N documents of each task.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of sampling, noise and mismatched pictures.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts in a batch; halved where memory ends.")] = 32,
    store: Annotated[
        Path | None, typer.Option(help="File of finished generations, to share between runs. Default: in OUTPUT.")
    ] = None,
    data: Annotated[
        str, typer.Option(help="`hub`: the public data sets; `mini`: the embedded suite in the same schemas.")
    ] = "hub",
    data_root: Annotated[
        Path | None, typer.Option(help="Folder with your own copies of data sets, each in a folder of its name.")
    ] = None,
    options: Annotated[
        str, typer.Option(help="Order of multiple-choice options: `shuffled:SEED`, or `circular` for every rotation.")
    ] = "",
    include_path: Annotated[
        list[str] | None, typer.Option(help="A folder of task files of your own; can be given more than once.")
    ] = None,
) -> None:
    """Score one model on tasks, sighted and blind; print a table and write every answer as a record.

    Run the same command again to go on where it stopped: finished generations are kept as they come.
    """
    quieten()
    from sightscale.harness.analysis import position_bias, render_position_bias, render_table, summarise
    from sightscale.harness.evaluation import Plan, evaluate
    from sightscale.model_adapters.blindfold import parse_conditions
    from sightscale.model_adapters.model_strings import parse_model

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
    )
    records = evaluate(plan)
    console = open_console()
    console.print(render_table(summarise(records)))
    if options:
        console.print(render_position_bias(position_bias(records)))
    print(f"{len(records):,} records in {output / 'records.parquet'}")
