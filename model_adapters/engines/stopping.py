"""Stopping: each row by what it has written itself, at a mark or where its context is full.

Transformers' own stop strings are also met by text that the prompt began: a newline after the
assistant's header and one written newline would end a row at a blank line.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria


class StopAtMarks(StoppingCriteria):
    """Ends each row whose own text holds one of the marks."""

    def __init__(self, tokenizer: Any, marks: tuple[str, ...], prompt_length: int) -> None:
        self._tokenizer, self._marks, self._prompt_length = tokenizer, marks, prompt_length
        self._tail = max(len(mark.encode()) for mark in marks) + 4  # a token adds a byte; a first one may be cut

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        tails = input_ids[:, self._prompt_length :][:, -self._tail :].tolist()
        texts = self._tokenizer.batch_decode(tails, skip_special_tokens=True)
        met = [any(mark in text for mark in self._marks) for text in texts]
        return torch.tensor(met, dtype=torch.bool, device=input_ids.device)


class StopAtLength(StoppingCriteria):
    """Ends each row that has written as many tokens as it has room for."""

    def __init__(self, rooms: Sequence[int], prompt_length: int) -> None:
        self._rooms, self._prompt_length = torch.tensor(list(rooms)), prompt_length

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        return (input_ids.shape[1] - self._prompt_length >= self._rooms).to(input_ids.device)
