"""Faults on a real Ray: a completed run or one line, and nothing asked twice but what was under way.

Each test has a Ray of its own, some of them set so that what is rare comes at once.
"""

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.tasks.errors import UserError

pytest.importorskip("ray", reason="replicas are an extra")
import ray

from sightscale.model_adapters.engines.ray_pool import LOCAL, TRIES, RayPool, Replicas

PROGRAM = Path(__file__).with_name("ray_grid.py")
KILLS = 20
SHORT = Decoding(4)
STORE = 80 * 2**20  # bytes; Ray takes no less than 75 MiB

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def grid() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ray_grid", PROGRAM)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def ray_with(**settings: Any) -> Iterator[None]:
    """A Ray of this machine's own, with settings of Ray's that make rare things common."""
    ray.init(
        address=LOCAL,
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=STORE,
        _system_config=settings,
    )
    try:
        yield
    finally:
        ray.shutdown()


def make_engine(folder: Path, eaten: int = 0) -> Callable[[], Any]:
    """Opens an engine that answers one prompt after the other and notes each in a file of its process.

    "q" takes 0.05 s; each "slow" takes 2 s in the process that begins first; "hungry" takes so much memory.
    """
    # Inside the function, so that it travels by its text: a replica can't import a test.
    from sightscale.model_adapters.engines import Completion, StreamingEngine

    class Noting(StreamingEngine):
        identity, parameters, room = "noting", 7, 4

        def __init__(self) -> None:
            import os

            try:
                (folder / "first").mkdir()
                self.is_first = True
            except FileExistsError:
                self.is_first = False
            self.notes = folder / str(os.getpid())
            self.notes.touch()

        def stream(self, prompts: Any, decoding: Any) -> Any:
            import time

            for item in prompts:
                if item:
                    key, prompt = item
                    with self.notes.open("a") as file:
                        file.write(f"{prompt.text}\n")
                    if "hungry" in prompt.text:
                        eat(eaten)
                    time.sleep(2.0 if "slow" in prompt.text and self.is_first else 0.05)
                    yield key, Completion(f"{prompt.text.upper()}{[image.size for image in prompt.images] or ''}")

        def close(self) -> None:
            """Nothing is held."""

    def eat(size: int) -> None:
        import time

        held = []
        for _ in range(size // 2**26):
            held.append(b"x" * 2**26)  # every page is written
            time.sleep(0.02)
        time.sleep(30)

    return Noting


def ask(*parts: str | Image.Image) -> Prompt:
    return Prompt((Message("user", parts),))


def asked(folder: Path) -> list[str]:
    return [line for lines in notes(folder) for line in lines]


def notes(folder: Path) -> list[list[str]]:
    """What each process was asked."""
    return [file.read_text().splitlines() for file in folder.glob("[0-9]*")]


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
                [sys.executable, str(PROGRAM), str(tmp_path), "2"], stdout=log, stderr=log, start_new_session=True
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
    assert killed.total() == KILLS  # at two seconds an answer there is work left for all of them
    assert json.loads((tmp_path / "traces.json").read_text()) == json.loads(json.dumps(expected))
    asked = sum(len(file.read_text().splitlines()) for file in (tmp_path / "notes").iterdir())
    # Two stages of two replicas each, which have at most two batches under way.
    assert once <= asked <= once + killed.total() * 2 * 2 * 2 * grid.BATCH


@pytest.mark.parametrize("process", ["gcs_server", "raylet"])
def test_a_ray_that_dies_ends_the_run_in_one_line(process: str, tmp_path: Path) -> None:
    """At eight seconds an answer, so that it isn't through before anybody could know."""
    driver = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(tmp_path), "8"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not list(tmp_path.glob("notes/*")):
            assert driver.poll() is None
            time.sleep(0.2)
        (victim,) = [pid for pid, command in children_of(driver.pid).items() if process in command.split(" ")[0]]
        os.kill(victim, signal.SIGKILL)
        errors = driver.communicate(timeout=300)[1]
    finally:
        for pid in children_of(driver.pid):
            os.kill(pid, signal.SIGKILL)
        driver.kill()
    lines = [line for line in errors.splitlines() if line.startswith("sightscale: ")]
    assert driver.returncode == 1 and len(lines) == 1 and "Traceback" not in errors, errors
    assert "run the same command again to continue" in lines[0]


def test_a_node_that_joins_takes_its_share_and_one_that_leaves_costs_what_it_had_under_way(tmp_path: Path) -> None:
    """Two nodes, made with Ray's own cluster utility."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        pool = RayPool(make_engine(tmp_path), Replicas(2, 1, address=cluster.address, at_once=1))
        node = cluster.add_node(num_cpus=1)

        def leave() -> None:
            while sum(map(bool, notes(tmp_path))) < 2:
                time.sleep(0.1)
            cluster.remove_node(node, allow_graceful=False)

        leaver = threading.Thread(target=leave)
        leaver.start()

        def pose() -> Iterator[tuple[int, Prompt]]:
            posed = 0
            while posed < 5000 and leaver.is_alive():
                yield posed, ask(f"q{posed}")
                posed += 1
            yield from ((number, ask(f"q{number}")) for number in range(posed, posed + 20))

        answers = list(pool.stream(pose(), SHORT))
        assert not leaver.is_alive()
        assert {number: answer.text for number, answer in answers} == {i: f"Q{i}" for i in range(len(answers))}
        assert len(asked(tmp_path)) <= len(answers) + 4  # the room of the replica that was lost
        pool.close()
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_slow_replica_keeps_only_what_it_has_under_way_waiting(tmp_path: Path) -> None:
    with ray_with():
        pool = RayPool(make_engine(tmp_path), Replicas(2, 0.25, address=LOCAL, at_once=1))
        pool.wait_for_all()
        texts = [f"slow {i}" for i in range(60)]
        answers = pool.generate([ask(text) for text in texts], SHORT)
        assert [answer.text for answer in answers] == [text.upper() for text in texts]
        slow, fast = sorted(map(len, notes(tmp_path)))
        assert slow + fast == 60 and slow <= 8  # the other takes 0.05 s for each, so it does its 40 times as many
        pool.close()


def test_a_prompt_that_takes_all_memory_fails_alone(tmp_path: Path) -> None:
    """Ray's own memory monitor kills its replica, as it would where a picture is too large for a machine."""
    total, free = read_memory()
    if free < 3 * 2**30:
        pytest.skip("less than 3 GiB of memory are free, of which this takes up to 1.5")
    with ray_with(memory_usage_threshold=1 - (free - 2**30) / total, memory_monitor_refresh_ms=100):
        pool = RayPool(make_engine(tmp_path, eaten=3 * 2**29), Replicas(1, 0.25, address=LOCAL, at_once=2))
        texts = [f"q{i}" for i in range(4)] + ["hungry"] + [f"r{i}" for i in range(4)]
        answers = pool.generate([ask(text) for text in texts], SHORT)
        assert [answer.error is not None for answer in answers] == [text == "hungry" for text in texts]
        assert f"its replica died {TRIES} times" in str(answers[4].error)  # Ray doesn't say of what
        assert asked(tmp_path).count("hungry") == TRIES
        pool.close()


def test_a_full_object_store_ends_in_one_line(tmp_path: Path) -> None:
    """With no disk to spill to, four pictures of 27 MB don't fit into 80 MiB."""
    with ray_with(local_fs_capacity_threshold=0.001):
        pool = RayPool(make_engine(tmp_path), Replicas(1, 0.25, address=LOCAL, at_once=4))
        rng = np.random.default_rng(0)
        large = [Image.fromarray(rng.integers(0, 256, (3000, 3000, 3), dtype=np.uint8)) for _ in range(4)]
        with pytest.raises(UserError, match="Ray's object store can't take a picture") as caught:
            pool.generate([ask(image, "q") for image in large], SHORT)
        assert "\n" not in str(caught.value)
        pool.close()


def test_pictures_that_do_not_fit_together_go_through_one_after_the_other(tmp_path: Path) -> None:
    """With a disk to spill to, as is Ray's default, the run completes."""
    with ray_with():
        pool = RayPool(make_engine(tmp_path), Replicas(1, 0.25, address=LOCAL, at_once=2))
        prompts = [ask(Image.new("RGB", (3000, 3000), (shade, 0, 0)), f"q{shade}") for shade in range(8)]
        answers = pool.generate(prompts, SHORT)
        assert [answer.text for answer in answers] == [f"Q{shade}[(3000, 3000)]" for shade in range(8)]
        pool.close()


def read_memory() -> tuple[int, int]:
    """Bytes of memory that there are, and that are free."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return tuple(1024 * int(lines[name].split()[0]) for name in ("MemTotal", "MemAvailable"))  # type: ignore[return-value]
