"""Config, processor and generation config of the LlavaOnevision model that a LLaVA checkpoint becomes."""

import json
from math import ceil
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from PIL import Image
from transformers import (
    AddedToken,
    AutoTokenizer,
    GenerationConfig,
    LlavaOnevisionConfig,
    LlavaOnevisionImageProcessorPil,
    LlavaOnevisionProcessor,
    Qwen2Config,
    Qwen3Config,
    SiglipVisionConfig,
)

from sightscale.model_adapters.convert.settings import Settings, read_json, read_pinpoints
from sightscale.model_adapters.engines import for_pictures
from sightscale.tasks.errors import UserError, first_line

IMAGE, VIDEO, END = "<image>", "<video>", "<|im_end|>"
PADDED_TO = 64  # rows of the embeddings are a multiple of this

# Sizes of the towers that checkpoints name, so that the tower itself isn't needed to know them.
KNOWN_TOWERS: dict[str, dict[str, Any]] = {
    "google/siglip-so400m-patch14-384": {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
    }
}
_TOWER_KEYS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_channels",
    "image_size",
    "patch_size",
    "hidden_act",
    "layer_norm_eps",
)

# The conversation that LLaVA's Qwen checkpoints were trained in: ChatML that begins with this system turn.
SYSTEM_TURN = "You are a helpful assistant."
CHAT_TEMPLATE = (
    "{% if not messages or messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n" + SYSTEM_TURN + "<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>\n' }}"
    "{% elif part['type'] == 'video' %}{{ '<video>\n' }}"
    "{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{{ '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def tower_config(settings: Settings, folder: Path | None) -> Any:
    """The vision tower without its last layer and its head, as LLaVA uses it.

    Its sizes come from `folder`, else from the tower's name. Raises UserError in one line without either.
    """
    if folder is not None:
        stated = read_json(folder / "config.json")
        stated = stated.get("vision_config", stated)
        if not isinstance(stated, dict) or stated.get("model_type", "siglip_vision_model") != "siglip_vision_model":
            raise UserError(f"{folder} is not a SigLIP vision tower")
        sizes = {name: stated[name] for name in _TOWER_KEYS if name in stated}
    elif settings.vision_tower in KNOWN_TOWERS:
        sizes = dict(KNOWN_TOWERS[settings.vision_tower])
    else:
        raise UserError(
            f"the sizes of the vision tower {settings.vision_tower[:80]!r} aren't known; name a folder with its "
            "config.json with --vision-tower"
        )
    headless: dict[str, Any] = {"vision_use_head": False}
    try:
        whole: Any = SiglipVisionConfig(**sizes, **headless)
        if not 1 < whole.num_hidden_layers < 1000 or not 0 < whole.patch_size <= whole.image_size < 10_000:
            raise UserError("its sizes make no sense")
        whole.num_hidden_layers -= 1
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise UserError(f"the vision tower of {folder or settings.vision_tower}: {first_line(error)}") from error
    return whole


def open_tokenizer(source: Path) -> Any:
    """The checkpoint's tokenizer with tokens for pictures and videos. Raises UserError in one line without one."""
    if not any((source / name).is_file() for name in ("tokenizer.json", "vocab.json")):
        raise UserError(f"{source} has no usable tokenizer: neither tokenizer.json nor vocab.json is there")
    try:
        # Both Qwens have Qwen2's tokenizer; the checkpoint's own config would name LLaVA's, or nothing.
        tokenizer = AutoTokenizer.from_pretrained(
            source, config=Qwen2Config(), trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{source} has no usable tokenizer: {first_line(error)[:200]}") from error
    for token in (IMAGE, VIDEO):
        if token not in tokenizer.get_vocab():
            tokenizer.add_tokens([AddedToken(token, special=True, normalized=False)], special_tokens=True)
    if END not in tokenizer.get_vocab():
        raise UserError(f"{source}: its tokenizer has no {END}, so it isn't one of Qwen's ChatML tokenizers")
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.padding_side = "left"
    return tokenizer


def build_config(settings: Settings, tower: Any, tokenizer: Any) -> Any:
    """The model's config; its embeddings have a row for every token, and a multiple of 64 rows.

    Raises UserError in one line when the checkpoint's config can't be a Qwen's.
    """
    kind: Any = {"qwen2": Qwen2Config, "qwen3": Qwen3Config}[settings.language["model_type"]]
    stated = {name: value for name, value in settings.language.items() if name != "model_type"}
    try:
        language: Any = kind(**stated)
    except (StrictDataclassError, TypeError, ValueError, KeyError) as error:
        raise UserError(f"config.json states no {kind.model_type}: {first_line(error)[:200]}") from error
    rows = max(language.vocab_size, len(tokenizer))
    language.vocab_size = ceil(rows / PADDED_TO) * PADDED_TO
    return LlavaOnevisionConfig(
        vision_config=tower,
        text_config=language,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        video_token_index=tokenizer.convert_tokens_to_ids(VIDEO),
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        projector_hidden_act="gelu",
        image_grid_pinpoints=read_pinpoints(settings.pinpoints, tower.image_size),
        vision_aspect_ratio=f"anyres_max_{settings.max_views}",
        tie_word_embeddings=settings.tied,
        architectures=["LlavaOnevisionForConditionalGeneration"],
    )


def write_processor(config: Any, tokenizer: Any, folder: Path) -> None:
    """Write the processor: pictures are resized as Pillow does by default (bicubic) and scaled to −1…1, as for SigLIP.

    Its video processor is written as settings, for the class itself needs torchvision.
    """
    tower = config.vision_config
    pictures: dict[str, Any] = {
        "size": {"height": tower.image_size, "width": tower.image_size},
        "resample": int(Image.Resampling.BICUBIC),
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    processor = for_pictures(LlavaOnevisionProcessor)(
        image_processor=LlavaOnevisionImageProcessorPil(**pictures, image_grid_pinpoints=config.image_grid_pinpoints),
        tokenizer=tokenizer,
        num_image_tokens=(tower.image_size // tower.patch_size) ** 2,
        vision_feature_select_strategy="full",
        vision_aspect_ratio=config.vision_aspect_ratio,
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE,
        video_token=VIDEO,
    )
    processor.save_pretrained(folder)
    path = folder / "processor_config.json"
    written = read_json(path) | {
        "video_processor": {"video_processor_type": "LlavaOnevisionVideoProcessor", **pictures}
    }
    path.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def build_generation_config(source: Path, tokenizer: Any) -> GenerationConfig:
    """The checkpoint's generation config if it has one, ending at ChatML's end of a turn in any case."""
    path = source / "generation_config.json"
    config = GenerationConfig.from_dict(read_json(path)) if path.is_file() else GenerationConfig()
    stated = config.eos_token_id
    ends = [stated] if isinstance(stated, int) else list(stated or [])
    ends += [tokenizer.convert_tokens_to_ids(END), tokenizer.eos_token_id]
    config.eos_token_id = list(dict.fromkeys(end for end in ends if end is not None))
    config.pad_token_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return config
