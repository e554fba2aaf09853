"""What a LLaVA-NeXT checkpoint's config.json says about its parts, read and checked."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightscale.tasks.errors import UserError

MAX_CONFIG_BYTES = 4 * 2**20
BACKBONES = {"llava_qwen": "qwen2", "llava_qwen_3": "qwen3"}  # a LLaVA model type to its language model's
CLASSES = {"LlavaQwenForCausalLM": "llava_qwen", "LlavaQwen3ForCausalLM": "llava_qwen_3"}
MAX_SIDE = 64  # views along a side of a grid; the published grids have six

# Keys of the language model's own config; whatever else stands there is LLaVA's.
LANGUAGE_KEYS = frozenset(
    (
        "attention_bias",
        "attention_dropout",
        "bos_token_id",
        "eos_token_id",
        "head_dim",
        "hidden_act",
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "layer_types",
        "max_position_embeddings",
        "max_window_layers",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "pad_token_id",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "sliding_window",
        "tie_word_embeddings",
        "use_cache",
        "use_sliding_window",
        "vocab_size",
    )
)
_PAIR = re.compile(r"\(\s*(\d{1,6})\s*x\s*(\d{1,6})\s*\)")
_RANGE = re.compile(r"\(\d+x\d+\),(?:\.\.\.|…),\(\d+x\d+\)")
_PAIRS = re.compile(r"\(\d+x\d+\)(?:,\(\d+x\d+\))*")


@dataclass(frozen=True)
class Settings:
    """A checked config: the language model's part of it, and what LLaVA does with a picture."""

    model_type: str
    language: dict[str, Any]  # with `model_type` of the language model
    vision_tower: str  # the name of the tower it was trained with
    pinpoints: Any  # as stated; `read_pinpoints` makes sizes of it
    max_views: int  # of anyres_max: above this many views' worth of features they are made smaller
    tied: bool

    @property
    def layers(self) -> int:
        """How many layers the language model has."""
        return int(self.language["num_hidden_layers"])


def read_settings(folder: Path) -> Settings:
    """The settings in a checkpoint's config.json.

    Raises UserError in one line when it isn't there, isn't of a model that can be converted, or asks for
    something that transformers' LlavaOnevision class does otherwise.
    """
    path = folder / "config.json"
    config = read_json(path)
    model_type = config.get("model_type")
    if model_type == "llava":  # LLaVA-OneVision's own checkpoints say so whatever their language model is
        classes = config.get("architectures")
        named = classes[0] if isinstance(classes, list) and len(classes) == 1 else None
        model_type = CLASSES.get(named, model_type) if isinstance(named, str) else model_type
    if not isinstance(model_type, str) or model_type not in BACKBONES:
        raise UserError(
            f"{path}: model_type {_quote(model_type)} can't be converted; known: {', '.join(sorted(BACKBONES))}"
        )
    _require(path, config, "mm_projector_type", ("mlp2x_gelu",), "mlp2x_gelu")
    _require(path, config, "mm_patch_merge_type", ("spatial_unpad",))
    _require(path, config, "mm_vision_select_layer", (-2,), -2)
    _require(path, config, "mm_vision_select_feature", ("patch",), "patch")
    _require(path, config, "mm_resampler_type", (None, "spatial_pool"))  # spatial_pool concerns video only
    for switch in ("mm_use_im_start_end", "mm_use_im_patch_token"):
        _require(path, config, switch, (False, None))
    aspect = config.get("image_aspect_ratio")
    views = re.fullmatch(r"anyres_max_(\d{1,3})", aspect) if isinstance(aspect, str) else None
    if not views or int(views[1]) < 1:
        raise UserError(f"{path}: image_aspect_ratio is {_quote(aspect)}; only anyres_max_N can be converted")
    for name in ("hidden_size", "vocab_size", "num_hidden_layers", "num_attention_heads"):
        if type(config.get(name)) is not int or not 0 < config[name] < 2**24:
            raise UserError(f"{path}: {name} is {_quote(config.get(name))}, not a size")
    language = {name: value for name, value in config.items() if name in LANGUAGE_KEYS}
    return Settings(
        model_type=model_type,
        language={**language, "model_type": BACKBONES[model_type]},
        vision_tower=str(config.get("mm_vision_tower") or config.get("vision_tower") or ""),
        pinpoints=config.get("image_grid_pinpoints"),
        max_views=int(views[1]),
        tied=config.get("tie_word_embeddings") is True,
    )


