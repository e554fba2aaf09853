"""A pool of engines on Ray: each replica is an actor that loads the weights once and answers what it is handed.

Ray places the actors, starts them anew when they die and lets more of them in when nodes join. What is here hands the
next prompts to a replica that has room, asks again elsewhere what a dead one had under way, and gives up on a prompt
after a bounded number of tries. Whoever uses the pool sees one engine.
"""

import logging
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import count
from typing import Any, Generic

from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Engine,
    Key,
    Prompt,
    Prompts,
    StreamingEngine,
    failed,
)
from sightscale.model_adapters.engines.feed import PATIENCE, Feed
from sightscale.model_adapters.engines.ray_replica import Pictures, Replica, StartedAnew, Unreceived
from sightscale.tasks.errors import UserError, first_line

TRIES = 3  # deaths of a replica that one prompt may see
TOGETHER_AGAIN = 8  # prompts that were under way in one that died, and are asked together again
LOCAL, AUTO = "local", "auto"
PULSE = 5.0  # seconds from one look at Ray's own processes to the next
HEAD_AWAY, RAYLET_AWAY = 20.0, 0.0  # seconds; a raylet doesn't come back

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replicas:
    """How many engines there are, what each needs, and the Ray that they run on: `local`, `auto` or an address.

    `auto` is the cluster that this process is on, and a local Ray where there is none. Without `gpus` each replica has
    one where a node has any.
    """

    number: int
    cpus: float = 1.0
    gpus: float | None = None
    address: str = AUTO
    at_once: int = 32  # prompts that a replica is handed together


class _Vital:
    """A process of Ray's that this one can't do without, asked now and then whether it is there.

    Without its head the replicas go on for a minute, without this machine's raylet until the next picture is put into
    its store, and then Ray ends this process without a word to anybody who waits.
    """

    def __init__(self, name: str, address: str, patience: float) -> None:
        self._name, self._address, self._patience = name, address, patience
        self._asked = self._seen = time.monotonic()

    def check(self) -> None:
        """Raise UserError when it wasn't there for longer than its patience."""
        if time.monotonic() - self._asked >= PULSE:
            self.look()

    def wait(self) -> None:
        """Wait until it answers. Raises UserError as `check` does."""
        while not self.look():
            time.sleep(1.0)

    def look(self) -> bool:
        """Whether it is there. Raises UserError as `check` does."""
        self._asked = time.monotonic()
        host, _, port = self._address.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2.0).close()
        except OSError as error:
            if self._asked - self._seen > self._patience:
                raise UserError(
                    f"{self._name} at {self._address} doesn't answer any more ({first_line(error)}); finished work "
                    "is kept: start Ray, and run the same command again to continue"
                ) from error
            return False
        self._seen = self._asked
        return True


@dataclass(eq=False)
class _Ask(Generic[Key]):
    """A prompt that isn't answered yet, and how many deaths of a replica it has seen."""

    key: Key
    prompt: Prompt
    deaths: int = 0


@dataclass(eq=False)
class _Worker:
    """A replica as the pool sees it, and what it has under way in the present stream, by number."""

    actor: Any
    is_ready: bool = False
    room: int = 0
    under_way: dict[int, _Ask[Any]] = field(default_factory=dict)

    @property
    def tries_again(self) -> bool:
        """Whether it has what was under way in one that died, and that has it to itself."""
        return any(ask.deaths for ask in self.under_way.values())


