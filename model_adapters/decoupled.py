"""Decoupled: a perception module writes what it sees, a reasoning module answers from that text alone.

All perception requests go through first, then all reasoning requests. The perception module is asked
the published perception prompt with, at most, a focus that was written down beforehand; it never gets
the question or its options. The reasoning module never gets a picture.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightscale.model_adapters.adapter import Adapter, Trace, moves
from sightscale.model_adapters.engines import Completion, Decoding, Engine, Message, Prompt
from sightscale.model_adapters.loading import open_engine
from sightscale.model_adapters.prompts import Mode, perception_prompt, reasoning_prompt
from sightscale.model_adapters.requests import Request
from sightscale.model_adapters.thinking import split_thinking
from sightscale.tasks.multiple_choice import DIRECT_INSTRUCTION

PERCEPTION_TOKENS, ANSWER_TOKENS, THINKING_TOKENS = 1024, 1024, 4096


class Decoupled(Adapter):
    """`lmms-eval --model decoupled --model_args perception=MODEL,reasoning=MODEL[,mode=thinking,focus=FILE,…]`.

    `focus` names a JSON file {task: {document id: focus}}; without it the perception prompt has none.
    """

    def __init__(
        self,
        perception: str,
        reasoning: str,
        mode: Mode = "direct",
        focus: str | None = None,
        batch_size: int | str = 32,
        seed: int = 0,
        store: str | None = None,
        greedy: bool = False,
        answer_tokens: int = ANSWER_TOKENS,
        dtype: str = "auto",
        device: str | None = None,
        perception_engine: Engine | None = None,
        reasoning_engine: Engine | None = None,
        max_batch_size: int | None = None,
    ) -> None:
        super().__init__()
        if mode not in ("direct", "thinking"):
            raise ValueError(f"unknown mode {mode!r}; known: direct, thinking")
        self.mode: Mode = mode
        self.focus = read_focus(Path(focus)) if focus else {}
        common: dict[str, Any] = {"store": store, "batch_size": batch_size, "dtype": dtype, "device": device}
        self.perception = perception_engine or open_engine(perception, **common)
        self.reasoning = reasoning_engine or open_engine(reasoning, **common)
        self.perceiving = Decoding(max_new_tokens=PERCEPTION_TOKENS)
        self.reasoning_decoding = _reasoning_decoding(mode, int(seed), bool(greedy), int(answer_tokens))
        self.label = f"{_short(perception)}+{_short(reasoning)}"

    @property
    def identity(self) -> str:
        return f"decoupled({self.perception.identity}; {self.reasoning.identity}; {self.mode})"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "perception_prompt": perception_prompt("<focus>" if self.focus else None),
            "reasoning_prompt": reasoning_prompt("<description>", "<question>", self.mode),
            "perception_decoding": self.perceiving.as_dict(),
            "reasoning_decoding": self.reasoning_decoding.as_dict(),
        }

    def answer(self, requests: Sequence[Request]) -> list[Trace]:
        questions: list[str] = [""] * len(requests)
        errors: dict[int, str] = {}
        seen: dict[int, Completion] = {}
        with self.progress("perception", len(requests)) as bar:
            for positions, prompts, unreadable in self.read_windows(requests):
                errors |= unreadable
                bar.update(len(unreadable))
                asked = [
                    _perception_request(prompt, self._focus_of(requests[position]))
                    for position, prompt in zip(positions, prompts, strict=True)
                ]
                completions = self.perception.generate(asked, self.perceiving, moves(bar))
                for position, prompt, completion in zip(positions, prompts, completions, strict=True):
                    seen[position] = completion
                    questions[position] = bare_question(prompt.text)
                    if completion.error:
                        errors[position] = f"perception: {completion.error}"
        ready = [position for position in seen if position not in errors]
        reasoned = [reasoning_prompt(seen[p].text, questions[p], self.mode) for p in ready]
        with self.progress("reasoning", len(ready)) as bar:
            completions = self.reasoning.generate(
                [Prompt((Message("user", (text,)),)) for text in reasoned],
                self.reasoning_decoding,
                moves(bar),
            )
        answers = dict(zip(ready, zip(reasoned, completions, strict=True), strict=True))
        return [
            self._trace(requests[position], errors.get(position), seen.get(position), answers.get(position))
            for position in range(len(requests))
        ]

    def _focus_of(self, request: Request) -> str | None:
        return self.focus.get(request.task, {}).get(str(request.doc_id))

    def _trace(
        self, request: Request, error: str | None, seen: Completion | None, answer: tuple[str, Completion] | None
    ) -> Trace:
        prompt, completion = answer or ("", Completion("", error=error, finish_reason="error"))
        thinking, response = split_thinking(completion.text)
        return Trace(
            response=response,
            prompt=prompt,
            error=error or (f"reasoning: {completion.error}" if completion.error else None),
            focus=self._focus_of(request),
            description=seen.text if seen else None,
            thinking=thinking,
            finish_reason=completion.finish_reason,
            input_tokens=completion.input_tokens,
            output_tokens=completion.output_tokens,
            seconds=completion.seconds,
            perception_input_tokens=seen.input_tokens if seen else 0,
            perception_output_tokens=seen.output_tokens if seen else 0,
            perception_seconds=seen.seconds if seen else 0.0,
        )


def read_focus(path: Path) -> dict[str, dict[str, str]]:
    """A focus file: {task: {document id: focus}}. Raises ValueError in one line when it is something else."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the focus file {path}: {error}") from error
    if not isinstance(content, Mapping) or not all(isinstance(per_doc, Mapping) for per_doc in content.values()):
        raise ValueError(f"the focus file {path} must hold {{task: {{document id: focus}}}}")
    return {str(task): {str(doc): str(text) for doc, text in per_doc.items()} for task, per_doc in content.items()}


def bare_question(text: str) -> str:
    """The task's prompt without its own closing instruction, which the reasoning prompt replaces."""
    return text.strip().removesuffix(DIRECT_INSTRUCTION.strip()).strip()


def _perception_request(prompt: Prompt, focus: str | None) -> Prompt:
    """The pictures of a prompt with the perception prompt in place of every word it says."""
    return Prompt((Message("user", (*prompt.images, perception_prompt(focus))),))


def _reasoning_decoding(mode: Mode, seed: int, greedy: bool, answer_tokens: int) -> Decoding:
    """The study's sampling, with top-k 20 from Qwen3's own card."""
    if mode == "thinking":
        sampled = Decoding(THINKING_TOKENS + answer_tokens, 0.6, 0.95, 20, 0.0, seed, thinking=True)
    else:
        sampled = Decoding(answer_tokens, 0.7, 0.8, 20, 0.0, seed, thinking=False)
    return Decoding(sampled.max_new_tokens, thinking=sampled.thinking) if greedy else sampled


def _short(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]
