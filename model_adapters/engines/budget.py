"""The thinking budget and the NoWait ban, as one rule that every engine of ours follows token by token.

Only tokens inside thinking count and only they are banned. A share of `LATE` of the budget before its
end, the logit of the end-of-thinking token begins to rise, from its own value to `MARGIN` above the
best one; at the limit it is the only token left. Logits are raised or masked, never multiplied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from transformers import LogitsProcessor

from sightscale.model_adapters.engines import Decoding
from sightscale.model_adapters.engines.nowait import banned_tokens, read_rule
from sightscale.model_adapters.engines.thinking import END, START
from sightscale.tasks.errors import UserError

LATE = 0.05  # share of the budget over which the end becomes likely; the published scripts' 95 %
MARGIN = 4.0  # nats above the best other token that the end of thinking reaches at the limit


@dataclass(frozen=True, eq=False)
class Mark:
    """How a tokenizer writes a mark: one id, or several; then a neighbour may be merged into the outer ones."""

    ids: tuple[int, ...]
    accepted: tuple[frozenset[int], ...] = field(repr=False)  # the ids that stand for each of them

    def ends(self, tokens: Sequence[int], length: int | None = None) -> bool:
        """Whether `tokens` end in the mark's first `length` ids; all of them by default."""
        length = len(self.ids) if length is None else length
        tail = tokens[-length:]
        return len(tail) == length and all(
            token in ids for token, ids in zip(tail, self.accepted[:length], strict=True)
        )

    def next_id(self, tokens: Sequence[int]) -> int:
        """The id that goes on with the mark where `tokens` end: its first, if they don't end inside it."""
        for length in range(len(self.ids) - 1, 0, -1):
            if self.ends(tokens, length):
                return self.ids[length]
        return self.ids[0]


class Marks:
    """The marks around thinking as a tokenizer writes them, and the ids that each NoWait rule bans."""

    def __init__(self, tokenizer: Any) -> None:
        """Raises UserError in one line when the tokenizer can't write the marks."""
        self._tokenizer = tokenizer
        self._banned: dict[str, list[int]] = {}
        self.start, self.end = self._read(START), self._read(END)

    def banned(self, rule: str | None) -> list[int]:
        """The ids that a NoWait rule bans; none without a rule."""
        if rule is None:
            return []
        if rule not in self._banned:
            self._banned[rule] = banned_tokens(self._tokenizer, rule)
        return self._banned[rule]

    @cached_property
    def _texts(self) -> list[str]:
        every = [[token] for token in range(len(self._tokenizer))]
        return list(self._tokenizer.batch_decode(every, clean_up_tokenization_spaces=False))

    def _read(self, mark: str) -> Mark:
        ids = tuple(self._tokenizer.encode(mark, add_special_tokens=False))
        if self._tokenizer.decode(list(ids)).strip() != mark:
            raise UserError(f"the tokenizer can't write {mark!r}, so thinking can't be separated from the answer")
        if len(ids) == 1:
            return Mark(ids, (frozenset(ids),))
        first, last = self._texts[ids[0]], self._texts[ids[-1]]
        firsts = frozenset(i for i, text in enumerate(self._texts) if text.endswith(first)) | {ids[0]}
        lasts = frozenset(i for i, text in enumerate(self._texts) if text.startswith(last)) | {ids[-1]}
        return Mark(ids, (firsts, *(frozenset({i}) for i in ids[1:-1]), lasts))


def controls_thinking(decoding: Decoding) -> bool:
    """Whether a decoding asks for a budget or a ban. Raises UserError in one line when it asks for nonsense."""
    if decoding.nowait is not None:
        read_rule(decoding.nowait)
    if decoding.thinking_budget is not None and not 0 <= decoding.thinking_budget <= decoding.max_new_tokens:
        raise UserError(
            f"a thinking budget of {decoding.thinking_budget} tokens does not fit into max_new_tokens="
            f"{decoding.max_new_tokens}; the budget is a part of them"
        )
    return decoding.thinking_budget is not None or decoding.nowait is not None


