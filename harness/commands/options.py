"""Options that several commands share, each described once."""

from pathlib import Path
from typing import Annotated

import typer

DATA = "Data"
ENGINE = "Speed and storage"
FILES = "Files to write"
COST = "Cost before running"

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
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Count prompts, look up what the store has, ask a pilot whose answers are kept, and tell what all would "
        "take; nothing else is generated and no record is written.",
        rich_help_panel=COST,
    ),
]
Pilot = Annotated[
    int, typer.Option(min=1, help="Questions of a dry run's pilot, under each condition.", rich_help_panel=COST)
]
PriceIn = Annotated[
    float | None, typer.Option(min=0, help="Price of a million tokens that are read.", rich_help_panel=COST)
]
PriceOut = Annotated[
    float | None, typer.Option(min=0, help="Price of a million tokens that are written.", rich_help_panel=COST)
]
SecondReader = Annotated[
    str,
    typer.Option(
        metavar="llm:MODEL",
        help="Ask a language model to read the unparsed answers too, and show scores with and without. "
        "Its readings stand beside the records; reports and entries don't use them.",
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
