"""Forcing: a model led along the tokens of given continuations, and what it says of them at each step.

Teacher forcing through a model's own way of generating: its prompt, positions and caches are those of an answer,
whatever its architecture. Continuations that share their beginning share a route, so that all of a question's letters
are read off the one step behind its prompt.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import LogitsProcessor

from sightscale.model_adapters.engines.architectures import find_head
from sightscale.model_adapters.engines.control_tokens import respell
from sightscale.model_adapters.engines.protocol import Likelihood

Tokens = tuple[int, ...]
IN_FLOAT32 = "add dtype=float32, or load it without quantisation"


@dataclass(frozen=True)
class Route:
    """Tokens that a model is led along, and the continuations, by their numbers, that are read off on the way."""

    tokens: Tokens
    riders: tuple[int, ...]


def plan_routes(continuations: Sequence[Tokens]) -> list[Route]:
    """The fewest routes: a continuation is read off one that begins with all but its last token.

    Raises ValueError for one without tokens.
    """
    if not all(continuations):
        raise ValueError("a continuation has no tokens")
    riders: dict[Tokens, list[int]] = {}
    for number in sorted(range(len(continuations)), key=lambda i: (-len(continuations[i]), i)):
        led = continuations[number][:-1]
        route = next((route for route in riders if route[: len(led)] == led), continuations[number])
        riders.setdefault(route, []).append(number)
    return [Route(route, tuple(sorted(numbers))) for route, numbers in riders.items()]


class Forcer(LogitsProcessor):
    """Makes each row of a batch go its route, and keeps what the model said of the continuations on it."""

    def __init__(self, routes: Sequence[Route], continuations: Sequence[Sequence[Tokens]], written_from: int) -> None:
        """`continuations` has those of each row's prompt; `written_from` is where the first new token stands."""
        self._routes, self._continuations, self._from = routes, continuations, written_from
        self._sums = [dict.fromkeys(route.riders, 0.0) for route in routes]
        self._greedy = [dict.fromkeys(route.riders, True) for route in routes]
        self._steps = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        place = input_ids.shape[1] - self._from
        self._steps = max(self._steps, place + 1)
        told = scores.float().log_softmax(-1)
        likeliest = scores.argmax(-1).tolist()
        rows, tokens, owners = [], [], []
        for row, route in enumerate(self._routes):
            for number in route.riders:
                continuation = self._continuations[row][number]
                if place < len(continuation):
                    rows.append(row)
                    tokens.append(continuation[place])
                    owners.append(number)
        for row, token, number, value in zip(rows, tokens, owners, told[rows, tokens].tolist(), strict=True):
            self._sums[row][number] += value
            self._greedy[row][number] &= likeliest[row] == token
        forced = torch.full_like(scores, -torch.inf)
        following = [route.tokens[min(place, len(route.tokens) - 1)] for route in self._routes]
        forced[range(len(self._routes)), following] = 0.0
        return forced

    def read(self, row: int) -> dict[int, Likelihood]:
        """What was said of the continuations on a row's route, by their numbers.

        Raises ValueError where the model's way of generating didn't go to the route's end.
        """
        route = self._routes[row]
        if self._steps < len(route.tokens):
            raise ValueError("this model's own way of writing drops the rules that lead it along given words")
        return {
            number: Likelihood(
                self._sums[row][number], len(self._continuations[row][number]), self._greedy[row][number]
            )
            for number in route.riders
        }


@contextmanager
def exact_head(model: Any) -> Iterator[None]:
    """Let a model of half precision compute its logits in float32 inside, from hidden states as it has them.

    In bfloat16 a logit has eight bits, and the letters of one question in twenty are equally likely. Raises ValueError
    for a model of half precision without a layer of its own for its logits, or with one whose weights are packed.
    """
    head = find_head(model)
    weights = [] if head is None else list(head.parameters())
    if model.dtype == torch.float32 or (weights and all(weight.dtype == torch.float32 for weight in weights)):
        yield
        return
    if head is None or not all(weight.is_floating_point() for weight in weights):
        raise ValueError(f"the layer that this model's logits come from can't compute in float32: {IN_FLOAT32}")
    exact = deepcopy(head).float()

    def compute(_module: Any, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> torch.Tensor:
        computed: torch.Tensor = exact(inputs[0].float())
        return computed

    hook = head.register_forward_hook(compute)
    try:
        yield
    finally:
        hook.remove()


def write_continuation(
    tokenizer: Any,
    prompt: str | None,
    words: str,
    *,
    lead: str,
    control_tokens: tuple[str, ...],
    ends: Collection[int],
) -> Tokens:
    """The tokens of a continuation behind a prompt as its template wrote it, and the white space `lead` between them.

    Without a prompt they are those of a text by itself, as a decoder apart from the prompt writes it. Raises ValueError
    for a continuation with a token that `ends` an answer.
    """
    words = respell(words, control_tokens)
    tokens = (
        tuple(tokenizer(words, add_special_tokens=False)["input_ids"])
        if prompt is None
        else continue_prompt(tokenizer, prompt, lead + words)
    )
    if any(token in ends for token in tokens):
        raise ValueError("a continuation holds the token that ends an answer")
    return tokens


def continue_prompt(tokenizer: Any, prompt: str, continuation: str) -> Tokens:
    """The tokens of a continuation behind a prompt whose own tokens stay: see `ScoresContinuations.score`."""
    before = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    whole = tokenizer(prompt + continuation, add_special_tokens=False)["input_ids"]
    if whole[: len(before)] == before and len(whole) > len(before):
        return tuple(whole[len(before) :])
    return tuple(tokenizer(continuation, add_special_tokens=False)["input_ids"])
