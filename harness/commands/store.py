"""`sightscale store`: what a store of finished generations holds, how to make it smaller, and one of several."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.terminal import open_console

app = typer.Typer(
    name="store",
    cls=HelpGroup,
    no_args_is_help=True,
    help="Show what a store of finished generations holds, remove rows from it, or merge several.",
    epilog="sightscale store show runs/mine/generations.sqlite\n"
    "sightscale store prune runs/mine/generations.sqlite --damaged",
)
StorePath = Annotated[Path, typer.Argument(help="The store, such as generations.sqlite in a run's folder.")]


@examples("sightscale store show runs/mine/generations.sqlite", "sightscale store show shared.sqlite")
def show(file: StorePath) -> None:
    """Show a store's size, rows by engine, damaged rows and hit rate."""
    from sightscale.harness.analysis import FittingTable, TextColumn, list_columns
    from sightscale.model_adapters.engines import describe_store

    report = describe_store(file)
    engines = TextColumn("engine", tuple(rows.engine for rows in report.engines), flows=True)
    numbers = {
        "generations": [f"{rows.rows:,}" for rows in report.engines],
        "damaged": [f"{rows.damaged:,}" for rows in report.engines],
        "first written": [_show_time(rows.first) for rows in report.engines],
        "last written": [_show_time(rows.last) for rows in report.engines],
    }
    open_console().print(FittingTable((engines,), list_columns(numbers.items())))
    asked = report.hits + report.misses
    rate = "" if report.hit_rate is None else f", {100 * report.hit_rate:.1f} % of {asked:,} prompts answered from it"
    print(f"{file}: {report.size / 2**20:.2f} MiB; {report.sessions:,} sessions{rate}")
    if report.conflicts:
        print(f"{report.conflicts:,} keys hold different texts; the earliest of each is used")


@examples(
    "sightscale store prune shared.sqlite --older-than 90",
    "sightscale store prune shared.sqlite --engine Qwen3-4B --damaged",
)
def prune(
    file: StorePath,
    engine: Annotated[str | None, typer.Option(help="Remove rows whose engine's identity contains this text.")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, help="Remove rows written more than N days ago.")] = None,
    damaged: Annotated[bool, typer.Option("--damaged", help="Remove rows that don't match their checksum.")] = False,
) -> None:
    """Remove the rows that meet every given condition, and shrink the file. Part files can't be pruned."""
    from sightscale.model_adapters.engines import describe_store, prune_store

    before = describe_store(file).size
    removed = prune_store(file, engine, older_than, damaged)
    for name, rows in removed.items():
        print(f"removed {rows:,} generations of {name}")
    freed = max(0, before - describe_store(file).size)
    print(f"{file}: {sum(removed.values()):,} generations removed, {freed / 2**20:.2f} MiB freed")


@examples(
    "sightscale store merge node1.sqlite node2.sqlite --into all.sqlite",
    "sightscale store merge runs/mine/generations.sqlite.parts --into runs/mine/generations.sqlite",
)
def merge(
    sources: Annotated[list[Path], typer.Argument(help="Stores to read: files, or folders of part files.")],
    into: Annotated[Path, typer.Option(help="Store that gets the rows; created if missing.")],
) -> None:
    """Merge several stores into one, and report equal keys that hold different texts."""
    from sightscale.model_adapters.engines import merge_stores

    merged = merge_stores(sources, into)
    damaged = f", {merged.damaged:,} damaged rows left out" if merged.damaged else ""
    print(f"{into}: {merged.added:,} generations added, {merged.present:,} were present already{damaged}")
    if merged.conflicts:
        print(f"{merged.conflicts:,} keys hold different texts; the first of each was kept")


def _show_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


register(app, show, "show")
register(app, prune, "prune")
register(app, merge, "merge")
