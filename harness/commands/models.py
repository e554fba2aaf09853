"""`sightscale models`: the checkpoints and systems that have a name, and what it takes to run one."""

from typing import Annotated

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.terminal import open_console

app = typer.Typer(
    name="models",
    cls=HelpGroup,
    invoke_without_command=True,
    help="List the models that have a name, or show one system and how to get it.",
    epilog="sightscale models\nsightscale models show extract_think_0.6b_1.7b",
)


@app.callback()
def models(context: typer.Context) -> None:
    """List the models when no sub-command is named."""
    if context.invoked_subcommand is None:
        list_all()


@examples("sightscale models list", "sightscale models list | grep nano")
def list_all() -> None:
    """List the names that `--model` takes: shipped checkpoints, and the systems of the study's table."""
    from sightscale.harness.analysis import FittingTable, TextColumn, list_columns
    from sightscale.model_adapters.checkpoints import list_checkpoints
    from sightscale.model_adapters.systems import list_systems

    console = open_console()
    checkpoints = list_checkpoints()
    where = TextColumn("where it is", tuple(checkpoints.values()), flows=True)
    console.print(FittingTable((TextColumn("checkpoint", tuple(checkpoints)), where), ()))
    systems = list_systems()
    made = [[part.folder for part in system.parts if part.folder] for system in systems.values()]
    sizes = [(system.row.perception, system.row.reasoning) for system in systems.values()]
    row = TextColumn("row of the study's table", tuple(system.row.system for system in systems.values()), flows=True)
    numbers = {
        heading: [f"{size:g}B" if size else "" for size in column]
        for heading, column in zip(("perception", "reasoning"), zip(*sizes, strict=True), strict=True)
    }
    first = TextColumn("to be made first", tuple(", ".join(folders) or "–" for folders in made), is_text=True)
    console.print(
        FittingTable(
            (TextColumn("system", tuple(systems)), row),
            (*list_columns(numbers.items()), first),
        )
    )


@examples("sightscale models show extract_think_0.6b_1.7b", "sightscale models show llava_onevision_0.5b")
def show(name: Annotated[str, typer.Argument(help="Name of a system.")]) -> None:
    """Show a system's parts, how to get them, and the command that reproduces its row of the study's table."""
    from sightscale.model_adapters.systems import find_system

    system = find_system(name)
    row = system.row
    sizes = f"perception {row.perception:g}B, reasoning {row.reasoning:g}B" if row.perception else f"{row.reasoning:g}B"
    lines = [("system", name), ("row", f"{row.system} ({sizes})"), ("boxes", system.boxes), ("chat", system.chat)]
    for part in system.parts:
        weights = part.weights or "weights not released"
        lines.append((part.role, f"{weights}; licence: {part.licence}"))
        lines += [("  get it", step) for step in part.steps]
    lines += [("not public", line) for line in system.not_public]
    lines += [("note", line) for line in system.notes]
    lines.append(("model", system.model_string))
    for label, value in lines:
        print(f"{label + ':':14} {value}")
    print(f"\n{system.command}")


register(app, list_all, "list")
register(app, show, "show")
