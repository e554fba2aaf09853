"""End to end: one vision-language model sees the pictures and answers the question."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from sightscale.model_adapters.adapter import (
    AUTO,
    Adapter,
    Parts,
    Trace,
    check_convention,
    moves,
    short_name,
    trace_scores,
)
from sightscale.model_adapters.arguments import read_count
from sightscale.model_adapters.engines import (
    OPENAI,
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
        self._is_served = pretrained.startswith(OPENAI)
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
        return None if self._is_served else self.engine

    @property
    def settings(self) -> dict[str, Any]:
        convention = self.box_convention if self.box_convention != AUTO else self._local_convention
        return {"decoding": self._used, "box_convention": convention}

    def wrap_engines(self, wrap: Callable[[str, Engine], Engine]) -> None:
        self.engine = wrap("answers", self.engine)

    def answer(self, requests: Sequence[Request], condition: str = "") -> list[Trace]:
        traces: list[Trace | None] = [None] * len(requests)
        with self.progress("answers", len(requests), condition) as bar:
            for positions, prompts, errors in self.read_windows(requests):
                for position, error in errors.items():
                    traces[position] = Trace("", error=error)
                    bar.update(1)
                decodings = [self._read_decoding(requests[position]) for position in positions]
                ordered = sorted(range(len(positions)), key=lambda i: repr(decodings[i]))
                for _, same in groupby(ordered, key=lambda i: repr(decodings[i])):
                    chosen = list(same)
                    decoding: Decoding = decodings[chosen[0]]
                    for i in chosen:
                        self._used[requests[positions[i]].task] = decoding.as_dict()
                    completions = self.engine.generate([prompts[i] for i in chosen], decoding, moves(bar))
                    for i, completion in zip(chosen, completions, strict=True):
                        traces[positions[i]] = self._trace(prompts[i], completion)
        return [trace for trace in traces if trace is not None]

    def score(
        self, requests: Sequence[Request], continuations: Sequence[Sequence[str]], condition: str = ""
    ) -> list[Trace]:
        traces: list[Trace | None] = [None] * len(requests)
        with self.progress("likelihoods", len(requests), condition) as bar:
            for positions, prompts, errors in self.read_windows(requests):
                for position, error in errors.items():
                    traces[position] = Trace("", error=error)
                    bar.update(1)
                asked = [continuations[position] for position in positions]
                scored = score_continuations(self.engine, prompts, asked, moves(bar))
                for position, prompt, scores in zip(positions, prompts, scored, strict=True):
                    traces[position] = trace_scores(scores, prompt.text)
        return [trace for trace in traces if trace is not None]

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

    def _trace(self, prompt: Prompt, completion: Completion) -> Trace:
        thinking, response = split_thinking(completion.text)
        return Trace(
            response=response,
            prompt=prompt.text,
            box_convention=self._convention_of(prompt),
            error=completion.error,
            thinking=thinking,
            finish_reason=completion.finish_reason,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            seconds=completion.seconds,
        )