def lateness(used: float, budget: int) -> float:
    """How far into the late share of the budget: 0 before it, 1 at the limit."""
    late = budget * LATE
    return min(1.0, max(0.0, (used - (budget - late)) / late)) if late else 0.0


class ThinkingControl(LogitsProcessor):
    """The rule for a batch of transformers' `generate`: all rows at once, each with its own count."""

    def __init__(self, marks: Marks, decoding: Decoding, opened: Sequence[bool], device: torch.device) -> None:
        """`opened` tells for each row whether its prompt ends inside thinking."""
        self.thinking = torch.tensor(list(opened), dtype=torch.bool, device=device)
        self.used = torch.zeros(len(opened), dtype=torch.long, device=device)
        self._budget = decoding.thinking_budget
        self._prompt_length: int | None = None
        self._marks = marks
        self._banned = torch.tensor(marks.banned(decoding.nowait), dtype=torch.long, device=device)
        self._end = torch.tensor(marks.end.ids, dtype=torch.long, device=device)
        self._accepted: dict[str, list[torch.Tensor]] = {}

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if self._prompt_length is None:
            self._prompt_length = input_ids.shape[1]
            size = max(scores.shape[-1], int(input_ids.max()) + 1)
            self._banned = self._banned[self._banned < scores.shape[-1]]
            for name, mark in (("start", self._marks.start), ("end", self._marks.end)):
                self._accepted[name] = [_mask(ids, size, scores.device) for ids in mark.accepted]
        else:
            self._advance(input_ids[:, self._prompt_length :])
        written = input_ids[:, self._prompt_length :]
        if len(self._banned):
            scores = scores.clone()
            scores[:, self._banned] = scores[:, self._banned].masked_fill(self.thinking[:, None], -torch.inf)
        return scores if self._budget is None else self._limit(written, scores, self._budget)

    def _advance(self, written: torch.Tensor) -> None:
        """Count the newest token of each row, and see whether it opened or closed thinking."""
        n_end = len(self._end)
        started = self._match(written, "start", len(self._accepted["start"])) & ~self.thinking
        ended = self._match(written, "end", n_end) & self.thinking
        self.used += self.thinking.long()
        self.used = torch.where(ended, self.used - n_end, self.used)
        self.thinking = (self.thinking | started) & ~ended

    def _limit(self, written: torch.Tensor, scores: torch.Tensor, budget: int) -> torch.Tensor:
        late = budget * LATE
        if not (self.thinking & (self.used >= budget - late)).any():
            return scores
        target = self._end[self._progress(written)][:, None]
        rise = ((self.used - (budget - late)) / late).clamp(0, 1) if late else torch.zeros_like(scores[:, 0])
        rise = torch.where(self.thinking, rise, 0.0).to(scores.dtype)[:, None]
        score = scores.gather(1, target)
        raised = score + rise * (scores.max(-1, keepdim=True).values + MARGIN - score)
        scores = scores.scatter(1, target, torch.where((rise > 0) & score.isfinite(), raised, score))
        over = (self.thinking & (self.used >= budget))[:, None]
        only = torch.full_like(scores, -torch.inf).scatter(1, target, 0.0)
        return torch.where(over, only, scores)

    def _progress(self, written: torch.Tensor) -> torch.Tensor:
        """How many ids of the end mark each row has just written."""
        progress = torch.zeros(len(written), dtype=torch.long, device=written.device)
        for length in range(1, len(self._end)):
            progress = torch.where(self._match(written, "end", length), length, progress)
        return progress

    def _match(self, written: torch.Tensor, name: str, length: int) -> torch.Tensor:
        """For each row, whether what it has written ends in a mark's first `length` ids."""
        matches = torch.full((len(written),), written.shape[1] >= length, device=written.device)
        if written.shape[1] >= length:
            for mask, column in zip(self._accepted[name][:length], written[:, -length:].T, strict=True):
                matches = matches & mask[column]
        return matches


def _mask(ids: frozenset[int], size: int, device: torch.device) -> torch.Tensor:
    mask = torch.zeros(size, dtype=torch.bool, device=device)
    mask[torch.tensor(sorted(i for i in ids if i < size), dtype=torch.long, device=device)] = True
    return mask
