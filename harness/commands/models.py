"""`sightscale models`: the checkpoints and systems that have a name, and what it takes to run one."""

from collections.abc import Callable
from typing import Annotated

import typer

from sightscale.harness.commands.terminal import open_console

app = typer.Typer(name="models", help="List the models that have a name, and show one.", invoke_without_command=True)


@app.callback()
def _begin(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_()


def list_() -> None:
    """List what `--model` knows by name: checkpoints, and the systems of the study's table."""
    from rich.table import Table

    from sightscale.model_adapters.checkpoints import list_checkpoints
    from sightscale.model_adapters.systems import list_systems

    console = open_console()
    table = Table("checkpoint", "where it is")
    for name, where in list_checkpoints().items():
        table.add_row(name, where)
    console.print(table)
    table = Table("system", "row of the study's table", "perception", "reasoning", "to be made first")
    for name, system in list_systems().items():
        sizes = (f"{size:g}B" if size else "" for size in (system.row.perception, system.row.reasoning))
        made = [part.folder for part in system.parts if part.folder]
        table.add_row(name, system.row.system, *sizes, ", ".join(made) or "–")
    console.print(table)


def show(name: Annotated[str, typer.Argument(help="The system to show.")]) -> None:
    """Show a system's parts, how to get them, and the command that would make its row of the table again."""
    from sightscale.model_adapters.systems import find_system

    system = find_system(name)
    row = system.row
    sizes = f"perception {row.perception:g}B, reasoning {row.reasoning:g}B" if row.perception else f"{row.reasoning:g}B"
    facts = [("system", name), ("row", f"{row.system} ({sizes})"), ("boxes", system.boxes), ("chat", system.chat)]
    for part in system.parts:
        weights = part.weights or "weights not released"
        facts.append((part.role, f"{weights}; licence: {part.licence}"))
        facts += [("  get it", step) for step in part.steps]
    facts += [("not public", line) for line in system.not_public]
    facts += [("note", line) for line in system.notes]
    facts.append(("model", system.model_string))
    for label, value in facts:
        print(f"{label + ':':14} {value}")
    print(f"\n{system.command}")


COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    list_: ("sightscale models list", "sightscale models"),
    show: ("sightscale models show extract_think_0.6b_1.7b", "sightscale models show our_baseline_0.6b"),
}
