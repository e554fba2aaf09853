"""`sightscale store`: what a file of finished generations holds, and how to make it smaller."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.terminal import open_console

app = typer.Typer(name="store", help="Show and prune a file of finished generations.", no_args_is_help=True)


def show(path: Annotated[Path, typer.Argument(metavar="FILE", help="A store.")]) -> None:
    """Show a store's size, its rows by engine, damaged rows, and how often it had the answer already."""
    from rich.table import Column, Table

    from sightscale.model_adapters.engines import describe_store

    report = describe_store(path)
    table = Table(Column("engine", overflow="fold"), "generations", "damaged", "first written", "last written")
    for rows in report.engines:
        table.add_row(rows.engine, f"{rows.rows:,}", f"{rows.damaged:,}", _when(rows.first), _when(rows.last))
    open_console().print(table)
    asked = report.hits + report.misses
    rate = "" if report.hit_rate is None else f", {100 * report.hit_rate:.1f} % of {asked:,} prompts answered from it"
    print(f"{path}: {report.size / 2**20:.2f} MiB; {report.sessions:,} sessions{rate}")


def prune(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A store.")],
    engine: Annotated[str | None, typer.Option(help="Rows whose engine has this in its identity.")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, help="Rows written more than N days ago.")] = None,
    damaged: Annotated[bool, typer.Option("--damaged", help="Rows that don't match their checksum.")] = False,
) -> None:
    """Remove the rows that meet every condition given."""
    from sightscale.model_adapters.engines import describe_store, prune_store

    before = describe_store(path).size
    removed = prune_store(path, engine, older_than, damaged)
    for name, rows in removed.items():
        print(f"removed {rows:,} generations of {name}")
    freed = max(0, before - describe_store(path).size)
    print(f"{path}: {sum(removed.values()):,} generations removed, {freed / 2**20:.2f} MiB freed")


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    show: ("sightscale store show runs/mine/generations.sqlite", "sightscale store show store.sqlite"),
    prune: ("sightscale store prune store.sqlite --damaged", "sightscale store prune store.sqlite --older-than 90"),
}
