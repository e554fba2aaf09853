"""Pretraining of the vision tower: naming from its patches what is known of each picture.

The heads that name it are thrown away afterwards; the tower keeps what it learned to see. From
scratch and on few pictures, a language model's loss alone teaches a tower colour but not shape. What is known of
every patch (`DenseTower`) teaches it where things are as well, from a hundred times as many labels a picture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import SiglipVisionModel

from sightscale.trainers.data import IGNORED, KeptPictures, LabelledPicture

BINS = 56  # of a box's side as a class, beside the number
BACKGROUND = 0.1  # how much a patch counts that has nothing on it, of a patch that has something
BOX_WEIGHT, BIN_WEIGHT = 5.0, 0.25  # of the loss in boxes, as a number and as a class
OVERLAP = 0.5  # of a box with the true one, to count as found


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


class DenseTower(nn.Module):
    """A tower whose every patch names what covers it, that thing's box, and what holds of the whole picture."""

    def __init__(self, tower: SiglipVisionModel, values: Mapping[str, Sequence[str]], patch_labels: int) -> None:
        """`values` holds each label's possible values: `patch_labels` labels of patches, then those of the whole."""
        super().__init__()
        self.tower = tower
        self.sizes = [len(names) for names in values.values()]
        self.names, self.patch_labels = list(values), patch_labels
        self.heads = nn.Linear(tower.config.hidden_size, sum(self.sizes))
        self.box = nn.Linear(tower.config.hidden_size, 4 + 4 * (BINS + 1))

    def forward(
        self, pixel_values: torch.Tensor, patches: torch.Tensor, boxes: torch.Tensor, whole: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """`loss` for pictures (batch × side × side × 3, uint8), names of patches (batch × patches × labels), boxes
        (batch × patches × 4, NaN where nothing is) and names of the whole (batch × labels)."""
        features = self.tower(normalise(pixel_values)).last_hidden_state
        patches, whole, boxes = patches.long(), whole.long(), boxes.float()
        losses = []
        for k, logits in enumerate(self.heads(features).split(self.sizes, dim=-1)):
            right = self._labels(k, patches, whole)
            if (right != IGNORED).any():
                weights = torch.ones(self.sizes[k])
                if k < self.patch_labels:
                    weights[0] = BACKGROUND
                losses.append(
                    nn.functional.cross_entropy(
                        logits.float().flatten(0, 1), right.flatten(), weights.to(logits.device), ignore_index=IGNORED
                    )
                )
        numbers, bins = self._boxes(features)
        there = ~boxes.isnan().any(-1)
        if there.any():
            true = boxes[there]
            losses.append(BOX_WEIGHT * nn.functional.l1_loss(numbers[there], true))
            classes = (true * BINS).round().long().clamp(0, BINS)
            losses.append(4 * BIN_WEIGHT * nn.functional.cross_entropy(bins[there].flatten(0, 1), classes.flatten()))
        return {"loss": torch.stack(losses).sum()}

    @torch.no_grad()
    def measure(self, batch: Mapping[str, torch.Tensor]) -> dict[str, tuple[float, int]]:
        """Of each label the share named rightly, where there is something to name, and of how many; `box` for boxes."""
        features = self.tower(normalise(batch["pixel_values"])).last_hidden_state
        shares = {}
        for k, logits in enumerate(self.heads(features).split(self.sizes, dim=-1)):
            right = self._labels(k, batch["patches"], batch["whole"])
            there = (right != IGNORED) & (right != 0) if k < self.patch_labels else right != IGNORED
            if there.any():
                hits = (logits.argmax(-1) == right)[there].float()
                shares[self.names[k]] = float(hits.mean()), len(hits)
        numbers, _ = self._boxes(features)
        there = ~batch["boxes"].isnan().any(-1)
        if there.any():
            shares["box"] = (
                float((_overlap(numbers[there], batch["boxes"][there]) >= OVERLAP).float().mean()),
                int(there.sum()),
            )
        return shares

    def _labels(self, k: int, patches: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        if k < self.patch_labels:
            return patches[..., k]
        return whole[:, None, k - self.patch_labels].expand(patches.shape[:2])

    def _boxes(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes as numbers (batch × patches × 4) and as classes (batch × patches × 4 × bins)."""
        outputs = self.box(features).float()
        return outputs[..., :4], outputs[..., 4:].unflatten(-1, (4, BINS + 1))


def _overlap(boxes: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of boxes (n × 4) in pairs."""
    low, high = torch.maximum(boxes[:, :2], others[:, :2]), torch.minimum(boxes[:, 2:], others[:, 2:])
    shared = (high - low).clamp(0).prod(-1)
    areas = [(sides[:, 2:] - sides[:, :2]).prod(-1) for sides in (boxes, others)]
    return shared / (areas[0] + areas[1] - shared).clamp(1e-9)


def collate_kept(kept: KeptPictures, numbers: Sequence[int]) -> dict[str, torch.Tensor]:
    """A batch of kept pictures for `DenseTower`, as they are kept: a quarter of the bytes for a GPU to fetch."""
    rows = sorted(numbers)
    names = {"pixel_values": kept.pixels, "patches": kept.patches, "boxes": kept.boxes, "whole": kept.whole}
    return {name: torch.from_numpy(array[rows]) for name, array in names.items()}


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (batch × height × width × 3, uint8) as a tower reads them: batch × 3 × height × width from −1 to 1, as
    SigLIP's processor does it."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
