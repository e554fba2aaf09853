"""Rehearsal: a model that reads every question, looks up its answer in the store, and generates only a pilot's.

It sits between the blindfold and the model, so that it sees the same prompts as a run. It takes notes for `forecast`
and estimates nothing itself.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

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

MISSING, EQUAL, LATER = "not asked yet", "an equal prompt is not asked yet", "what it reads is not written yet"
LIKE_ANOTHER = (EQUAL, f"reasoning: {EQUAL}")  # a prompt that equals another question's
ROUNDS = (0.1, 0.25, 0.65)  # shares of a pilot: batches of several sizes tell what a batch costs and what a prompt


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
    """One call of an engine: the prompts that it generated, and its seconds by the clock and of processors."""

    stage: str
    with_pictures: int
    without: int
    seconds: float
    cpu_seconds: float


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
    # Seconds of each time that a stage's model was loaded, by the clock and of processors.
    openings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
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
        notes = self.rehearsal.notes
        lacking = {
            key: prompt
            for (_, prompt), (key, stored) in zip(
                prompts, self.engine.look_up([prompt for _, prompt in prompts], decoding), strict=True
            )
            if stored is None
        }
        opened, began, cpu_began = self.engine.seconds_opening, time.perf_counter(), time.process_time()
        completions = list(self.engine.stream(prompts, decoding))
        took = np.array([time.perf_counter() - began, time.process_time() - cpu_began])
        opening = np.array(self.engine.seconds_opening) - np.array(opened)
        if opening.any():
            notes.openings.setdefault(self.stage, []).append((float(opening[0]), float(opening[1])))
        if lacking:
            shown = sum(bool(prompt.images) for prompt in lacking.values())
            seconds, cpu_seconds = (float(each) for each in np.maximum(took - opening, 0.0))
            notes.calls.append(Call(self.stage, shown, len(lacking) - shown, seconds, cpu_seconds))
            notes.generated += len(lacking)
        yield from completions

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
        self.looking = _Pass(set())
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

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        self.inner.task_dict = self.task_dict
        traces = self._look(requests, condition)
        with self._aside():
            chosen = self._choose(requests, traces)
            first = not self.notes.piloted
            for some in cut(chosen) if first else [chosen]:
                self._ask([requests[i] for i in some], condition)
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


def cut(chosen: Sequence[int]) -> list[Sequence[int]]:
    """A pilot's questions in rounds of growing size, none of them empty."""
    ends = [round(len(chosen) * sum(ROUNDS[: k + 1])) for k in range(len(ROUNDS))]
    return [chosen[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