class RayPool(StreamingEngine):
    """Replicas of one engine. Raises UserError in one line where Ray, its cluster, or an engine can't be had."""

    def __init__(self, open_it: Callable[[], Engine], replicas: Replicas) -> None:
        self._ray, self._vitals = _connect(replicas)
        self._replicas = replicas
        self._pictures = Pictures(self._ray, self._vitals[-1].look)
        gpus = self._count_gpus(replicas)
        actor = self._ray.remote(Replica).options(
            num_cpus=replicas.cpus, num_gpus=gpus, max_restarts=-1, max_task_retries=0
        )
        self._workers = [_Worker(actor.remote(open_it)) for _ in range(replicas.number)]
        self._starting: dict[Any, _Worker] = {}
        self.identity = ""
        self.parameters: int | None = None
        for worker in self._workers:
            self._start(worker)
        while not any(worker.is_ready for worker in self._workers):
            self._let_in(1.0)
            self._check_ray()

    @property
    def workload(self) -> str:
        """How many replicas there are, and the prompts that they have under way."""
        ready = sum(worker.is_ready for worker in self._workers)
        under_way = sum(len(worker.under_way) for worker in self._workers)
        return f"{ready} of {self._replicas.number} replicas, {under_way} under way"

    @property
    def pictures_sent(self) -> int:
        """How many pictures went into the object store so far."""
        return self._pictures.sent

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """Each prompt's completion under its key. A prompt whose replicas died `TRIES` times has failed."""
        name = uuid.uuid4().hex
        again: deque[_Ask[Key]] = deque()
        taking: dict[Any, _Worker] = {}
        numbers = count()
        with Feed(prompts, self._replicas.at_once) as feed:
            try:
                while not feed.has_ended or again or taking:
                    self._hand_out(name, decoding, feed, again, numbers, taking)
                    ready = self._wait([*taking, *self._starting], PATIENCE if not feed.has_ended else 1.0)
                    self._let_in(0.0)
                    self._check_ray()
                    for reference in (one for one in ready if one in taking):
                        worker = taking.pop(reference)
                        for ask, answer in self._receive(reference, worker):
                            if isinstance(answer, Completion):
                                yield ask.key, answer
                            elif ask.deaths + 1 >= TRIES:
                                yield ask.key, failed(f"its replica died {TRIES} times: {answer}")
                            else:
                                ask.deaths += 1
                                again.append(ask)
                        if worker.under_way:
                            taking[worker.actor.take.remote(name)] = worker
            finally:
                for worker in self._workers:
                    worker.under_way.clear()
                    if worker.is_ready:  # what it has under way after an error is answered in vain
                        worker.actor.end.remote(name)

    def wait_for_all(self) -> None:
        """Wait until every replica is there, or has turned out to be unable to start."""
        while self._starting:
            self._let_in(1.0)
            self._check_ray()

    def close(self) -> None:
        """End the replicas; the Ray that they ran on stays for others."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers, self._starting = [], {}

    def _check_ray(self) -> None:
        for vital in self._vitals:
            vital.check()

    def _hand_out(
        self,
        name: str,
        decoding: Decoding,
        feed: Feed[tuple[Key, Prompt]],
        again: deque[_Ask[Key]],
        numbers: Iterator[int],
        taking: dict[Any, _Worker],
    ) -> None:
        """Give each replica that has room its next prompts.

        What was under way in one that died comes first, a few together, then each alone in a replica of its own, so
        that one that kills its replica costs no other.
        """
        for worker in sorted(self._workers, key=lambda one: len(one.under_way)):
            if not worker.is_ready:
                continue
            chunk: list[_Ask[Key]] = []
            if again and not worker.under_way:
                most = TOGETHER_AGAIN if again[0].deaths == 1 else 1
                while again and len(chunk) < most and (again[0].deaths == 1) == (most > 1):
                    chunk.append(again.popleft())
            elif not again and not worker.tries_again:
                room = max(worker.room, self._replicas.at_once) - len(worker.under_way)
                while len(chunk) < min(room, self._replicas.at_once) and (item := feed.take(0)):
                    chunk.append(_Ask(*item))
            if not chunk:
                continue
            sent = dict(zip(numbers, chunk, strict=False))
            packed = [(number, self._pictures.pack(ask.prompt)) for number, ask in sent.items()]
            worker.actor.put.remote(name, decoding, packed)
            if not worker.under_way:
                taking[worker.actor.take.remote(name)] = worker
            worker.under_way |= sent

    def _receive(self, reference: Any, worker: _Worker) -> list[tuple[_Ask[Any], Completion | str]]:
        """What a replica has finished, or for all that it had under way why it died.

        Raises what its engine raised, as it would without Ray.
        """
        try:
            finished = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(error, self._ray.exceptions.RayTaskError) and not isinstance(cause, StartedAnew):
                raise (cause if isinstance(cause, Exception) else error) from None
            reason, lost = first_line(error)[:200], list(worker.under_way.values())
            logger.warning(f"ray: a replica died with {len(lost)} prompts under way ({reason})")
            worker.under_way.clear()
            self._start(worker)
            return [(ask, reason) for ask in lost]
        return [
            (worker.under_way.pop(number), answer.reason if isinstance(answer, Unreceived) else answer)
            for number, answer in finished
            if number in worker.under_way  # not what a replica that was started anew did in vain
        ]

    def _wait(self, references: list[Any], seconds: float) -> list[Any]:
        """Those that are ready, as soon as one is, or when these seconds are over."""
        if not references:
            time.sleep(seconds)
            return []
        ready: list[Any] = self._ray.wait(references, num_returns=1, timeout=seconds)[0]
        return ready

    def _start(self, worker: _Worker) -> None:
        """Let a replica in when it answers, which Ray asks it again after each restart."""
        worker.is_ready = False
        self._starting[worker.actor.describe.options(max_task_retries=-1).remote()] = worker

    def _let_in(self, seconds: float) -> None:
        """Let the replicas in that are ready, and wait at most so long for the first.

        Raises UserError when none is left that could be.
        """
        if not self._starting:
            return
        most = 1 if seconds else len(self._starting)
        ready, _ = self._ray.wait(list(self._starting), num_returns=most, timeout=seconds)
        for reference in ready:
            worker = self._starting.pop(reference)
            try:
                identity, self.parameters, worker.room = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, UserError):
                    raise cause from None
                self._lose(worker, error)
                continue
            if self.identity and identity != self.identity:
                raise UserError(
                    f"the replicas differ: one is {self.identity}, another {identity}; use the same model everywhere"
                )
            self.identity = identity
            worker.is_ready = True

    def _lose(self, worker: _Worker, error: Exception) -> None:
        """A replica that couldn't start. Raises UserError where it was the last."""
        reason = next((line for line in str(error).splitlines()[::-1] if "Error" in line), first_line(error)).strip()
        if "UserError: " in reason:
            raise UserError(reason.partition("UserError: ")[2])
        self._workers.remove(worker)
        logger.warning(f"ray: a replica can't start and is left out: {reason[:300]}")
        if not self._workers:
            raise UserError(
                f"no replica can start: {reason[:300]}; finished work is kept: run the same command again to continue"
            )

    def _count_gpus(self, replicas: Replicas) -> float:
        if replicas.gpus is not None:
            return replicas.gpus
        return float(any(node["Resources"].get("GPU", 0) >= 1 for node in self._ray.nodes() if node["Alive"]))


