"""A frozen tower's place taken by its features: what it makes of each picture is known, so it needn't look again."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling

from sightscale.trainers.model.tower import normalise


@contextmanager
def reading_features(model: Any) -> Iterator[None]:
    """Let `model` take features (pictures × patches × width) as its `pixel_values`, in place of pictures."""
    tower = model.model.vision_tower

    def forward(pixel_values: Any, **_: Any) -> BaseModelOutputWithPooling:
        return BaseModelOutputWithPooling(last_hidden_state=pixel_values, hidden_states=(pixel_values,))

    tower.forward = forward
    try:
        yield
    finally:
        del tower.forward


@torch.no_grad()
def see(model: Any, pictures: torch.Tensor) -> torch.Tensor:
    """The features (n × patches × width) that the model's tower hands to its connector, of pictures of its size.

    `pictures` are n × side × side × 3, uint8.
    """
    tower = model.model.vision_tower
    outputs = tower(normalise(pictures.to(tower.device)), output_hidden_states=True, return_dict=True)
    features: torch.Tensor = outputs.hidden_states[model.config.vision_feature_layer]
    return features


def name_tower(model: Any) -> str:
    """A short name for the tower's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.model.vision_tower.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
