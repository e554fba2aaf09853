"""End to end: one vision-language model sees the pictures and answers the question."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sightscale.model_adapters.adapter import (
    AUTO,
    Adapter,
    Parts,
    Trace,
    check_convention,
    move,
    moves,
    short_name,
    trace_scores,
)
from sightscale.model_adapters.arguments import read_count
from sightscale.model_adapters.engines import (
    Completion,
    Decoding,
    Engine,
    Prompt,
    open_engine,
    score_continuations,
    split_thinking,
)
from sightscale.model_adapters.local_boxes import name_convention, tell_convention
from sightscale.model_adapters.requests import Request, read_decoding
from sightscale.tasks.instructions import split_instruction

WINDOW = 512  # prompts whose continuations are scored together


@dataclass(frozen=True)
class Posed:
    """A prompt that an engine was handed, without its pictures: its place, its text, and the convention of a box."""

    place: int
    text: str
    convention: str


class EndToEnd(Adapter):
    """`lmms-eval --model sightscale --model_args pretrained=MODEL[,batch_size=32,store=FILE,…]`.

    `box_convention` names how the model writes boxes where its files don't tell, `max_new_tokens` how long an answer
    may be where that isn't the task's own limit; further arguments go to `open_engine`.
    """

    def __init__(
        self,
        pretrained: str,
        batch_size: int | str = 32,
        seed: int | str = 0,
        store: str | None = None,
        box_convention: str = AUTO,
        max_new_tokens: int | str | None = None,
        engine: Engine | None = None,
        max_batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(short_name(pretrained))
        self.seed = read_count("seed", seed, 0, 2**63 - 1)
        self.box_convention = check_convention(box_convention)
        self.max_new_tokens = None if max_new_tokens is None else read_count("max_new_tokens", max_new_tokens)
        revision = options.get("revision")
        self._local_convention = AUTO if engine else name_convention(pretrained, revision)
        self._tell_convention = tell_convention(pretrained, revision)
        self.engine = engine or open_engine(pretrained, store=store, batch_size=batch_size, **options)
        self._used: dict[str, Any] = {}

    @property
    def identity(self) -> str:
        boxes = "" if self.box_convention == AUTO else f"; boxes {self.box_convention}"
        limit = "" if self.max_new_tokens is None else f"; {self.max_new_tokens} tokens"
        return f"end-to-end({self.engine.identity}{boxes}{limit})"

    @property
    def parts(self) -> Parts:
        return {"model": (self.label, getattr(self.engine, "parameters", None))}

    @property
    def eyes(self) -> Engine | None:
        return self.engine

    @property
    def settings(self) -> dict[str, Any]:
        convention = self.box_convention if self.box_convention != AUTO else self._local_convention
        return {"decoding": self._used, "box_convention": convention}

    def wrap_engines(self, wrap: Callable[[str, Engine], Engine]) -> None:
        self.engine = wrap("answers", self.engine)

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        traces: dict[int, Trace] = {}
        alike: dict[Decoding, list[int]] = {}  # an engine answers those together that are decoded alike
        for place, request in enumerate(requests):
            decoding = self._read_decoding(request)
            alike.setdefault(decoding, []).append(place)
            self._used[request.task] = decoding.as_dict()
        with self.progress("answers", len(requests), condition) as bar:
            for decoding, places in alike.items():
                with (
                    closing(self._pose(requests, places, traces, bar)) as prompts,
                    closing(self.engine.stream(prompts, decoding)) as completions,
                ):
                    for posed, completion in completions:
                        traces[posed.place] = _trace(posed, completion)
                        move(bar, self.engine)
        return [traces[place] for place in range(len(requests))]

    def _pose(
        self, requests: Sequence[Request], places: Sequence[int], traces: dict[int, Trace], bar: Any
    ) -> Generator[tuple[Posed, Prompt], None, None]:
        """The prompts of the requests at these places; a document that can't be read gets its trace at once."""
        with closing(self.read_prompts((place, requests[place]) for place in places)) as reading:
            for place, prompt in reading:
                if isinstance(prompt, Prompt):
                    yield Posed(place, prompt.text, self._convention_of(prompt)), prompt
                else:
                    traces[place] = Trace("", error=prompt.reason)
                    move(bar)

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]], condition: str = ""
    ) -> list[Trace]:
        traces: dict[int, Trace] = {}
        with (
            self.progress("likelihoods", len(requests), condition) as bar,
            closing(self._pose(requests, range(len(requests)), traces, bar)) as reading,
        ):
            while window := list(islice(reading, WINDOW)):
                prompts = [prompt for _, prompt in window]
                asked = [continuations[posed.place] for posed, _ in window]
                scored = score_continuations(self.engine, prompts, asked, moves(bar))
                for (posed, _), scores in zip(window, scored, strict=True):
                    traces[posed.place] = trace_scores(scores, posed.text)
        return [traces[place] for place in range(len(requests))]

    def _read_decoding(self, request: Request) -> Decoding:
        decoding = read_decoding(request.generation, self.seed)
        return replace(decoding, max_new_tokens=self.max_new_tokens) if self.max_new_tokens else decoding

    def _convention_of(self, prompt: Prompt) -> str:
        """The convention of a box in the answer to this prompt: as it was given, or as the model's files tell."""
        if split_instruction(prompt.text)[1] != "box":
            return AUTO
        if self.box_convention != AUTO or self._local_convention == AUTO:
            return self.box_convention
        # A blind answer is read as the model writes boxes too; only a size comes from the picture.
        return self._tell_convention(prompt.images[-1].size) if prompt.images else self._local_convention


def _trace(posed: Posed, completion: Completion) -> Trace:
    thinking, response = split_thinking(completion.text)
    return Trace(
        response=response,
        prompt=posed.text,
        box_convention=posed.convention,
        error=completion.error,
        thinking=thinking,
        finish_reason=completion.finish_reason,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        seconds=completion.seconds,
    )
