"""Engines on demand: a model is loaded when a prompt needs it, not before.

With a store in front that answers everything, it never is. Engines that share a room are in memory one
at a time: the one that is needed makes the other leave.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.engines import (
    Choice,
    Completions,
    Decoding,
    Engine,
    Key,
    Likelihoods,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
    list_choices,
    score_continuations,
)
from sightscale.model_adapters.engines.lora import split_adapter
from sightscale.model_adapters.engines.opening import OPENAI, POOLED, VLLM, open_engine
from sightscale.model_adapters.engines.store import StoredEngine, open_store
from sightscale.model_adapters.engines.weights import count_parameters
from sightscale.tasks.errors import UserError

# Options that an identity depends on.
IDENTIFYING = ("dtype", "device", "revision", "trust_remote_code", "chat_template", "adapter")


class Room:
    """A place in memory for one engine."""

    def __init__(self) -> None:
        self._inside: OnDemandEngine | None = None

    def enter(self, engine: "OnDemandEngine") -> None:
        """Make whoever else is inside leave."""
        if self._inside is not None and self._inside is not engine:
            self._inside.close()
        self._inside = engine


class OnDemandEngine(StreamingEngine):
    """An engine that is opened at its first prompt, and again at the next one after it was closed."""

    def __init__(
        self, open_it: Callable[[], Engine], identify: Callable[[], str | None] = lambda: None, room: Room | None = None
    ) -> None:
        """`identify` gives the engine's identity without opening it; where it gives None, opening tells."""
        self._open, self._identify, self._room = open_it, identify, room
        self._engine: Engine | None = None
        self._identity: str | None = None
        self.parameters: int | None = None  # known once it was open, if not before
        self.times_opened = 0
        self.seconds_opening = self.cpu_seconds_opening = 0.0

    @property
    def identity(self) -> str:
        if self._identity is None:
            self._identity = self._identify() or self._opened().identity
        return self._identity

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """As the engine behind it, which isn't opened without a prompt.

        Raises UserError when its weights changed since it was identified.
        """
        items = iter(prompts)
        first = next((item for item in items if item is not None), None)
        if first is not None:
            yield from self._unchanged().stream(chain([first], items), decoding)

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """As the engine behind it. Raises UserError in one line where it can't, or its weights changed."""
        return score_continuations(self._unchanged(), prompts, continuations, on_scored)

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """As the engine behind it. Raises EngineFailure in one line when it can't tell."""
        return list_choices(self._opened(), prompt, decoding)

    @property
    def workload(self) -> str:
        """What it is busy with, in words; nothing where it doesn't tell."""
        return getattr(self._engine, "workload", "")

    @property
    def batch_size(self) -> int | None:
        """How many prompts the open engine answers at a time; None where it is closed, or sees to that by itself."""
        return getattr(self._engine, "batch_size", None)

    def close(self) -> None:
        """Free the memory the model holds, until it is needed again."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
            gc.collect()

    def _unchanged(self) -> Engine:
        engine = self._opened()
        if engine.identity != self.identity:
            raise UserError(f"the model {self.identity} changed into {engine.identity} during the run")
        return engine

    def _opened(self) -> Engine:
        if self._room is not None:
            self._room.enter(self)
        if self._engine is None:
            began, cpu_began = time.perf_counter(), time.process_time()
            self._engine = self._open()
            self.seconds_opening += time.perf_counter() - began
            self.cpu_seconds_opening += time.process_time() - cpu_began
            self.parameters = getattr(self._engine, "parameters", None) or self.parameters
            self.times_opened += 1
        return self._engine


def open_on_demand(
    model: str, options: Mapping[str, Any], store: str | None = None, room: Room | None = None
) -> StoredEngine | OnDemandEngine:
    """The engine that `open_engine` would open with `options`, on demand, behind the store if one is given.

    A transformers model is identified by its files; another engine has to be opened for that, and so has
    one with an option that transformers doesn't know, which it then refuses.
    """
    open_it = partial(open_engine, model, **options)
    if model.startswith((VLLM, OPENAI)) or set(options) - {*IDENTIFYING, "batch_size", *POOLED}:
        engine = OnDemandEngine(open_it, room=room)
    else:
        location = find_checkpoint(model)
        chosen = {name: options[name] for name in IDENTIFYING if name in options}
        engine = OnDemandEngine(open_it, partial(_identify, location, chosen), room)
        _, adapter = split_adapter(location, options.get("adapter"))
        counted = Path(location).is_dir() and adapter is None  # what an adapter adds is known once it is attached
        engine.parameters = count_parameters(Path(location)) if counted else None
    return StoredEngine(engine, open_store(Path(store))) if store else engine


def _identify(location: str, options: Mapping[str, Any]) -> str:
    from sightscale.model_adapters.engines.transformers_engine import identify

    return identify(location, **options)
