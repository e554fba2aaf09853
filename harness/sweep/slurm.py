"""Slurm: a sweep's missing units as job arrays, one for each kind of needs. Slurm does the scheduling."""

import re
import shlex
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from sightscale.harness.sweep.plan import Needs, Sweep, Unit, is_finished
from sightscale.harness.sweep.results import LOGS
from sightscale.tasks.errors import UserError, blaming

FOLDER = "slurm"
_SETTING = re.compile(r"[a-z][a-z-]*(=[\w.,:/@%+*-]+)?")


def write_slurm(
    sweep: Sweep,
    file: Path,
    units: Sequence[Unit],
    output: Path,
    at_once: int | None,
    settings: Sequence[str] = (),
) -> list[Path]:
    """Write an sbatch script for the missing units of each kind of needs, and return their paths.

    `at_once` is how many tasks of an array may run at a time. A task runs the unit that SLURM_ARRAY_TASK_ID numbers.
    `settings` are further ones of sbatch's, such as account=NAME, and count more than what the sweep says a unit needs.
    Raises UserError for one that isn't written so.
    """
    wrong = next((setting for setting in settings if not _SETTING.fullmatch(setting)), None)
    if wrong is not None:
        raise UserError(f"--sbatch {wrong!r} must look like account=NAME or exclusive, as sbatch's long options do")
    missing = [unit for unit in units if not is_finished(unit.plan)]
    by_needs: dict[Needs, list[int]] = {}
    for unit in missing:
        by_needs.setdefault(unit.needs, []).append(unit.number)
    written = []
    with blaming(output, "write to"):
        (output / FOLDER).mkdir(parents=True, exist_ok=True)
        (output / LOGS).mkdir(exist_ok=True)
        for number, (needs, numbers) in enumerate(by_needs.items(), 1):
            path = output / FOLDER / f"{sweep.name}-{number}.sbatch"
            script = render_script(sweep.name, file, output, needs, numbers, at_once, settings)
            path.write_text(script, encoding="utf-8")
            written.append(path)
    return written


def render_script(
    name: str,
    file: Path,
    output: Path,
    needs: Needs,
    numbers: Sequence[int],
    at_once: int | None,
    further: Sequence[str] = (),
) -> str:
    """The text of one sbatch script."""
    output = output.absolute()
    limit = f"%{at_once}" if at_once else ""
    settings = [f"--job-name={name}", f"--array={_show_ranges(numbers)}{limit}", f"--cpus-per-task={needs.cpus}"]
    settings += [f"--gres=gpu:{needs.gpus}"] if needs.gpus else []
    settings += [f"--mem={needs.memory}"] if needs.memory else []
    settings += [f"--time={_show_hours(needs.hours)}"] if needs.hours else []
    settings += [f"--partition={needs.partition}"] if needs.partition else []
    settings += [f"--{setting}" for setting in further]  # sbatch heeds the last of two
    settings += [f'--output="{output / LOGS}/%x-%A_%a.log"', "--requeue"]
    command = [sys.executable, "-m", "sightscale.harness.cli", "sweep", "run", str(file.absolute())]
    command += ["--output", str(output), "--unit"]
    lines = ["#!/bin/bash", *(f"#SBATCH {setting}" for setting in settings), ""]
    return "\n".join([*lines, f'exec {shlex.join(command)} "$SLURM_ARRAY_TASK_ID"', ""])


def _show_ranges(numbers: Sequence[int]) -> str:
    """Numbers as Slurm takes them: 0-3,7."""
    parts = []
    for _, run in groupby(enumerate(sorted(numbers)), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        parts.append(f"{members[0]}-{members[-1]}" if len(members) > 1 else str(members[0]))
    return ",".join(parts)


def _show_hours(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"
