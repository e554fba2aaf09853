"""Running units: each in a process of its own, so that one that dies costs itself only.

What a unit has finished is in its folder and in the store, so a sweep that was stopped goes on where it was. Two sweeps
over one folder, also on two machines, never run a unit twice at a time: a unit is claimed by a file.
"""

import logging
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from sightscale.harness.evaluation import Plan
from sightscale.harness.sweep.plan import Unit, is_finished
from sightscale.harness.sweep.results import CLAIMS, LOGS, Ending, State, read_ending, write_ending
from sightscale.tasks.errors import UserError, blaming

if TYPE_CHECKING:
    from sightscale.model_adapters.model_strings import Spread

COMMAND = (sys.executable, "-m", "sightscale.harness.cli")
VISIBLE = "CUDA_VISIBLE_DEVICES"
PULSE = 30.0  # seconds after which a claim is renewed; one that isn't for ten times as long is nobody's

logger = logging.getLogger(__name__)


def run_units(units: Sequence[Unit], output: Path, processes: int) -> list[Ending]:
    """How every unit ended, in order; those that are finished aren't run again, those that failed are.

    At most `processes` are under way, each with as many of this machine's GPUs as it needs. Raises UserError when the
    machine has fewer.
    """
    gpus = max((unit.needs.gpus for unit in units), default=0)
    slots: SimpleQueue[str | None] = SimpleQueue()
    for devices in _share_gpus(gpus, processes):
        slots.put(devices)
    width = slots.qsize()

    def run(unit: Unit) -> Ending:
        devices = slots.get()
        try:
            return run_unit(unit, output, devices)
        finally:
            slots.put(devices)

    with ThreadPoolExecutor(width) as pool:
        return list(pool.map(run, units))


def run_unit(unit: Unit, output: Path, devices: str | None = None) -> Ending:
    """Run one unit in a process of its own, if it isn't finished; `devices` are the GPUs that it may see.

    Its output goes to a log. A unit that another process has claimed is left to that one.
    """
    if is_finished(unit.plan):
        logger.info(f"sweep: {unit.name} was finished before")
        return read_ending(output, unit.name) or Ending(State.FINISHED)
    with _claim(output / CLAIMS / unit.name) as holder:
        if holder:
            logger.info(f"sweep: {unit.name} is run by {holder}")
            return Ending(State.RUNNING, f"run by {holder}")
        logger.info(f"sweep: {unit.name} begins")
        log = output / LOGS / f"{unit.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **({VISIBLE: devices} if devices is not None else {})}
        start = time.perf_counter()
        with log.open("wb") as file:
            process = subprocess.Popen([*COMMAND, *_arguments(unit.plan)], stdout=file, stderr=file, env=environment)
            code = _wait(process, output / CLAIMS / unit.name)
        seconds = round(time.perf_counter() - start, 1)
        if code == 0:
            ending = Ending(State.FINISHED, seconds=seconds)
            logger.info(f"sweep: {unit.name} finished in {seconds:,.0f} s")
        else:
            ending = Ending(State.FAILED, _reason(log, code), seconds)
            logger.warning(f"sweep: {unit.name} failed: {ending.reason}")
        write_ending(output, unit.name, ending)
    return ending


def _wait(process: "subprocess.Popen[bytes]", claim: Path) -> int:
    """A process's exit code; until then the claim is renewed. The process ends with this one."""
    try:
        while True:
            try:
                return process.wait(PULSE)
            except subprocess.TimeoutExpired:
                claim.touch()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _arguments(plan: Plan) -> list[str]:
    """The command line of `sightscale run` that is this plan."""
    arguments = ["run", "--model", plan.model_text, "--tasks", ",".join(plan.tasks), "--output", str(plan.output)]
    options = {
        "--blind": ",".join(map(str, plan.conditions)),
        "--limit": plan.limit,
        "--data-root": plan.data_root,
        "--options": plan.options,
        "--answers": plan.answers,
        "--store": plan.store,
        **_spread_options(plan.spread),
    }
    arguments += ["--seed", str(plan.seed), "--batch-size", str(plan.batch_size), "--data", str(plan.data)]
    arguments += [part for name, value in options.items() if value not in (None, "") for part in (name, str(value))]
    return arguments + [part for folder in plan.task_folders for part in ("--include-path", folder)]


def _spread_options(spread: "Spread | None") -> dict[str, object]:
    if spread is None:
        return {}
    return {
        "--replicas": spread.replicas,
        "--ray": spread.ray,
        "--gpus-per-replica": spread.gpus_per_replica,
        "--cpus-per-replica": spread.cpus_per_replica,
    }


def _share_gpus(each: int, processes: int) -> list[str | None]:
    """What each of the processes sees of the GPUs: `each` of its own, or whatever there is where none is needed."""
    if not each:
        return [None] * processes
    visible = os.environ.get(VISIBLE)
    if visible is None:
        import torch

        names = [str(number) for number in range(torch.cuda.device_count())]
    else:
        names = [name for name in visible.split(",") if name]
    shares: list[str | None] = [
        ",".join(names[start : start + each]) for start in range(0, len(names) - each + 1, each)
    ]
    if not shares:
        raise UserError(f"a unit needs {each} GPUs and this machine has {len(names)}; run it elsewhere (sweep slurm)")
    return shares[:processes]


@contextmanager
def _claim(path: Path) -> Iterator[str]:
    """Claim a unit: yields nothing when it is ours now, else who holds it."""
    host, holder = socket.gethostname(), ""
    with blaming(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            except FileExistsError:
                holder = path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
                if not _is_gone(path, holder, host):
                    break
                path.unlink(missing_ok=True)  # whoever was killed could not
            else:
                with os.fdopen(descriptor, "w") as file:
                    file.write(f"process {os.getpid()} on {host}\n")
                holder = ""
                break
    try:
        yield holder
    finally:
        if not holder:
            path.unlink(missing_ok=True)


def _is_gone(claim: Path, holder: str, host: str) -> bool:
    """Whether the process that holds a claim is no more: on this host it isn't there, on another it renews nothing."""
    words = holder.split()
    if len(words) == 4 and words[3] == host and words[1].isdecimal():
        try:
            os.kill(int(words[1]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # somebody else's process
            return False
        return False
    now = claim.with_name(f".now-{uuid.uuid4().hex}")  # by the file system's own clock, which hosts share
    now.touch()
    try:
        return now.stat().st_mtime - claim.stat().st_mtime > 10 * PULSE
    except FileNotFoundError:  # it was just released
        return False
    finally:
        now.unlink()


def _reason(log: Path, code: int) -> str:
    """Why a unit failed: what the command said, or the last line of its log."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    messages = [line.removeprefix("sightscale: ") for line in lines if line.startswith("sightscale: ")]
    last = (messages or lines or ["it said nothing"])[-1][:300]
    return last if messages else f"exit code {code}: {last}"
