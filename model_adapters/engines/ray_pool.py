"""A pool of engines on Ray: each replica is an actor that loads the weights once and answers what it is handed.

Ray places the actors, starts them anew when they die and lets more of them in when nodes join. What is here hands the
next prompts to a replica that is free, asks again elsewhere what a dead one had under way, and gives up on a prompt
after a bounded number of tries. Whoever uses the pool sees one engine.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sightscale.model_adapters.engines import Completion, Decoding, Engine, OnFinished, Prompt, failed
from sightscale.tasks.errors import UserError, first_line

TRIES = 3  # deaths of a replica that one prompt may see
LOCAL, AUTO = "local", "auto"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replicas:
    """How many engines there are, what each needs, and the Ray that they run on: `local`, `auto` or an address.

    `auto` is the cluster that this process is on, and a local Ray where there is none.
    """

    number: int
    cpus: float = 1.0
    gpus: float = 0.0
    address: str = AUTO
    at_once: int = 32  # prompts that a replica is handed together


class Replica:
    """What an actor runs: an engine, opened when the actor starts."""

    def __init__(self, open_it: Callable[[], Engine]) -> None:
        self._engine = open_it()

    def describe(self) -> tuple[str, int | None, int]:
        """The engine's identity, its parameters, and the process that it is in."""
        return self._engine.identity, self._engine.parameters, os.getpid()

    def generate(self, prompts: list[Prompt], decoding: Decoding) -> list[Completion]:
        """The engine's completions."""
        return self._engine.generate(prompts, decoding)


class RayPool:
    """Replicas of one engine. Raises UserError in one line where Ray, its cluster, or an engine can't be had."""

    def __init__(self, open_it: Callable[[], Engine], replicas: Replicas) -> None:
        self._ray = _connect(replicas)
        self._replicas = replicas
        actor = self._ray.remote(Replica).options(
            num_cpus=replicas.cpus, num_gpus=replicas.gpus, max_restarts=-1, max_task_retries=0
        )
        self._actors = [actor.remote(open_it) for _ in range(replicas.number)]
        # A replica gets prompts once it has answered this; one that waits for a node to join keeps nobody waiting.
        self._starting: dict[Any, Any] = {}
        for replica in self._actors:
            self._start(replica)
        self._idle: list[Any] = []
        self.identity = ""
        self.parameters: int | None = None
        self.processes: set[int] = set()  # that replicas have run in so far
        while not self._idle:
            self._wait_for_replicas(None)

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        """A completion for each prompt, in order. A prompt whose replicas died `TRIES` times has failed."""
        completions: list[Completion | None] = [None] * len(prompts)
        step = self._replicas.at_once
        waiting = deque(list(range(start, min(start + step, len(prompts)))) for start in range(0, len(prompts), step))
        deaths = [0] * len(prompts)
        under_way: dict[Any, tuple[Any, list[int]]] = {}

        def finish(i: int, completion: Completion) -> None:
            completions[i] = completion
            if on_finished:
                on_finished(i, completion)

        try:
            while waiting or under_way:
                while waiting and self._idle:
                    actor, chunk = self._idle.pop(), waiting.popleft()
                    under_way[actor.generate.remote([prompts[i] for i in chunk], decoding)] = (actor, chunk)
                ready, _ = self._ray.wait([*under_way, *self._starting], num_returns=1, timeout=10.0)
                self._wait_for_replicas(0.0)
                for reference in (one for one in ready if one in under_way):
                    answers = self._take(reference)
                    actor, chunk = under_way.pop(reference)
                    if isinstance(answers, list):
                        self._idle.append(actor)
                        for i, answer in zip(chunk, answers, strict=True):
                            finish(i, answer)
                        continue
                    self._start(actor)
                    logger.warning(f"ray: a replica died with {len(chunk)} prompts under way ({answers})")
                    for i in chunk:
                        deaths[i] += 1
                        if deaths[i] >= TRIES:
                            finish(i, failed(f"its replica died {TRIES} times: {answers}"))
                        else:
                            waiting.append([i])  # alone, so that one that kills its replica costs no other
        finally:  # after an error replicas still answer; they are free when they have
            for actor, _ in under_way.values():
                self._start(actor)
        return [completion for completion in completions if completion is not None]

    def close(self) -> None:
        """End the replicas; the Ray that they ran on stays for others."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._actors, self._idle, self._starting = [], [], {}

    def _take(self, reference: Any) -> list[Completion] | str:
        """What a replica answered, or why it died. Raises what its engine raised, as it would without Ray."""
        try:
            answers: list[Completion] = self._ray.get(reference)
            return answers
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, Exception) else error) from None
        except self._ray.exceptions.RayError as error:
            return first_line(error)[:200]

    def _start(self, actor: Any) -> None:
        """Let a replica in when it answers, which Ray asks it again after each restart."""
        self._starting[actor.describe.options(max_task_retries=-1).remote()] = actor

    def _wait_for_replicas(self, timeout: float | None) -> None:
        """Let the replicas in that are ready. Raises UserError when none is left that could be."""
        if not self._starting:
            return
        most = 1 if timeout is None else len(self._starting)
        ready, _ = self._ray.wait(list(self._starting), num_returns=most, timeout=timeout)
        for reference in ready:
            actor = self._starting.pop(reference)
            try:
                identity, self.parameters, process = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                cause = getattr(error, "cause", None)
                if isinstance(cause, UserError):
                    raise cause from None
                self._lose(actor, error)
                continue
            if self.identity and identity != self.identity:
                raise UserError(f"the replicas differ: one is {self.identity}, another {identity}; give all one model")
            self.identity = identity
            self.processes.add(process)
            self._idle.append(actor)

    def _lose(self, actor: Any, error: Exception) -> None:
        """A replica that couldn't start. Raises UserError where it was the last."""
        reason = next((line for line in str(error).splitlines()[::-1] if "Error" in line), first_line(error)).strip()
        if "UserError: " in reason:
            raise UserError(reason.partition("UserError: ")[2])
        self._actors.remove(actor)
        logger.warning(f"ray: a replica can't start and is left out: {reason[:300]}")
        if not self._actors:
            raise UserError(f"no replica can start: {reason[:300]}")


def _connect(replicas: Replicas) -> Any:
    """Ray, connected. Raises UserError without it, without a cluster, or where no node could hold a replica."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
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
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(f"there is no Ray at {replicas.address}: {first_line(error)}") from error
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fits = any(node.get("CPU", 0) >= replicas.cpus and node.get("GPU", 0) >= replicas.gpus for node in nodes)
    if not fits:
        raise UserError(
            f"no node of this Ray has {replicas.cpus:g} CPUs and {replicas.gpus:g} GPUs for a replica; "
            "ask for fewer with cpus_per_replica and gpus_per_replica"
        )
    return ray
