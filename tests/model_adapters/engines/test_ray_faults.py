"""Faults on a real Ray: whatever is killed, the same answers, and nothing asked twice but what was under way."""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("ray", reason="replicas are an extra")
PROGRAM = Path(__file__).with_name("ray_grid.py")
KILLS = 20

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def grid() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ray_grid", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def children_of(root: int) -> dict[int, str]:
    """Every process below this one, with its command."""
    parents: dict[int, int] = {}
    commands: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(") ", 1)[1].split()[1])
                commands[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, IndexError):  # it ended meanwhile
                continue
    below, level = {}, {root}
    while level:
        level = {pid for pid, parent in parents.items() if parent in level}
        below |= {pid: commands.get(pid, "") for pid in level}
    return below


def pick_victim(driver: int, rng: random.Random) -> tuple[str, int] | None:
    """A worker, the driver, or one of Ray's own processes; None before there are workers."""
    programs = {pid: command.split(" ")[0] for pid, command in children_of(driver).items()}
    workers = [pid for pid, program in programs.items() if "ray::Replica" in program]
    if not workers:
        return None
    kind = rng.choice(["worker", "worker", "worker", "driver", "raylet", "gcs_server"])
    named = {"worker": workers, "driver": [driver]}.get(kind, [pid for pid, name in programs.items() if kind in name])
    return (kind, rng.choice(named)) if named else None


def test_random_kills_change_no_record_and_repeat_only_what_was_under_way(grid: ModuleType, tmp_path: Path) -> None:
    for folder in (tmp_path / "alone" / "notes", tmp_path / "notes"):
        folder.mkdir(parents=True)
    alone = tmp_path / "alone"
    expected = grid.run_grid(alone, lambda name: grid.make_engine(name, alone / "notes", 0.0)())
    once = sum(len(file.read_text().splitlines()) for file in (alone / "notes").iterdir())
    rng, killed, starts = random.Random(0), Counter[str](), 0
    while not (tmp_path / "traces.json").exists():
        starts += 1
        with (tmp_path / f"log-{starts}").open("wb") as log:
            driver = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(tmp_path), "0.3"], stdout=log, stderr=log, start_new_session=True
            )
            began = time.monotonic()
            while driver.poll() is None and time.monotonic() - began < 600:
                time.sleep(rng.uniform(0.5, 4.0))
                if killed.total() < KILLS and (victim := pick_victim(driver.pid, rng)):
                    os.kill(victim[1], signal.SIGKILL)
                    killed[victim[0]] += 1
            left = children_of(driver.pid)
            driver.kill()
            driver.wait()
            for pid in left:  # what a killed driver leaves behind would go on for a while
                if Path(f"/proc/{pid}").exists():
                    os.kill(pid, signal.SIGKILL)
        assert starts <= KILLS + 1, (tmp_path / f"log-{starts}").read_text()[-2000:]
    print(f"{starts} starts, killed {dict(killed)}")
    assert json.loads((tmp_path / "traces.json").read_text()) == json.loads(json.dumps(expected))
    asked = sum(len(file.read_text().splitlines()) for file in (tmp_path / "notes").iterdir())
    # Two stages of two replicas each, which have at most two batches under way.
    assert once <= asked <= once + killed.total() * 2 * 2 * 2 * grid.BATCH
