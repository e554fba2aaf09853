"""Packed rows: a stage's conversations as token ids in files, encoded ahead by worker processes.

A GPU takes a step of a small model in less time than a process needs to draw the conversations of one. Recipes of a
family share these files: what is in them depends on the mixture and on the tokenizer, not on the language model.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sightscale.tasks.errors import blaming
from sightscale.tasks.mini import REVISION
from sightscale.trainers.data.conversations import IGNORED, Conversation
from sightscale.trainers.data.kept_pictures import COMPLETE, PictureList, open_whole_array
from sightscale.trainers.data.mixture import Mixture
from sightscale.trainers.data.worker_processes import map_in_processes

ROWS_AT_ONCE = 64  # of a worker process

Encode = Callable[[Conversation], tuple[list[int], list[int]]]  # token ids and the assistant's mask


@dataclass(frozen=True)
class PackedRow:
    """Token ids, which of them are learned, and each picture as the number of its list and its place there."""

    ids: np.ndarray
    learned: np.ndarray
    pictures: np.ndarray


@dataclass(frozen=True)
class PackedRows:
    """Rows in files of a folder, in the mixture's order."""

    folder: Path

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: open_whole_array(self.folder / f"{name}.npy") for name in ("ids", "learned", "pictures", "ends")}

    def __len__(self) -> int:
        return len(self._arrays["ends"]) - 1

    def __getitem__(self, i: int) -> PackedRow:
        (start, first), (end, last) = self._arrays["ends"][i : i + 2]
        arrays = self._arrays
        return PackedRow(arrays["ids"][start:end], arrays["learned"][start:end], arrays["pictures"][first:last])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        lengths: list[int] = np.diff(self._arrays["ends"][:, 0]).tolist()
        return lengths


def name_rows(stage: str, seed: int, context: int, tokenizer: str) -> str:
    """A short name for a stage's rows: `stage` is all that decides its conversations, `tokenizer` its whole state."""
    text = json.dumps([REVISION, stage, seed, context, tokenizer])
    return f"rows-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def pack_rows(mixture: Mixture, encode: Encode, lists: Sequence[PictureList], folder: Path, workers: int) -> PackedRows:
    """The mixture's rows in `folder`, encoded now by so many worker processes if they aren't there yet."""
    if not (folder / COMPLETE).is_file():
        with blaming(folder, "write to"):
            folder.mkdir(parents=True, exist_ok=True)
            _pack(mixture, encode, lists, folder, workers)
            (folder / COMPLETE).touch()
    return PackedRows(folder)


def _pack(mixture: Mixture, encode: Encode, lists: Sequence[PictureList], folder: Path, workers: int) -> None:
    parts: dict[str, list[np.ndarray]] = {"ids": [], "learned": [], "pictures": [], "ends": []}

    def encode_some(start: int) -> dict[str, np.ndarray]:
        ids, learned, pictures, counts = [], [], [], []
        for i in range(start, min(start + ROWS_AT_ONCE, len(mixture))):
            row = mixture[i]
            tokens, mask = encode(row)
            shown: list[Any] = list(row.pictures)
            ids += tokens
            learned += mask
            pictures += [(lists.index(picture.pictures), picture.number) for picture in shown]
            counts.append((len(tokens), len(shown)))
        return {
            "ids": np.asarray(ids, np.uint16 if max(ids) < 2**16 else np.int32),
            "learned": np.asarray(learned, bool),
            "pictures": np.asarray(pictures, np.int32).reshape(-1, 2),
            "ends": np.asarray(counts, np.int64),
        }

    for part in map_in_processes(encode_some, range(0, len(mixture), ROWS_AT_ONCE), workers):
        for name, array in part.items():
            parts[name].append(array)
    parts["ends"] = [np.zeros((1, 2), np.int64), np.concatenate(parts["ends"]).cumsum(0)]
    for name, arrays in parts.items():
        np.save(folder / f"{name}.npy", np.concatenate(arrays))


class PackedCollator:
    """Makes batches of packed rows as `Collator` does of opened ones."""

    def __init__(self, padding: int, features: Sequence[np.ndarray]) -> None:
        """`padding` is the padding token; `features` hold those of each list's pictures behind a frozen tower."""
        self.padding, self.features = padding, features

    def __call__(self, rows: Sequence[PackedRow]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, `labels` (batch × tokens, padded on the right) and the pictures' features."""
        width = max(len(row.ids) for row in rows)
        input_ids = torch.full((len(rows), width), self.padding)
        labels = torch.full((len(rows), width), IGNORED)
        attention = torch.zeros((len(rows), width), dtype=torch.long)
        for i, row in enumerate(rows):
            tokens, n = torch.from_numpy(row.ids.astype(np.int64)), len(row.ids)
            input_ids[i, :n] = tokens
            attention[i, :n] = 1
            labels[i, :n] = torch.where(torch.from_numpy(np.array(row.learned)), tokens, IGNORED)
        batch = {"input_ids": input_ids, "attention_mask": attention, "labels": labels}
        shown = [self.features[which][number] for row in rows for which, number in row.pictures]
        if shown:
            batch["pixel_values"] = torch.from_numpy(np.stack(shown)).float()
        return batch
