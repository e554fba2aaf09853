"""Training a study's recipes, several side by side where there is no GPU.

Models as small as a nano family's leave a core's fellows idle, so on CPUs as many recipes train at once as there are
cores, each in a process of its own. Work folders lie side by side, so that recipes share their tower.
"""

import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sightscale.tasks.errors import UserError
from sightscale.trainers.stages import read_log

logger = logging.getLogger(__name__)

CHECKPOINTS, TRAINING = "checkpoints", "training"
COMPLETE = "complete"  # in a recipe's folder of checkpoints
REPORT_EVERY = 60.0  # seconds


def train_recipes(recipes: Sequence[str], output: Path) -> None:
    """Train each recipe into `output/checkpoints/RECIPE`, going on from what `output/training/RECIPE` holds.

    RECIPE is a shipped recipe's name, or its file's without the folders. Raises UserError for two of one name, and
    for a recipe that failed, once the others that had begun are finished.
    """
    named = Counter(Path(recipe).name for recipe in recipes)
    for name, times in named.items():
        if times > 1:
            raise UserError(f"{times} recipes are named {name}, and each trains in a folder of its name; rename one")
    waiting = []
    for recipe in recipes:
        if (_checkpoints(recipe, output) / COMPLETE).is_file():
            logger.info(f"recipe {recipe} was finished before")
        else:
            waiting.append(recipe)
    lanes, threads = _share_cores(len(waiting))
    running: dict[str, subprocess.Popen[bytes]] = {}
    failed: list[str] = []
    reported = time.monotonic()
    try:
        while running or (waiting and not failed):
            while waiting and len(running) < lanes and not failed:
                recipe = waiting.pop(0)
                running[recipe] = _start(recipe, output, threads)
                logger.info(
                    f"recipe {recipe}: trains on {threads} thread(s); its output is in {_output(recipe, output)}"
                )
            time.sleep(0.2)
            for recipe in [name for name, process in running.items() if process.poll() is not None]:
                if running.pop(recipe).returncode:
                    failed.append(recipe)
                else:
                    (_checkpoints(recipe, output) / COMPLETE).touch()
                    logger.info(f"recipe {recipe}: finished")
            if running and time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                logger.info("; ".join(f"{recipe}: {_progress(recipe, output)}" for recipe in running))
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
    if failed:
        lines = _output(failed[0], output).read_text(errors="replace").replace("\r", "\n").split("\n")
        reason = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
        raise UserError(f"recipe {failed[0]} could not be trained: {reason}; the same command goes on from here")


def _share_cores(recipes: int) -> tuple[int, int]:
    """How many recipes train at once, and the threads of each."""
    import torch

    cores = len(os.sched_getaffinity(0))
    lanes = 1 if torch.cuda.is_available() else max(1, min(recipes, cores))
    return lanes, max(1, cores // lanes)


def _start(recipe: str, output: Path, threads: int) -> subprocess.Popen[bytes]:
    work = _work(recipe, output)
    work.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "sightscale.harness.cli", "train", recipe, "--work", str(work)]
    command += ["--output", str(_checkpoints(recipe, output))]
    with _output(recipe, output).open("ab") as log:
        return subprocess.Popen(
            command,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _checkpoints(recipe: str, output: Path) -> Path:
    return output / CHECKPOINTS / Path(recipe).name


def _work(recipe: str, output: Path) -> Path:
    return output / TRAINING / Path(recipe).name


def _output(recipe: str, output: Path) -> Path:
    return _work(recipe, output) / "output.txt"


def _progress(recipe: str, output: Path) -> str:
    log = read_log(_work(recipe, output) / "log.jsonl")
    return f"{log[-1]['stage']} {log[-1]['step']:,} of {log[-1]['of']:,}" if log else "begins"
