"""The adapter base: an lmms-eval chat model that keeps a trace of how each answer came about."""

import abc
import contextvars
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from lmms_eval.api.instance import GenerationResult, TokenCounts
from lmms_eval.api.model import lmms
from tqdm import tqdm

from sightscale.model_adapters.engines import OPENAI, VLLM, Engine, Likelihood, Likelihoods, Prompt
from sightscale.model_adapters.requests import Request, read_prompt, read_request
from sightscale.tasks.boxes import tag_convention
from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import OptionLikelihoods

READERS = max(2, min(8, os.cpu_count() or 1))  # threads that read documents and decode their pictures
READ_AHEAD = 8 * READERS  # documents that are read before anybody asks for them
AUTO = "auto"  # the box convention that is read from the response itself

Parts = dict[str, tuple[str, int | None]]  # role to the model's name and its parameter count, None if unknown


@dataclass(frozen=True)
class Trace:
    """How one answer came about. Token counts and seconds are of the stage that they name."""

    response: str
    prompt: str = ""  # the text of the prompt whose completion is the response
    box_convention: str = AUTO  # of a box in the response; `auto` for every other answer format
    error: str | None = None
    image_hashes: tuple[str, ...] = ()  # of the pictures that the question is about
    document_hash: str | None = None  # of all that the document holds, `requests.digest_document`
    shown_hashes: tuple[str, ...] | None = None  # of those that the model was handed; None where nobody knows
    focus: str | None = None
    description: str | None = None
    thinking: str | None = None
    finish_reason: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    perception_input_tokens: int = 0
    perception_output_tokens: int = 0
    perception_seconds: float = 0.0
    perception_finish_reason: str | None = None
    continuations: tuple[Likelihood, ...] = ()  # how likely those were that it was asked about
    answers: str | None = None  # how the response is read from likelihoods; None for a written one
    likelihoods: OptionLikelihoods | None = None  # of the question's options


@dataclass(frozen=True)
class UnreadableDocument:
    """A document that can't be asked about, and why."""

    reason: str


