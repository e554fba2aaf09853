"""Which of LLaVA's tensor names becomes which name of transformers' LlavaOnevision class.

Names are written as the hub's LLaVA-OneVision checkpoints have them (`language_model.model.…`,
`vision_tower.vision_model.…`): transformers renames them as it loads, and vLLM reads no others for SigLIP.
"""

import re

TOWER = "vision_tower.vision_model."
EMBEDDINGS, HEAD = "language_model.model.embed_tokens.weight", "language_model.lm_head.weight"

_LLAVA = (
    ("model.vision_tower.vision_tower.vision_model.", TOWER),
    ("model.mm_projector.0.", "multi_modal_projector.linear_1."),
    ("model.mm_projector.2.", "multi_modal_projector.linear_2."),
    ("model.image_newline", "image_newline"),
    ("model.layers.", "language_model.model.layers."),
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
)
_OURS = (
    ("model.vision_tower.vision_model.", TOWER),
    ("model.vision_tower.", TOWER),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.image_newline", "image_newline"),
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
)
_LAYER = re.compile(r"encoder\.layers\.(\d+)\.")


def from_llava(name: str) -> str | None:
    """The written name of a LLaVA checkpoint's tensor; None when there is no place for it."""
    return _replace(name, _LLAVA)


def from_transformers(name: str) -> str:
    """The written name of a tensor of the class itself. Raises ValueError for one that is new to us."""
    written = _replace(name, _OURS)
    if written is None:
        raise ValueError(f"this version of transformers names a tensor {name!r}, which has no place here")
    return written


def from_siglip(name: str) -> str | None:
    """The written name of a SigLIP checkpoint's tensor; None when it isn't the vision model's."""
    return TOWER + name.removeprefix("vision_model.") if name.startswith("vision_model.") else None


def is_left_behind(written: str, layers: int) -> bool:
    """Whether LLaVA itself leaves a tensor out: the tower's pooling head and its layers after `layers`.

    Rotary frequencies that old checkpoints carry are computed from the config.
    """
    if written.startswith(TOWER):
        layer = _LAYER.match(written.removeprefix(TOWER))
        return written.startswith(f"{TOWER}head.") or (layer is not None and int(layer[1]) >= layers)
    return written.endswith(".rotary_emb.inv_freq")


def _replace(name: str, table: tuple[tuple[str, str], ...]) -> str | None:
    return next((new + name[len(old) :] for old, new in table if name.startswith(old)), None)
