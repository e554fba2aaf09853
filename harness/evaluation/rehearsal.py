"""Rehearsal: a model that reads every question, looks up its answer in the store, and generates only a pilot's.

It sits between the blindfold and the model, so that it sees the same prompts as a run. It takes notes for `forecast`
and estimates nothing itself.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any, TypeVar

import numpy as np

from sightscale.harness.evaluation.until import order_documents
from sightscale.model_adapters.adapter import Adapter, Parts, Trace
from sightscale.model_adapters.engines import (
    Completion,
    Completions,
    Decoding,
    Key,
    Prompt,
    Prompts,
    StoredEngine,
    StreamingEngine,
    failed,
)
from sightscale.model_adapters.requests import Request

Item = TypeVar("Item")
MISSING, EQUAL, LATER = "not asked yet", "an equal prompt is not asked yet", "what it reads is not written yet"
LIKE_ANOTHER = (EQUAL, f"reasoning: {EQUAL}")  # a prompt that equals another question's
# Shares of a pilot's prompts: one to warm the engine up, then batches of two sizes, which tell what a batch costs and
# what a prompt costs.
ROUNDS = (0.05, 0.25, 0.7)


@dataclass(frozen=True)
class Place:
    """Where prompts belong: a stage, a task and a condition."""

    condition: str
    task: str
    stage: str


@dataclass
class Tally:
    """Numbers of prompts at one place: in the store, equal to another one, to be generated."""

    stored: int = 0
    equal: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Group:
    """Prompts that are batched together."""

    condition: str
    stage: str
    pictures: bool
    decoding: Decoding | None = None


@dataclass(frozen=True)
class Call:
    """One call of an engine: the prompts that it generated, and its seconds by the clock and of processors.

    `opening` is the time that loading its model took before the call, which isn't in the others; None if it was loaded.
    """

    stage: str
    with_pictures: int
    without: int
    seconds: float
    cpu_seconds: float
    opening: tuple[float, float] | None = None


@dataclass(frozen=True)
class Tokens:
    """The tokens of one answered prompt."""

    read: int
    written: int


@dataclass
class Notes:
    """Notes of a rehearsal. Prompts of places in `unknown` depend on what an earlier stage has yet to write."""

    questions: Counter[tuple[str, str]] = field(default_factory=Counter)  # by condition and task
    tallies: dict[Place, Tally] = field(default_factory=dict)
    groups: Counter[Group] = field(default_factory=Counter)
    samples: dict[Place, list[Tokens]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    piloted: Counter[str] = field(default_factory=Counter)  # questions by condition
    generated: int = 0  # prompts, by the pilot
    aside: float = 0.0  # seconds that went to the pilot and to looking again, which a run doesn't spend so
    cpu_aside: float = 0.0
    keys: set[str] = field(default_factory=set)  # of prompts that will have been generated


class RehearsedEngine(StreamingEngine):
    """An engine in a rehearsal: it looks prompts up, and generates only for the pilot."""

    def __init__(self, stage: str, engine: StoredEngine, rehearsal: "Rehearsal") -> None:
        self.stage, self.engine, self.rehearsal = stage, engine, rehearsal

    @property
    def identity(self) -> str:
        return self.engine.identity

    @property
    def parameters(self) -> int | None:
        """The model's number of parameters; None if it isn't known."""
        return self.engine.parameters

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """What the store has, and a failure for every other prompt; in the pilot, the engine's answers."""
        if self.rehearsal.asking:
            yield from self._ask([item for item in prompts if item is not None], decoding)
            return
        for item in prompts:
            if item is not None:
                yield item[0], self._look(item[1], decoding)

    def _ask(self, prompts: list[tuple[Key, Prompt]], decoding: Decoding) -> Completions[Key]:
        """Completions of a pilot's prompts: what is generated in rounds whose time is taken, then what is known."""
        lacking: dict[str, tuple[Key, Prompt]] = {}
        known = []
        looked_up = self.engine.look_up([prompt for _, prompt in prompts], decoding)
        for item, (key, kept) in zip(prompts, looked_up, strict=True):
            if kept is None and key not in lacking:
                lacking[key] = item
            else:
                known.append(item)
        fresh = list(lacking.values())
        for some in cut(fresh):
            yield from self._take_time(self.engine.stream, some, decoding)
        self.rehearsal.notes.generated += len(fresh)
        self._fill([prompt for _, prompt in fresh], decoding)
        if known:
            yield from self.engine.stream(known, decoding)

    def _fill(self, fresh: Sequence[Prompt], decoding: Decoding) -> None:
        """Take the time of one batch as large as the run's will be, of the pilot's prompts over and over.

        What a prompt takes in a small batch tells little of a large one. Engines that see to batches by themselves, as
        vLLM and servers, aren't asked.
        """
        size = min(self.engine.batch_size or 0, self.rehearsal.expect(self.stage))
        for shown in (True, False):
            some = [prompt for prompt in fresh if bool(prompt.images) is shown]
            if some and size > len(some) and (self.stage, shown) not in self.rehearsal.filled:
                self.rehearsal.filled.add((self.stage, shown))
                repeated = list(islice(enumerate(cycle(some)), size))
                self._take_time(self.engine.generate_anew, repeated, decoding)

    def _take_time(
        self, stream: Callable[..., Completions[Key]], prompts: Sequence[tuple[Key, Prompt]], decoding: Decoding
    ) -> list[tuple[Key, Completion]]:
        opened, began, cpu_began = self.engine.seconds_opening, time.perf_counter(), time.process_time()
        completions = list(stream(prompts, decoding))
        took = np.array([time.perf_counter() - began, time.process_time() - cpu_began])
        loading = np.array(self.engine.seconds_opening) - np.array(opened)
        opening = (float(loading[0]), float(loading[1])) if loading.any() else None
        shown = sum(bool(prompt.images) for _, prompt in prompts)
        seconds, cpu_seconds = (float(each) for each in np.maximum(took - loading, 0.0))
        call = Call(self.stage, shown, len(prompts) - shown, seconds, cpu_seconds, opening)
        self.rehearsal.notes.calls.append(call)
        return completions

    def _look(self, prompt: Prompt, decoding: Decoding) -> Completion:
        place, pass_ = self.rehearsal.place(self.stage), self.rehearsal.looking
        tally = pass_.tallies.setdefault(place, Tally())
        group = Group(place.condition, self.stage, bool(prompt.images), decoding)
        if self.stage in pass_.hanging:
            tally.missing += 1
            pass_.groups[group] += 1
            return failed(LATER)
        ((key, stored),) = self.engine.look_up([prompt], decoding)
        if stored is not None:
            tally.stored += 1
        elif key in pass_.keys:
            tally.equal += 1
        else:
            tally.missing += 1
            pass_.groups[group] += 1
            if self.stage == "focus":
                pass_.hanging = ("perception", "reasoning")
        is_equal = key in pass_.keys
        pass_.keys.add(key)
        return stored or failed(EQUAL if is_equal else MISSING)

    def close(self) -> None:
        """Free the engine's model."""
        self.engine.close()


