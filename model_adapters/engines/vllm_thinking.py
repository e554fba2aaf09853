"""The thinking budget and NoWait inside vLLM: the rule of `budget`, for the rows of vLLM's running batch.

vLLM loads this class by its name, in the process where the model runs; nothing else imports it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.tokenizers import cached_tokenizer_from_config
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor
from vllm.v1.sample.logits_processor.builtin import process_dict_updates

from sightscale.model_adapters.engines.budget import MARGIN, Marks, lateness
from sightscale.model_adapters.engines.thinking import opens_thinking

TAIL = 16  # tokens that any tokenizer writes a mark in


@dataclass
class _Row:
    """One request: what it asked for, what it has written, and how far that was read."""

    budget: int | None
    nowait: str | None
    written: list[int]  # vLLM's own list, which grows
    thinking: bool
    used: int = 0
    read: int = 0
    forced: tuple[int, ...] = ()  # the tokens that it is led along


class VllmThinkingControl(LogitsProcessor):
    """Requests say what they want in `extra_args`: thinking_budget, nowait, or the tokens to be `forced`."""

    def __init__(self, vllm_config: VllmConfig, device: torch.device, is_pin_memory: bool) -> None:
        self._config, self._device = vllm_config.model_config, device
        self._rows: dict[int, _Row] = {}
        self._marks: Marks | None = None
        self._banned: dict[str, torch.Tensor] = {}

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        process_dict_updates(self._rows, batch_update, self._new_row)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        for index, row in self._rows.items():
            if row.forced:
                target = row.forced[min(len(row.written), len(row.forced) - 1)]
                logits[index].fill_(-torch.inf)
                logits[index, target] = 0.0
                continue
            self._read(row)
            if row.thinking:
                self._steer(logits[index], row)
        return logits

    @property
    def marks(self) -> Marks:
        """The marks of the model's tokenizer; read once a request needs them."""
        if self._marks is None:
            self._marks = Marks(cached_tokenizer_from_config(self._config))
        return self._marks

    def _new_row(self, params: SamplingParams, asked: list[int] | None, written: list[int]) -> _Row | None:
        wanted: dict[str, Any] = params.extra_args or {}
        budget, nowait = wanted.get("thinking_budget"), wanted.get("nowait")
        if forced := wanted.get("forced"):
            return _Row(None, None, written, thinking=False, forced=tuple(forced))
        if budget is None and nowait is None:
            return None
        tail = cached_tokenizer_from_config(self._config).decode((asked or [])[-TAIL:])
        return _Row(budget, nowait, written, opens_thinking(tail))

    def _read(self, row: _Row) -> None:
        """Count what was written since the last step."""
        start, end = self.marks.start, self.marks.end
        for at in range(row.read, len(row.written)):
            so_far = row.written[max(0, at + 1 - TAIL) : at + 1]
            if row.thinking:
                row.used += 1
                if end.ends(so_far):
                    row.used -= len(end.ids)
                    row.thinking = False
            elif start.ends(so_far):
                row.thinking = True
        row.read = len(row.written)

    def _steer(self, logits: torch.Tensor, row: _Row) -> None:
        """Ban and raise in place: `logits` is one row of the batch."""
        if row.nowait is not None:
            logits[self._ids(row.nowait, len(logits))] = -torch.inf
        if row.budget is None:
            return
        target = self.marks.end.next_id(row.written)
        if row.used >= row.budget:
            logits.fill_(-torch.inf)
            logits[target] = 0.0
        elif rise := lateness(row.used, row.budget):
            score = logits[target].clone()
            logits[target] = torch.where(score.isfinite(), score + rise * (logits.max() + MARGIN - score), score)

    def _ids(self, rule: str, vocabulary: int) -> torch.Tensor:
        if rule not in self._banned:
            ids = [token for token in self.marks.banned(rule) if token < vocabulary]
            self._banned[rule] = torch.tensor(ids, dtype=torch.long, device=self._device)
        return self._banned[rule]
