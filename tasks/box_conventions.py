"""How models write boxes, by their `model_type`: the convention, and the picture that pixels are of.

A model's convention is a fact of its training, which no response tells for sure: `[100, 100, 500, 500]` is pixels from
Qwen2.5-VL and thousandths from Qwen3-VL. An adapter asks `box_convention_of` once for a local model, and where that
says `pixels`, `shown_size` for each picture, and tags the response with `pixels:WxH`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sightscale.tasks.boxes import (
    AUTO,
    BINS,
    LOC1024,
    PATCHES,
    PIXELS,
    POINTS,
    THOUSAND,
    UNIT,
    YX_THOUSAND,
)

# From each model's card, paper or processor; `auto` where nothing is published about boxes.
BY_MODEL_TYPE: Mapping[str, str] = {
    "qwen_vl": THOUSAND,  # <box>(x1,y1),(x2,y2)</box>, 0 to 999; paper arXiv 2308.12966
    "qwen2_vl": THOUSAND,  # <|box_start|>(x1,y1),(x2,y2)<|box_end|>; paper arXiv 2409.12191
    "qwen2_5_vl": PIXELS,  # bbox_2d in pixels of the resized picture; paper arXiv 2502.13923
    "qwen2_5_omni": PIXELS,  # as Qwen2.5-VL, whose vision encoder it has
    "qwen3_vl": THOUSAND,  # bbox_2d, relative to 0 to 1000; model card
    "qwen3_vl_moe": THOUSAND,
    "qwen3_5": THOUSAND,
    "internvl": THOUSAND,  # <box>[[x1, y1, x2, y2]]</box>; documentation of InternVL
    "internvl_chat": THOUSAND,
    "paligemma": LOC1024,  # <loc0000> to <loc1023>, y first; model card
    "florence2": BINS,  # <loc_0> to <loc_999>, x first; processor
    "kosmos-2": PATCHES,  # <patch_index_0000>, a grid of 32 by 32; processor
    "deepseek_vl_v2": BINS,  # <|det|>[[x1, y1, x2, y2]]<|/det|>, 0 to 999; model card
    "deepseek_vl2": BINS,
    "molmo": POINTS,  # <point x="…" y="…">; paper arXiv 2409.17146
    "molmo2": POINTS,
    "llava": UNIT,  # two decimals in fractions; paper arXiv 2310.03744
    "llava_next": UNIT,
    "llava_onevision": UNIT,
    "llava_qwen": UNIT,
    "llava_qwen_3": UNIT,
    "gemma3": YX_THOUSAND,  # box_2d, y first, as Gemini's documentation has it
    "gemma3n": YX_THOUSAND,
    "glm4v": THOUSAND,  # <|begin_of_box|>[[x1, y1, x2, y2]]<|end_of_box|>; model card of GLM-4.1V
    "glm4v_moe": THOUSAND,
    "cogvlm": THOUSAND,  # [[x1,y1,x2,y2]], 000 to 999; model card
    "cogvlm2": THOUSAND,
    "minicpmv": THOUSAND,  # <box>x1 y1 x2 y2</box>, 0 to 1000; model card of MiniCPM-V 2.6
    "minicpmo": THOUSAND,
    "idefics2": AUTO,
    "idefics3": AUTO,
    "smolvlm": AUTO,
    "phi3_v": AUTO,
    "phi4_multimodal": AUTO,
    "phi4mm": AUTO,
}
FACTOR = 28  # of Qwen2.5-VL's sides: patches of 14 pixels, merged two by two
MIN_PIXELS, MAX_PIXELS = 56 * 56, 28 * 28 * 1280  # defaults of Qwen2-VL's image processor in transformers
MAX_RATIO = 200  # of a picture's sides; its processor refuses more


@dataclass(frozen=True)
class Resizing:
    """How a processor resizes pictures: to multiples of `factor`, within bounds on their pixels."""

    factor: int = FACTOR
    min_pixels: int = MIN_PIXELS
    max_pixels: int = MAX_PIXELS


def box_convention_of(model_type: str) -> str:
    """The convention of a local model by its configuration's `model_type`; `auto` for a model that isn't listed."""
    name = model_type.lower()
    return BY_MODEL_TYPE.get(name) or BY_MODEL_TYPE.get(name.replace("-", "_"), AUTO)


def resizing_of(processor: Any) -> Resizing:
    """How a processor of the Qwen2-VL family resizes, from the attributes of its image processor.

    `processor` is a processor or an image processor; what it doesn't say has the default of transformers. Its `size`
    names bounds on pixels as `shortest_edge` and `longest_edge`, or as `min_pixels` and `max_pixels`.
    """
    images = getattr(processor, "image_processor", processor)
    size = getattr(images, "size", None)
    bounds: dict[str, Any] = {}
    for name, other in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
        in_size = size.get(name) or size.get(other) if isinstance(size, Mapping) else getattr(size, other, None)
        value = getattr(images, name, None) or in_size
        if value:
            bounds[name] = int(value)
    factor = int(getattr(images, "patch_size", 14) or 14) * int(getattr(images, "merge_size", 2) or 2)
    return Resizing(factor, **bounds)


def shown_size(size: tuple[int, int], resizing: Resizing) -> tuple[int, int]:
    """The width and height at which a model is shown a picture of `size` (width, height in pixels).

    Source: `smart_resize` in transformers' image processor of Qwen2-VL. Raises ValueError for a side below 1 or a
    picture more than 200 times as long as wide, which that processor refuses.
    """
    width, height = size
    if min(size) < 1 or max(size) > MAX_RATIO * min(size):
        raise ValueError(f"a picture of {width} by {height} pixels can't be resized")
    factor = resizing.factor
    across, down = (round(side / factor) * factor for side in size)
    if across * down > resizing.max_pixels:
        shrink = math.sqrt(width * height / resizing.max_pixels)
        across, down = (max(factor, math.floor(side / shrink / factor) * factor) for side in size)
    elif across * down < resizing.min_pixels:
        grow = math.sqrt(resizing.min_pixels / (width * height))
        across, down = (math.ceil(side * grow / factor) * factor for side in size)
    return across, down


def convention_for(model_type: str, size: tuple[int, int] | None = None, processor: Any = None) -> str:
    """The convention to tag a local model's response with: `pixels:WxH` for pixels of a resized picture of `size`."""
    convention = box_convention_of(model_type)
    if convention != PIXELS or size is None:
        return convention
    try:
        across, down = shown_size(size, resizing_of(processor))
    except ValueError:  # the processor refuses it too, and there is no response
        return convention
    return f"{PIXELS}:{across}x{down}"
