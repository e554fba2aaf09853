"""`sightscale bottleneck`: perception or reasoning?"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.findings_files import write_figures, write_findings
from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import (
    DATA,
    ENGINE,
    FILES,
    BatchSize,
    DataRoot,
    Detail,
    Figures,
    FindingsCsv,
    FindingsJson,
)
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import RECORDS_FILE

logger = logging.getLogger(__name__)

ONE_MODEL = "One model"
PERCEPTION, REASONING = "nano_2m_extract", "nano_2m_reasoner"  # the family's best modules


@examples(
    "sightscale bottleneck nano_650k --output runs/bottleneck",
    "sightscale bottleneck runs/a=8:8 runs/b=8:0.6 runs/c=0.6:8 runs/d=0.6:0.6 --figures figures",
)
def bottleneck(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="One model; runs that are missing are made. Or decoupled runs that form a grid: RUN, or "
            "RUN=PERCEPTION:REASONING in billions of parameters, such as RUN=0.6:8, or RUN=truth:8 for true "
            "descriptions."
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="For one model: folder for its runs.", rich_help_panel=ONE_MODEL)
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="For one model: tasks to ask, separated by commas.", rich_help_panel=ONE_MODEL)
    ] = "in_domain",
    perception: Annotated[
        str | None,
        typer.Option(
            help=f"The better perception module.  [default: the truth on mini data, else {PERCEPTION}]",
            rich_help_panel=ONE_MODEL,
        ),
    ] = None,
    reasoning: Annotated[str, typer.Option(help="The better reasoning module.", rich_help_panel=ONE_MODEL)] = REASONING,
    limit: Annotated[
        int,
        typer.Option(min=1, help="For one model: how many documents of each task to ask.", rich_help_panel=ONE_MODEL),
    ] = 100,
    data: Annotated[str, typer.Option(help="For one model: `mini` or `hub`.", rich_help_panel=DATA)] = "mini",
    data_root: DataRoot = None,
    batch_size: BatchSize = 32,
    store: Annotated[
        Path | None,
        typer.Option(help="File of finished generations.  [default: in OUTPUT]", rich_help_panel=ENGINE),
    ] = None,
    detail: Detail = False,
    csv: FindingsCsv = None,
    json: FindingsJson = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For one model: write what would have helped with each question, as CSV.",
            rich_help_panel=FILES,
        ),
    ] = None,
    figures: Figures = None,
) -> None:
    """Say whether perception or reasoning holds a model back.

    Given one model, ask it four times: as it is, with better perception, with better reasoning, and with both. The last
    line is the conclusion. Given a grid of runs, show what a smaller module of either kind costs.
    """
    if len(runs) == 1 and "=" not in runs[0] and not (Path(runs[0]) / RECORDS_FILE).exists():
        model = runs[0]
        if output is None:
            raise UserError(f"name a folder for the runs of {model} with --output")
        better = perception or ("truth" if data == "mini" else PERCEPTION)
        paths = _ask(
            {
                "model": model,
                "better_perception": f"decoupled:perception={better},reasoning={model}",
                "better_reasoning": f"decoupled:perception={model},reasoning={reasoning}",
                "both": f"decoupled:perception={better},reasoning={reasoning}",
            },
            output,
            tasks,
            limit,
            data,
            data_root,
            batch_size,
            store,
        )
        _show_one(paths, model, better == "truth", detail, csv, json, questions)
        return
    from sightscale.harness.analysis import find_bottleneck, read_runs, render_bottleneck
    from sightscale.harness.report import draw_bottleneck

    findings = find_bottleneck(read_runs(runs))
    console = open_console()
    for table in render_bottleneck(findings, detail=detail):
        console.print(table)
    write_findings(findings, csv, json)
    write_figures(draw_bottleneck(findings), figures)


def _ask(
    models: dict[str, str],
    output: Path,
    tasks: str,
    limit: int,
    data: str,
    data_root: Path | None,
    batch_size: int,
    store: Path | None,
) -> list[str]:
    """Run each model in a folder of its name; generations are shared, so no description is written twice."""
    quieten()
    from sightscale.harness.evaluation import Plan, evaluate
    from sightscale.model_adapters.model_strings import parse_model

    output.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        evaluate(
            Plan(
                model=parse_model(model),
                model_text=model,
                tasks=tuple(part.strip() for part in tasks.split(",") if part.strip()),
                conditions=(),
                output=output / name,
                limit=limit,
                batch_size=batch_size,
                store=store or output / "generations.sqlite",
                data=data,
                data_root=data_root,
            )
        )
    return [str(output / name) for name in models]


def _show_one(
    paths: list[str],
    model: str,
    truth: bool,
    detail: bool,
    csv: Path | None,
    json: Path | None,
    questions: Path | None,
) -> None:
    from sightscale.harness.analysis import (
        conclude,
        find_obstacles,
        place_four,
        read_run,
        render_obstacles,
        write_csv,
    )

    findings, listed = find_obstacles(place_four([read_run(path) for path in paths]))
    console = open_console()
    for table in render_obstacles(findings, detail=detail):
        console.print(table)
    if questions:
        write_csv(listed, questions)
        logger.info(f"{len(listed):,} questions in {questions}")
    write_findings(findings, csv, json)
    print(conclude(findings, model, truth))
