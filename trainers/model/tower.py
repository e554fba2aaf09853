"""Pretraining of the vision tower: naming each picture's known attributes from its patches.

The heads that name them are thrown away afterwards; the tower keeps what it learned to see. From
scratch and on few pictures, a language model's loss alone teaches a tower colour but not shape.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import SiglipVisionModel

from sightscale.trainers.data import IGNORED, LabelledPicture


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
            labelled = attribute_labels[:, k] != IGNORED
            if labelled.any():
                losses.append(nn.functional.cross_entropy(head(seen[labelled, k]), attribute_labels[labelled, k]))
        return {"loss": torch.stack(losses).mean()}


def collate_pictures(rows: Sequence[LabelledPicture], image_processor: Any) -> dict[str, torch.Tensor]:
    """A batch for `TowerWithHeads`."""
    pictures = [row.picture() for row in rows]
    pixels = image_processor(pictures, return_tensors="pt")["pixel_values"]
    return {"pixel_values": pixels, "attribute_labels": torch.tensor([row.labels for row in rows])}
