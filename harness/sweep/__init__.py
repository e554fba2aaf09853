"""Sweeps: models, tasks and seeds as a list of runs, made by local processes or a cluster's own scheduler."""

from sightscale.harness.sweep.plan import Needs, Sweep, Unit, is_finished, list_units, load_sweep
from sightscale.harness.sweep.results import Ending, State, UnitStatus, read_status, write_board
from sightscale.harness.sweep.run import run_unit, run_units
from sightscale.harness.sweep.slurm import write_slurm

__all__ = [
    "Ending",
    "Needs",
    "State",
    "Sweep",
    "Unit",
    "UnitStatus",
    "is_finished",
    "list_units",
    "load_sweep",
    "read_status",
    "run_unit",
    "run_units",
    "write_board",
    "write_slurm",
]
