"""Pretraining of the vision tower: naming each picture's known attributes from its patches.

The heads that name them are thrown away afterwards; the tower keeps what it learned to see. From
scratch and on few pictures, a language model's loss alone teaches a tower colour but not shape.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

import torch
from torch import nn
from transformers import SiglipVisionModel

from sightscale.trainers.data import IGNORED, Opener, attributes, open_picture, read_training_pictures


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, and the number of each attribute's value."""

    picture: Opener
    labels: tuple[int, ...]


class LabelledPictures(Protocol):
    """A fixed, seeded list of training pictures with their attributes."""

    @property
    def values(self) -> dict[str, list[str]]:
        """Each attribute's possible values."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int) -> LabelledPicture: ...


@dataclass(frozen=True)
class LabelledEasyVqa:
    """easy-VQA's training pictures with what their questions reveal; what they don't has no label."""

    size: int
    seed: int
    augment: bool

    @cached_property
    def values(self) -> dict[str, list[str]]:
        """Each attribute's possible values."""
        known = [attributes(about) for _, about in read_training_pictures()]
        names = sorted({name for one in known for name in one})
        return {name: sorted({one[name] for one in known if name in one}) for name in names}

    @cached_property
    def _labels(self) -> list[tuple[int, ...]]:
        known = [attributes(about) for _, about in read_training_pictures()]
        return [
            tuple(values.index(one[name]) if name in one else IGNORED for name, values in self.values.items())
            for one in known
        ]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, i: int) -> LabelledPicture:
        if not 0 <= i < self.size:
            raise IndexError(i)
        rng = random.Random(f"{self.seed}:{i}")
        at = rng.randrange(len(self._labels))
        change = rng.randrange(1, 2**31) if self.augment else 0
        return LabelledPicture(partial(open_picture, read_training_pictures()[at][0], change), self._labels[at])


class TowerWithHeads(nn.Module):
    """A tower and one linear head an attribute; its loss is the mean of their cross entropies.

    A head reads the mean of the patches (`mean`), or what a query of its own attends to among them
    (`attention`), which attributes need that belong to a part of the picture.
    """

    def __init__(self, tower: SiglipVisionModel, sizes: Sequence[int], pooling: str = "mean") -> None:
        super().__init__()
        width = tower.config.hidden_size
        self.tower = tower
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)
        queries = torch.randn(len(sizes), width) * width**-0.5 if pooling == "attention" else None
        self.queries = nn.Parameter(queries) if queries is not None else None

    def forward(self, pixel_values: torch.Tensor, attribute_labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """`loss` for pictures (batch × 3 × side × side) and labels (batch × attributes)."""
        patches = self.tower(pixel_values).last_hidden_state
        if self.queries is None:
            seen = patches.mean(1, keepdim=True).expand(-1, len(self.heads), -1)
        else:
            weights = torch.softmax(patches @ self.queries.T, dim=1)  # batch × patches × attributes
            seen = torch.einsum("bpa,bpd->bad", weights, patches)
        losses = []
        for k, head in enumerate(self.heads):
            known = attribute_labels[:, k] != IGNORED
            if known.any():
                losses.append(nn.functional.cross_entropy(head(seen[known, k]), attribute_labels[known, k]))
        return {"loss": torch.stack(losses).mean()}


def collate_pictures(rows: Sequence[LabelledPicture], image_processor: Any) -> dict[str, torch.Tensor]:
    """A batch for `TowerWithHeads`."""
    pictures = [row.picture() for row in rows]
    pixels = image_processor(pictures, return_tensors="pt")["pixel_values"]
    return {"pixel_values": pixels, "attribute_labels": torch.tensor([row.labels for row in rows])}
