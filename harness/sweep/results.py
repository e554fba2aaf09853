"""What a sweep's folder holds: how far each unit is, how it ended, and one report and board of all runs."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sightscale.harness.analysis import find_reliance, read_runs, write_csv
from sightscale.harness.evaluation import ANALYSED, read_manifest
from sightscale.harness.report import Options, read_given, write_report
from sightscale.harness.sweep.plan import RUNS, Unit, is_finished
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE

LOGS, CLAIMS, ENDINGS = "logs", "claims", "endings"


class State(StrEnum):
    """How far a unit is."""

    MISSING = "missing"
    RUNNING = "running"
    FAILED = "failed"
    FINISHED = "finished"


@dataclass(frozen=True)
class Ending:
    """How a unit ended, why, and after how many seconds; None where it was finished before anybody looked."""

    state: State
    reason: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class UnitStatus:
    """A unit's state, how many of its conditions are done, its rows, rows a second, and the seconds that are left.

    Rate and time left are None until a condition of the same model is done.
    """

    unit: Unit
    state: State
    reason: str
    done: int
    conditions: int
    rows: int
    rate: float | None
    left: float | None


def read_status(units: Sequence[Unit], output: Path) -> list[UnitStatus]:
    """The status of each unit, as its folder has it."""
    facts = [_read_unit(unit) for unit in units]
    seconds_of: dict[str, list[float]] = {}
    for unit, (seconds, _) in zip(units, facts, strict=True):
        seconds_of.setdefault(unit.plan.model_text, []).extend(seconds)
    statuses = []
    for unit, (seconds, rows) in zip(units, facts, strict=True):
        ending = read_ending(output, unit.name)
        state = State.MISSING
        if is_finished(unit.plan):
            state = State.FINISHED
        elif (output / CLAIMS / unit.name).exists():
            state = State.RUNNING
        elif ending and ending.state is State.FAILED:
            state = State.FAILED
        conditions, done = 1 + len(unit.plan.conditions), len(seconds)
        known = seconds_of[unit.plan.model_text]
        each = sum(known) / len(known) if known else None
        left = 0.0 if state is State.FINISHED else None if each is None else each * (conditions - done)
        rate = rows / sum(seconds) if sum(seconds) else None
        reason = ending.reason if ending and state is State.FAILED else ""
        statuses.append(UnitStatus(unit, state, reason, done, conditions, rows, rate, left))
    return statuses


def write_ending(output: Path, name: str, ending: Ending) -> None:
    """Write down how a unit ended, whole or not at all."""
    path = output / ENDINGS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({**asdict(ending), "written": time.time()}) + "\n", encoding="utf-8")
    partial.replace(path)


def read_ending(output: Path, name: str) -> Ending | None:
    """How a unit ended the last time; None when that isn't known."""
    path = output / ENDINGS / f"{name}.json"
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Ending(State(read["state"]), str(read["reason"]), read["seconds"])
    except (OSError, ValueError, KeyError, TypeError):  # never run, or a file that somebody changed
        return None


def write_board(output: Path, resamples: int = 10_000) -> tuple[pd.DataFrame, Path, Path]:
    """Reliance of all runs as findings, written as board.csv, and one report of them: findings and both paths.

    Raises UserError when there is no run.
    """
    findings = find_reliance(read_runs([str(output / RUNS)], ANALYSED), resamples=resamples)
    board = output / "board.csv"
    write_csv(findings, board)
    _, written = write_report(read_given([output / RUNS]), output / "report", Options(resamples=resamples))
    return findings, board, written[0]


def _read_unit(unit: Unit) -> tuple[list[float], int]:
    """Seconds of each condition that is done, and the number of records."""
    try:
        manifest = read_manifest(unit.plan.output / MANIFEST_FILE)
        wanted = {"sighted", *map(str, unit.plan.conditions)}
        done = [float(facts["seconds"]) for name, facts in manifest["conditions"].items() if name in wanted]
        rows = pq.read_metadata(unit.plan.output / RECORDS_FILE).num_rows if done else 0
    except (UserError, OSError, pa.ArrowException, KeyError, TypeError, ValueError):  # not begun, or just being written
        return [], 0
    return done, rows