class Adapter(lmms):
    """A chat model whose subclasses answer requests with traces; lmms-eval sees their responses."""

    is_simple = False

    def __init__(self, label: str) -> None:
        """`label` is the model's short name in progress bars."""
        super().__init__()
        self.traces: dict[tuple[str, int], Trace] = {}
        self.label = label

    @property
    @abc.abstractmethod
    def identity(self) -> str:
        """Everything that decides its answers, in one line."""

    @property
    def parts(self) -> Parts:
        """The models it is made of: by role (model, perception, reasoning, focus) name and parameter count."""
        return {}

    @property
    def settings(self) -> dict[str, Any]:
        """Prompts and decoding, for the run's manifest."""
        return {}

    def wrap_engines(self, wrap: Callable[[str, Engine], Engine]) -> None:
        """Put what `wrap` makes of each engine, by the stage it answers for, in its place; nothing without engines."""

    @property
    def eyes(self) -> Engine | None:
        """The engine that pictures go to first, which a run tries before it begins; None for none."""
        return None

    @property
    def reader(self) -> Engine | None:
        """The engine that answers from text alone, which a run tries before it begins; None for none."""
        return None

    @abc.abstractmethod
    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        """A trace for each request, in order. Must not raise for a single bad document.

        `condition` is what a blindfold around it shows; progress bars name it.
        """

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]], condition: str = ""
    ) -> list[Trace]:
        """A trace for each request, in order, with how likely its continuations are as answers; without a response.

        Must not raise for a single bad document. Raises UserError for a model that can't tell.
        """
        raise UserError(f"{self.label} returns no log-probabilities; use an end-to-end or a decoupled model")

    def read_instance(self, instance: Any) -> Request:
        """The request in one of lmms-eval's instances."""
        return read_request(instance, self.task_dict)

    def generate_until(self, requests: list[Any]) -> list[GenerationResult]:
        """The responses to lmms-eval's instances, in order, with token counts."""
        read = [self.read_instance(instance) for instance in requests]
        traces = self.answer(read)
        if traces and all(trace.error for trace in traces):
            raise UserError(f"no request could be answered; the first reason: {traces[0].error}")
        self.traces.update({request.key: trace for request, trace in zip(read, traces, strict=True)})
        return [
            GenerationResult(
                as_response(trace),
                TokenCounts(
                    trace.perception_input_tokens + trace.input_tokens,
                    trace.perception_output_tokens + trace.output_tokens,
                ),
            )
            for trace in traces
        ]

    def generate_until_multi_round(self, requests: list[Any]) -> list[str]:
        raise NotImplementedError("sightscale models answer single-turn tasks (generate_until) only")

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise UserError(
            "lmms-eval asks chat models for written answers only; add --force_simple to score continuations (multiple_"
            "choice, loglikelihood), which the model `sightscale` can"
        )

    def read_prompts(
        self, requests: Iterable[tuple[int, Request]]
    ) -> Generator[tuple[int, Prompt | UnreadableDocument], None, None]:
        """Each request's place with its prompt, in their order, a few read ahead; or why its document can't be read."""
        coming: deque[tuple[int, Future[Prompt | UnreadableDocument]]] = deque()
        with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
            try:
                for place, request in requests:
                    context = contextvars.copy_context()  # which data are read stands there
                    coming.append((place, readers.submit(context.run, _read_prompt_of, request)))
                    if len(coming) > READ_AHEAD:
                        place, read = coming.popleft()
                        yield place, read.result()
                while coming:
                    place, read = coming.popleft()
                    yield place, read.result()
            finally:
                readers.shutdown(cancel_futures=True)

    def progress(self, what: str, total: int, condition: str = "") -> "tqdm[Any]":
        """A progress bar with rate and time left; sparse where nobody watches."""
        watched = sys.stderr.isatty()
        return tqdm(
            total=total,
            desc=", ".join(filter(None, (self.label, condition, what))),
            unit="q",
            disable=self.rank != 0,
            mininterval=0.2 if watched else 15,
            dynamic_ncols=watched,
        )


def _read_prompt_of(request: Request) -> Prompt | UnreadableDocument:
    try:
        return read_prompt(request.read(request.doc_id))
    except Exception as error:  # a bad document costs itself only, whatever its fault is
        return UnreadableDocument(f"cannot read document {request.doc_id}: {type(error).__name__}: {error}")


def as_response(trace: Trace) -> str:
    """The response as the task gets it: a box carries the convention that it is written in."""
    if trace.error or trace.box_convention == AUTO:
        return trace.response
    return tag_convention(trace.response, trace.box_convention)


def check_convention(convention: str) -> str:
    """The box convention. Raises UserError when it isn't one."""
    if convention != AUTO:
        tag_convention("", convention)
    return convention


def short_name(model: str) -> str:
    """A model's name without its engine, its server, and the folders or the owner before it."""
    if model.startswith(OPENAI):
        model = model.removeprefix(OPENAI).partition("@http")[0]
    return model.removeprefix(VLLM).rstrip("/").rsplit("/", 1)[-1]


def trace_scores(scores: Likelihoods, prompt: str) -> Trace:
    """The trace of a prompt whose continuations were scored: nothing is written, and nothing is cut off."""
    return Trace(
        "",
        prompt=prompt,
        error=scores.error,
        finish_reason="error" if scores.error else "stop",
        input_tokens=scores.input_tokens,
        seconds=scores.seconds,
        continuations=scores.each,
    )


def move(bar: "tqdm[Any]", engine: Engine | None = None) -> None:
    """Move a progress bar on by one, and show what the engine is busy with where it tells."""
    workload = getattr(engine, "workload", "")
    if workload:
        bar.set_postfix_str(workload, refresh=False)
    bar.update(1)


def moves(bar: "tqdm[Any]") -> Callable[[int, object], None]:
    """A callback for engines that moves a progress bar on by one."""

    def on_finished(_: int, __: object) -> None:
        move(bar)

    return on_finished