def _connect(replicas: Replicas) -> tuple[Any, tuple[_Vital, ...]]:
    """Ray, connected, and those of its processes that have to be there.

    Raises UserError without it, without a cluster, or where no node could hold a replica.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "180")  # a busy machine takes longer than Ray's 30
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise UserError("replicas need Ray: pip install 'sightscale[ray]'") from error
    if not ray.is_initialized():
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        local: dict[str, Any] = {"address": LOCAL, "include_dashboard": False, **quiet}
        try:
            if replicas.address == LOCAL:
                ray.init(**local)
            elif replicas.address == AUTO:
                try:
                    ray.init(address=AUTO, **quiet)
                except ConnectionError:
                    ray.init(**local)
            else:
                ray.init(address=replicas.address, **quiet)
        except Exception as error:  # Ray raises what it likes, also a plain Exception where it starts too slowly
            raise UserError(f"there is no Ray at {replicas.address}: {first_line(error)[:300]}") from error
    context = ray.get_runtime_context()
    head = _Vital("Ray's head", context.gcs_address, HEAD_AWAY)
    head.wait()  # without it the next line would end this process
    nodes = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
    gpus = replicas.gpus or 0
    resources = [node["Resources"] for node in nodes.values()]
    fits = any(each.get("CPU", 0) >= replicas.cpus and each.get("GPU", 0) >= gpus for each in resources)
    if not fits:
        raise UserError(
            f"no node of this Ray has {replicas.cpus:g} CPUs and {gpus:g} GPUs for a replica; "
            "ask for fewer with --cpus-per-replica and --gpus-per-replica"
        )
    here = nodes[context.get_node_id()]
    raylet = _Vital("this machine's raylet", f"{here['NodeManagerAddress']}:{here['NodeManagerPort']}", RAYLET_AWAY)
    return ray, (head, raylet)
