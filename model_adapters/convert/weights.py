"""Writing a converted checkpoint's weights, with no more than one written file in memory."""

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sightscale.model_adapters.convert.names import EMBEDDINGS, HEAD
from sightscale.model_adapters.convert.tensors import INDEX, Tensor
from sightscale.tasks.errors import UserError

SHARD_BYTES = 2 * 2**30  # of a written file, and about as much memory as is used


def write_weights(placed: dict[str, Tensor], rows: int, dtype: torch.dtype, folder: Path) -> None:
    """Copy tensors into safetensors files of `folder` under their new names, as numbers of type `dtype`.

    Embeddings and output head get `rows` rows. Raises UserError in one line when a tensor can't be read.
    """
    shards = list(_shards(placed, dtype.itemsize))
    names = [
        f"model-{number:05d}-of-{len(shards):05d}.safetensors" if len(shards) > 1 else "model.safetensors"
        for number in range(1, len(shards) + 1)
    ]
    size = 0
    weight_map: dict[str, str] = {}
    for file, shard in zip(names, shards, strict=True):
        state = {name: _read(placed[name], rows if name in (EMBEDDINGS, HEAD) else None, dtype) for name in shard}
        save_file(state, folder / file, metadata={"format": "pt"})
        size += sum(tensor.nbytes for tensor in state.values())
        weight_map |= dict.fromkeys(shard, file)
    if len(shards) > 1:
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _shards(placed: dict[str, Tensor], itemsize: int) -> Iterator[list[str]]:
    """The names in groups of at most `SHARD_BYTES`; a larger tensor is a group of its own."""
    shard: list[str] = []
    size = 0
    for name, tensor in placed.items():
        more = prod(tensor.shape) * itemsize
        if shard and size + more > SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(name)
        size += more
    yield shard


def _read(tensor: Tensor, rows: int | None, dtype: torch.dtype) -> torch.Tensor:
    try:
        with safe_open(tensor.file, framework="pt") as file:
            read = file.get_tensor(tensor.name)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{tensor.file} is damaged: {str(error).splitlines()[0]}; fetch it again") from error
    if rows is not None and rows > len(read):
        read = _with_rows(read, rows)
    converted: torch.Tensor = read.to(dtype).contiguous()
    return converted


def _with_rows(embeddings: torch.Tensor, rows: int) -> torch.Tensor:
    """Embeddings with more rows, each the mean of those there are.

    As rows of an output head they give the mean of all other tokens' logits, so none of them is ever the
    likeliest; rows of zeros would be wherever all logits are negative.
    """
    mean = embeddings.mean(0, dtype=torch.float32).to(embeddings.dtype)
    return torch.cat([embeddings, mean.expand(rows - len(embeddings), -1)])
