"""Converting a LLaVA-NeXT checkpoint with a Qwen backbone into transformers' LlavaOnevision.

Every tensor is placed from the files' headers before one is read: a tensor without a place, a place
without a tensor or a shape that differs is refused. Tensors are then copied a file at a time.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import LlavaOnevisionForConditionalGeneration

from sightscale.model_adapters.convert.conversion import DTYPES, Conversion, check_target, making, write_record
from sightscale.model_adapters.convert.names import (
    EMBEDDINGS,
    HEAD,
    TOWER,
    from_llava,
    from_siglip,
    from_transformers,
    is_left_behind,
)
from sightscale.model_adapters.convert.parts import (
    build_config,
    build_generation_config,
    open_tokenizer,
    tower_config,
    write_processor,
)
from sightscale.model_adapters.convert.settings import Settings, read_settings
from sightscale.model_adapters.convert.tensors import Tensor, list_tensors, tell
from sightscale.model_adapters.convert.weights import write_weights
from sightscale.tasks.errors import UserError

_STORED = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}  # safetensors' words for them

Placed = dict[str, Tensor]  # by the name that is written


def convert(source: Path, target: Path, *, dtype: str | None = None, vision_tower: Path | None = None) -> Conversion:
    """Convert the checkpoint in the folder `source` into the new folder `target`, whole or not at all.

    Numbers keep the type of the checkpoint's embeddings unless `dtype` names another. `vision_tower` is a
    folder with the SigLIP tower; its weights are used where the checkpoint has none of its own. Raises
    ValueError in one line for what can't be converted.
    """
    if not source.is_dir():
        raise UserError(f"there is no folder {source}; fetch it first, as by `hf download OWNER/NAME --local-dir DIR`")
    check_target(target, dtype)
    settings = read_settings(source)
    tensors = list_tensors(source)
    _check_layers(settings, tensors)
    tower = tower_config(settings, vision_tower)
    tokenizer = open_tokenizer(source)
    config = build_config(settings, tower, tokenizer)
    named = [(tensor, from_llava(tensor.name)) for tensor in tensors]
    carried = any((name or "").startswith(TOWER) for _, name in named)
    if not carried:
        named += _named_tower(source, settings, vision_tower)
    read = [(tensor, name) for tensor, name in named if not (name and is_left_behind(name, tower.num_hidden_layers))]
    placed = _place(source, read, settings, config)
    chosen = dtype or _STORED.get(placed[EMBEDDINGS].dtype)
    if chosen is None:
        raise UserError(f"{source} stores numbers as {placed[EMBEDDINGS].dtype}; name another type with --dtype")
    done = Conversion(
        model_type=settings.model_type,
        tensors_read=len(named),
        tensors_written=len(placed),
        left_behind=len(named) - len(read),
        vision_tower="checkpoint" if carried else "folder",
        dtype=chosen,
    )
    config.dtype = DTYPES[chosen]
    with making(target) as partial:
        write_weights(placed, config.text_config.vocab_size, DTYPES[chosen], partial)
        config.save_pretrained(partial)
        build_generation_config(source, tokenizer).save_pretrained(partial)
        write_processor(config, tokenizer, partial)
        write_record(done, source, {tensor.file for tensor, _ in named}, partial)
    return done


def _named_tower(source: Path, settings: Settings, folder: Path | None) -> list[tuple[Tensor, str | None]]:
    """The tensors of a SigLIP checkpoint's vision model under the names that are written."""
    if folder is None:
        raise UserError(
            f"{source} holds no vision tower; name the folder of {settings.vision_tower[:80] or 'its tower'} "
            "with --vision-tower"
        )
    named = [(tensor, from_siglip(tensor.name)) for tensor in list_tensors(folder)]
    return [(tensor, name) for tensor, name in named if name]  # a whole SigLIP has a text model too


def _check_layers(settings: Settings, tensors: Iterable[Tensor]) -> None:
    """Refuse a config whose layers aren't there, before a model of as many layers is laid out."""
    layers = {tensor.name.split(".")[2] for tensor in tensors if tensor.name.startswith("model.layers.")}
    if len(layers) != settings.layers:
        raise UserError(f"config.json states {settings.layers} layers; the weights hold {len(layers)}")


def _place(source: Path, named: list[tuple[Tensor, str | None]], settings: Settings, config: Any) -> Placed:
    """Each tensor by its new name. Raises UserError when the model's tensors aren't exactly these."""
    wanted = _wanted_shapes(settings, config)
    if settings.tied:
        named = _without_second_copy(named)
    left_over = [tensor.name for tensor, name in named if name not in wanted]
    if left_over:
        raise UserError(f"{source}: the model has no place for {tell(left_over)}")
    placed = {name: tensor for tensor, name in named if name}
    missing = [name for name in wanted if name not in placed]
    if missing:
        raise UserError(f"{source} lacks {tell(missing)}")
    wrong = [
        f"{tensor.name} {list(tensor.shape)} not {list(wanted[name])}"
        for name, tensor in placed.items()
        if tensor.shape != wanted[name]
    ]
    if wrong:
        raise UserError(f"{source}: other shapes than config.json states: {tell(wrong)}")
    packed = [tensor.name for tensor in placed.values() if tensor.dtype not in (*_STORED, "F64")]
    if packed:
        raise UserError(f"{source}: {tell(packed)} of a quantised type; convert the checkpoint before quantising it")
    return placed


def _wanted_shapes(settings: Settings, config: Any) -> dict[str, tuple[int, ...]]:
    """The model's tensors by the names that are written; embeddings with as many rows as the source has."""
    with torch.device("meta"):
        model = LlavaOnevisionForConditionalGeneration(config)
    wanted = {from_transformers(name): tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in (EMBEDDINGS, HEAD):
        wanted[name] = (settings.language["vocab_size"], *wanted[name][1:])
    if settings.tied:
        del wanted[HEAD]
    return wanted


def _without_second_copy(named: list[tuple[Tensor, str | None]]) -> list[tuple[Tensor, str | None]]:
    """One copy of tied embeddings, which a checkpoint may hold under either name or both."""
    copies = {name: tensor for tensor, name in named if name in (EMBEDDINGS, HEAD)}
    if HEAD not in copies:
        return named
    if EMBEDDINGS not in copies:
        return [(tensor, EMBEDDINGS if name == HEAD else name) for tensor, name in named]
    if not torch.equal(_read(copies[EMBEDDINGS]), _read(copies[HEAD])):
        raise UserError(
            "config.json says tie_word_embeddings, yet lm_head.weight differs from model.embed_tokens.weight; mend it"
        )
    return [(tensor, name) for tensor, name in named if name != HEAD]


def _read(tensor: Tensor) -> torch.Tensor:
    with safe_open(tensor.file, framework="pt") as file:
        weights: torch.Tensor = file.get_tensor(tensor.name)
        return weights