def read_pinpoints(stated: Any, side: int) -> list[list[int]]:
    """Every grid's [height, width] in pixels, from LLaVA's pairs of width and height.

    They are a list of pairs in pixels, or a text in views of `side` pixels: `(1x1),...,(6x6)` is every grid
    between the two. The order is kept, for it decides between grids that fit equally well. Raises
    ValueError in one line for anything else.
    """
    pairs = _read_views(stated, side) if isinstance(stated, str) and "x" in stated else _read_pixels(stated)
    wrong = [pair for pair in pairs if any(not 0 < n <= MAX_SIDE * side or n % side for n in pair)]
    if wrong or not pairs:
        raise UserError(
            f"image_grid_pinpoints {_quote(stated)} can't be used: each width and height must be a multiple of the "
            f"vision tower's {side} pixels, and at most {MAX_SIDE} times as much"
        )
    return [[height, width] for width, height in pairs]


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises UserError in one line when there is none."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise UserError(f"it is larger than {MAX_CONFIG_BYTES} bytes")
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no {path.name} in {path.parent}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict):
        raise UserError(f"cannot read {path}: it is not a JSON object")
    return config


def _read_views(stated: str, side: int) -> list[tuple[int, int]]:
    text = stated.replace(" ", "")
    pairs = [(int(width), int(height)) for width, height in _PAIR.findall(text)]
    if not pairs or not (_RANGE.fullmatch(text) or _PAIRS.fullmatch(text)):
        raise UserError(f"image_grid_pinpoints {_quote(stated)} isn't like (1x1),...,(6x6)")
    (left, top), (right, bottom) = pairs[0], pairs[-1]
    if max(right, bottom) > MAX_SIDE:
        raise UserError(f"image_grid_pinpoints {_quote(stated)} goes beyond {MAX_SIDE} views a side")
    every = [(width, height) for width in range(left, right + 1) for height in range(top, bottom + 1)]
    # LLaVA's own readers disagree on a list of pairs: one takes it as it stands, another as a range.
    if not _RANGE.fullmatch(text) and pairs != every:
        raise UserError(
            f"image_grid_pinpoints {_quote(stated)} is read in two ways by LLaVA's own code; "
            "write the sizes as a list of [width, height] in pixels"
        )
    return [(width * side, height * side) for width, height in every]


def _read_pixels(stated: Any) -> list[tuple[int, int]]:
    if isinstance(stated, str) and len(stated) < 2**16:
        try:
            stated = json.loads(stated.replace("(", "[").replace(")", "]"))
        except (ValueError, RecursionError) as error:
            raise UserError(f"image_grid_pinpoints {_quote(stated)} is not a list of sizes") from error
    if not isinstance(stated, list) or len(stated) > MAX_SIDE**2:
        raise UserError(f"image_grid_pinpoints {_quote(stated)} is not a list of sizes")
    for pair in stated:
        if not isinstance(pair, list) or len(pair) != 2 or any(type(n) is not int for n in pair):
            raise UserError(f"image_grid_pinpoints holds {_quote(pair)}, not [width, height] in pixels")
    return [(width, height) for width, height in stated]


def _require(path: Path, config: dict[str, Any], key: str, known: tuple[Any, ...], default: Any = None) -> None:
    value = config.get(key, default)
    if isinstance(value, list | dict) or value not in known:
        wanted = " or ".join(_quote(choice) for choice in known)
        raise UserError(f"{path}: {key} is {_quote(value)}; only {wanted} can be converted")


def _quote(value: Any) -> str:
    return repr(value)[:80]
