"""`sightscale focus`: write what a perception module should pay attention to, once for each question."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.terminal import quieten
from sightscale.tasks.errors import UserError

EXAMPLES = (
    "sightscale focus --tasks in_domain --llm Qwen/Qwen3-8B --output focus.json",
    "sightscale focus --tasks mmstar_math --published data.json --output focus.json",
)


def focus(
    tasks: Annotated[str, typer.Option(help="Tasks or groups, with commas between them.")],
    output: Annotated[Path, typer.Option(help="JSON file, to be named in a decoupled model as focus=FILE.")],
    llm: Annotated[
        str | None, typer.Option(help="The model that writes: a shipped checkpoint, a folder, a GGUF file or a hub id.")
    ] = None,
    published: Annotated[
        Path | None, typer.Option(help="Instead of writing: a published file keyed by index, for one task.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first N documents of each task.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts in a batch; halved where memory ends.")] = 32,
    store: Annotated[
        Path | None, typer.Option(help="File of finished generations. Default: OUTPUT with .sqlite after it.")
    ] = None,
    include_path: Annotated[
        list[str] | None, typer.Option(help="A folder of task files of your own; can be given more than once.")
    ] = None,
) -> None:
    """Write the focus of every question with one language model, for all decoupled set-ups alike.

    Run the same command again to go on where it stopped: finished focuses are kept as they come.
    """
    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    if (llm is None) == (published is None):
        raise UserError("give either --llm MODEL, which writes, or --published FILE, which is converted")
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
    summary = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    print(f"{summary or 'no questions'} in {output}")
