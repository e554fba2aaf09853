"""Options that several commands share, each described once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sightscale.model_adapters.model_strings import Spread

DATA = "Data"
ENGINE = "Speed and storage"
FILES = "Files to write"
COST = "Cost before running"
RAY = "Several engines"

DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder with your own copies of data sets, such as DIR/suyc21/VMCBench.",
        rich_help_panel=DATA,
    ),
]
IncludePath = Annotated[
    list[str] | None,
    typer.Option(metavar="FOLDER", help="Folder with your own task files; may be repeated.", rich_help_panel=DATA),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Only the first N documents of each task.", rich_help_panel=DATA)
]
BatchSize = Annotated[
    int, typer.Option(min=1, help="Prompts per batch; halved when memory runs out.", rich_help_panel=ENGINE)
]
Replicas = Annotated[
    str,
    typer.Option(
        metavar="N",
        help="Load the model N times, on Ray (extra `ray`). A two-stage model takes perception=4,reasoning=2 too.",
        rich_help_panel=RAY,
    ),
]
RayAddress = Annotated[
    str,
    typer.Option(
        "--ray",
        metavar="auto|local|ADDRESS",
        help="auto: the Ray cluster of this machine, or else a new one here; local: always a new one here; "
        "ADDRESS: the cluster at that address.  [default: auto]",
        rich_help_panel=RAY,
    ),
]
GpusPerReplica = Annotated[
    float | None,
    typer.Option(
        min=0, help="GPUs of a replica, or a share of one.  [default: 1 if there are any]", rich_help_panel=RAY
    ),
]
CpusPerReplica = Annotated[
    float | None, typer.Option(min=0, help="CPUs of a replica.  [default: 1]", rich_help_panel=RAY)
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Estimate what the run would take: count prompts, look them up in the store, and ask a "
        "pilot, whose answers are kept. Nothing else is generated, and no records are written.",
        rich_help_panel=COST,
    ),
]
Pilot = Annotated[
    int, typer.Option(min=1, help="Questions of the dry run's pilot, under each condition.", rich_help_panel=COST)
]
PriceIn = Annotated[float | None, typer.Option(min=0, help="Price of a million input tokens.", rich_help_panel=COST)]
PriceOut = Annotated[float | None, typer.Option(min=0, help="Price of a million output tokens.", rich_help_panel=COST)]
SecondReader = Annotated[
    str,
    typer.Option(
        metavar="llm:MODEL",
        help="Ask a language model to read the unparsed answers too, and show scores with and without. "
        "Its readings are kept apart: reports and entries don't use them.",
    ),
]
Detail = Annotated[bool, typer.Option(help="Show categories and axes too.")]
FindingsCsv = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write every finding as CSV.", rich_help_panel=FILES)
]
FindingsJson = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write every finding as JSON.", rich_help_panel=FILES)
]
Figures = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Folder for figures, as SVG, PDF and PNG.", rich_help_panel=FILES)
]


def read_spread(replicas: str, ray: str, gpus: float | None, cpus: float | None) -> "Spread | None":
    """Where replicas of the model run, from these four options; None for this process."""
    from sightscale.model_adapters.model_strings import Spread

    if not replicas and not ray:
        if gpus is not None or cpus is not None:
            raise UserError("--gpus-per-replica and --cpus-per-replica need --replicas N")
        return None
    return Spread(replicas or "1", ray or None, gpus, cpus)
