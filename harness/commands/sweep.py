"""`sightscale sweep`: many runs from one file, by local processes or as a Slurm array."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightscale.harness.commands.forecasts import show_forecast
from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.options import (
    CpusPerReplica,
    DryRun,
    GpusPerReplica,
    Pilot,
    PriceIn,
    PriceOut,
    RayAddress,
    Replicas,
    read_spread,
)
from sightscale.harness.commands.terminal import open_console, quieten
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sightscale.harness.analysis import FittingTable
    from sightscale.harness.sweep import UnitStatus


class SweepGroup(HelpGroup):
    """A group whose first word may be a sweep file: then it is run."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before a sweep file."""
        begins_with_file = bool(args) and args[0] not in self.commands and not args[0].startswith("-")
        return list(super().parse_args(ctx, ["run", *args] if begins_with_file else args))


app = typer.Typer(
    name="sweep",
    cls=SweepGroup,
    no_args_is_help=True,
    help="Run many models on many tasks from one file, and skip finished runs.",
    epilog="sightscale sweep run sweep.yaml --output sweeps/mine --processes 4\n"
    "sightscale sweep status sweep.yaml --output sweeps/mine",
)
SweepFile = Annotated[
    Path, typer.Argument(metavar="SWEEP.yaml", help="YAML file with models, tasks, conditions and seeds.")
]
Output = Annotated[Path, typer.Option(help="Folder for the runs, their store, logs, report and board.")]


@examples(
    "sightscale sweep run sweep.yaml --output sweeps/mine --processes 4",
    "sightscale sweep run sweep.yaml --output sweeps/mine --unit 3",
)
def run(
    file: SweepFile,
    output: Output,
    processes: Annotated[int, typer.Option(min=1, help="Units at a time on this machine.")] = 1,
    unit: Annotated[
        int | None, typer.Option(min=0, help="Run only the unit of this number, as a Slurm array task does.")
    ] = None,
    report: Annotated[bool, typer.Option(help="Write one report and one board of all runs at the end.")] = True,
    replicas: Replicas = "",
    ray: RayAddress = "",
    gpus_per_replica: GpusPerReplica = None,
    cpus_per_replica: CpusPerReplica = None,
    dry_run: DryRun = False,
    pilot: Pilot = 20,
    price_in: PriceIn = None,
    price_out: PriceOut = None,
) -> None:
    """Run every unfinished unit, each in its own process; then write one report and one board of all runs.

    Run the same command again to continue where it stopped. Exit code 1 when a unit failed.
    """
    from sightscale.harness.sweep import State, is_finished, list_units, load_sweep, run_unit, run_units, write_board

    units = list_units(load_sweep(file), output, read_spread(replicas, ray, gpus_per_replica, cpus_per_replica))
    if dry_run:
        quieten()
        show_forecast([unit.plan for unit in units if not is_finished(unit.plan)], pilot, price_in, price_out)
        return
    if unit is not None:
        if unit >= len(units):
            raise UserError(f"{file} has {len(units)} units, numbered from 0; there is no unit {unit}")
        ending = run_unit(units[unit], output)
        if ending.state is State.FAILED:
            raise UserError(f"{units[unit].name} failed: {ending.reason}")
        return
    endings = run_units(units, output, processes)
    failed = [(unit, ending) for unit, ending in zip(units, endings, strict=True) if ending.state is State.FAILED]
    finished = sum(ending.state is State.FINISHED for ending in endings)
    if report and finished:
        from sightscale.harness.analysis import render_reliance

        findings, board, page = write_board(output)
        for table in render_reliance(findings, detail=False):
            open_console().print(table)
        print(f"board in {board}, report in {page}")
    for broken, ending in failed:
        print(f"failed: {broken.name}: {ending.reason}")
    print(f"{finished:,} of {len(units):,} units finished, {len(failed):,} failed")
    if failed:
        sys.exit(1)


@examples(
    "sightscale sweep status sweep.yaml --output sweeps/mine",
    "sightscale sweep status family.yaml --output sweeps/family",
)
def status(file: SweepFile, output: Output) -> None:
    """Show each unit's progress, speed and remaining time."""
    from sightscale.harness.sweep import State, list_units, load_sweep, read_status

    statuses = read_status(list_units(load_sweep(file), output), output)
    open_console().print(_render_status(statuses))
    counts = {state: sum(each.state is state for each in statuses) for state in State}
    print(", ".join(f"{count:,} {state}" for state, count in counts.items()))


@examples(
    "sightscale sweep slurm sweep.yaml --output sweeps/mine",
    "sightscale sweep slurm sweep.yaml --output sweeps/mine --at-once 16 --sbatch partition=gpu --sbatch account=mine",
)
def slurm(
    file: SweepFile,
    output: Output,
    at_once: Annotated[int | None, typer.Option(min=1, help="Array tasks that run at a time.")] = None,
    sbatch: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OPTION=VALUE",
            help="A long option of sbatch, such as partition=gpu, account=NAME or time=08:00:00; may be repeated.",
        ),
    ] = None,
) -> None:
    """Write and print an sbatch script that runs the missing units as job arrays.

    When the arrays are done, `sightscale sweep run` with the same file writes the report and the board.
    """
    from sightscale.harness.sweep import list_units, load_sweep, write_slurm

    sweep = load_sweep(file)
    written = write_slurm(sweep, file, list_units(sweep, output), output, at_once, tuple(sbatch or ()))
    for path in written:
        print(f"{path.read_text(encoding='utf-8')}\n# sbatch {path}\n")
    if not written:
        print("every unit is finished")


def _render_status(statuses: "Sequence[UnitStatus]") -> "FittingTable":
    from sightscale.harness.analysis import FittingTable, TextColumn, list_columns
    from sightscale.harness.pages import show_value

    unit = TextColumn("unit", tuple(f"{each.unit.number} {each.unit.name}" for each in statuses), flows=True)
    numbers = {
        "state": [str(each.state) for each in statuses],
        "conditions": [f"{each.done} of {each.conditions}" for each in statuses],
        "rows": [f"{each.rows:,}" for each in statuses],
        "rows/s": ["" if each.rate is None else f"{each.rate:.1f}" for each in statuses],
        "time left": [_show_seconds(each.left) for each in statuses],
    }
    reason = TextColumn("reason", tuple(show_value(each.reason, 300) for each in statuses), is_text=True)
    reasons = (reason,) if any(reason.cells) else ()
    return FittingTable((unit,), (*list_columns(numbers.items()), *reasons))


def _show_seconds(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if seconds else ""


register(app, run, "run")
register(app, status, "status")
register(app, slurm, "slurm")