@dataclass
class _Pass:
    """One look at all questions of a condition. Stages that hang on a focus that isn't written are `hanging`."""

    keys: set[str]
    tallies: dict[Place, Tally] = field(default_factory=dict)
    groups: Counter[Group] = field(default_factory=Counter)
    hanging: tuple[str, ...] = ()


class Rehearsal(Adapter):
    """A model of ours in a rehearsal; see the module."""

    def __init__(self, inner: Adapter, pilot: int, seed: int, notes: Notes) -> None:
        """`pilot` is how many questions are asked under each condition."""
        super().__init__(inner.label)
        self.inner, self.pilot, self.seed, self.notes = inner, pilot, seed, notes
        self.asking = False
        self.filled: set[tuple[str, bool]] = set()  # stages of which a whole batch was timed, with pictures or without
        self.looking = _Pass(set())
        self._asked = 0  # questions of the condition
        self._at = ("", "")
        self._engines: dict[str, StoredEngine] = {}

        def note(stage: str, engine: Any) -> Any:
            if isinstance(engine, StoredEngine):
                self._engines[stage] = engine
            return engine

        inner.wrap_engines(note)

    @property
    def identity(self) -> str:
        return self.inner.identity

    @property
    def parts(self) -> Parts:
        return self.inner.parts

    @property
    def settings(self) -> dict[str, Any]:
        return self.inner.settings

    def place(self, stage: str) -> Place:
        """The place that a stage's prompts belong to now."""
        return Place(*self._at, stage)

    def expect(self, stage: str) -> int:
        """How many prompts of a stage are to be generated under this condition; of reasoning's at most so many."""
        if stage == "reasoning":
            return self._asked
        return sum(n for group, n in self.looking.groups.items() if group.stage == stage)

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        self.inner.task_dict, self._asked = self.task_dict, len(requests)
        traces = self._look(requests, condition)
        with self._aside():
            chosen = self._choose(requests, traces)
            self._ask([requests[i] for i in chosen], condition)
            self.notes.piloted[condition] += len(chosen)
            if chosen:
                traces = self._look(requests, condition)
        self.notes.questions.update((condition, request.task) for request in requests)
        self.notes.tallies |= self.looking.tallies
        self.notes.groups.update(self.looking.groups)
        self.notes.keys = self.looking.keys
        self._count_later(requests, condition)
        return [replace(trace, error=None) if is_lacking(trace) else trace for trace in traces]

    @contextmanager
    def _aside(self) -> Iterator[None]:
        began, cpu_began = time.perf_counter(), time.process_time()
        yield
        self.notes.aside += time.perf_counter() - began
        self.notes.cpu_aside += time.process_time() - cpu_began

    def _wrap(self) -> None:
        self.inner.wrap_engines(
            lambda stage, engine: (
                RehearsedEngine(stage, self._engines[stage], self) if stage in self._engines else engine
            )
        )

    def _look(self, requests: Sequence[Request], condition: str) -> list[Trace]:
        """What the store makes of all questions, a task at a time, in their order."""
        self.looking = _Pass(set(self.notes.keys))
        traces: list[Trace] = [Trace("")] * len(requests)
        for task in dict.fromkeys(request.task for request in requests):
            members = [i for i, request in enumerate(requests) if request.task == task]
            self._at, self.looking.hanging = (condition, task), ()
            self._wrap()
            for i, trace in zip(members, self.inner.answer([requests[i] for i in members], condition), strict=True):
                traces[i] = trace
        return traces

    def _ask(self, requests: Sequence[Request], condition: str) -> None:
        self.asking = True
        try:
            self._wrap()
            for request, trace in zip(requests, self.inner.answer(requests, condition), strict=True):
                if trace.error is None:
                    last = "answers" if "answers" in self._engines else "reasoning"
                    for stage, tokens in (
                        (last, Tokens(trace.input_tokens, trace.output_tokens)),
                        ("perception", Tokens(trace.perception_input_tokens, trace.perception_output_tokens)),
                    ):
                        self.notes.samples.setdefault(Place(condition, request.task, stage), []).append(tokens)
        finally:
            self.asking = False

    def _choose(self, requests: Sequence[Request], traces: Sequence[Trace]) -> list[int]:
        """The pilot's questions: from each task in turn, in random order, those that need generating."""
        orders: list[Iterator[int]] = []
        for task in dict.fromkeys(request.task for request in requests):
            members = [i for i, request in enumerate(requests) if request.task == task]
            lacking = [i for i in members if is_lacking(traces[i]) and traces[i].error not in LIKE_ANOTHER]
            orders.append(iter([lacking[k] for k in order_documents(task, len(lacking), self.seed)]))
        chosen: list[int] = []
        while orders and len(chosen) < self.pilot:
            for order in list(orders):
                question = next(order, None)
                if question is None:
                    orders.remove(order)
                elif len(chosen) < self.pilot:
                    chosen.append(question)
        return chosen

    def _count_later(self, requests: Sequence[Request], condition: str) -> None:
        """Count the questions whose reasoning prompt can't be known yet as prompts to be generated."""
        if "reasoning" not in self._engines:
            return
        for task, count in Counter(request.task for request in requests).items():
            tally = self.notes.tallies.setdefault(Place(condition, task, "reasoning"), Tally())
            later = count - tally.stored - tally.equal - tally.missing
            tally.missing += later
            self.notes.groups[Group(condition, "reasoning", False)] += later


def is_lacking(trace: Trace) -> bool:
    """Whether a trace failed only because something isn't generated yet."""
    return trace.error is not None and trace.error.endswith((MISSING, EQUAL, LATER))


def cut(chosen: Sequence[Item]) -> list[Sequence[Item]]:
    """A pilot's prompts in rounds of growing size, none of them empty."""
    ends = [round(len(chosen) * sum(ROUNDS[: k + 1])) for k in range(len(ROUNDS))]
    return [chosen[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
