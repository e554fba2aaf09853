"""`sightscale focus`: write what a perception module should pay attention to, once for each question."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import ENGINE, BatchSize, IncludePath, Limit
from sightscale.harness.commands.terminal import quieten
from sightscale.tasks.errors import UserError


@examples(
    "sightscale focus --tasks in_domain --llm Qwen/Qwen3-4B --output focus.json",
    "sightscale focus --tasks vqav2_val --published theirs.json --output focus.json",
)
def focus(
    tasks: Annotated[str, typer.Option(help="Tasks or groups, separated by commas.")],
    output: Annotated[Path, typer.Option(help="JSON file to write; give it to decoupled:…,focus=FILE.")],
    llm: Annotated[
        str | None,
        typer.Option(help="Model that writes the focuses: a shipped checkpoint, a folder, a GGUF file or a hub id."),
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Convert a published focus file instead: one keyed by index, for one task.")
    ] = None,
    limit: Limit = None,
    include_path: IncludePath = None,
    batch_size: BatchSize = 32,
    store: Annotated[
        Path | None,
        typer.Option(
            help="File of finished generations.  [default: OUTPUT with .sqlite after it]", rich_help_panel=ENGINE
        ),
    ] = None,
) -> None:
    """Write every question's focus with one language model, for all decoupled models to share.

    Run the same command again to continue where it stopped: finished focuses are kept as they come.
    """
    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    if (llm is None) == (published is None):
        raise UserError("give either --llm MODEL, to write focuses, or --published FILE, to convert them")
    quieten()
    from sightscale.harness.evaluation import convert_published, write_focus_file

    if published is not None:
        if len(names) != 1:
            raise UserError("a published file is for one task; name it with --tasks")
        print(f"{convert_published(published, names[0], output):,} focuses in {output}")
        return
    outcomes = write_focus_file(
        str(llm),
        names,
        output,
        limit=limit,
        batch_size=batch_size,
        store=store,
        task_folders=tuple(include_path or ()),
    )
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{counts or 'no questions'} in {output}")
