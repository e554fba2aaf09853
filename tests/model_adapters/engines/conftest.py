"""Tiny checkpoints with random weights of several architectures, each written by code in its own classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from sightscale.model_adapters.engines.processors import for_pictures
from sightscale.trainers.model.build import build_tokenizer

SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
TEXTS = ["user assistant What is it? Answer: the red box. Question: Options: A. B. C. D. Description:"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}PICTURE\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}<|im_start|>assistant\n"
)
SQUARE = {"height": 28, "width": 28}


@pytest.fixture(scope="session")
def write_tiny() -> Callable[[str, Path], Path]:
    """Writes a random model of an architecture into a folder and returns the folder."""

    def write(architecture: str, folder: Path) -> Path:
        torch.manual_seed(0)
        WRITERS[architecture](folder)
        return folder

    return write


def write_tokenizer(folder: Path, **named: str) -> Any:
    """A small tokenizer that knows these tokens besides, and no chat template of its own."""
    tokenizer: Any = build_tokenizer(TEXTS, 300)
    tokenizer.chat_template = None
    tokenizer.add_tokens(list(named.values()), special_tokens=True)
    tokenizer.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": "<image>", **named})


def describe_tokens(tokenizer: Any) -> dict[str, Any]:
    """What a language model's configuration says of its tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 1024,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def save(model: Any, processor: Any, folder: Path, mark: str = "<image>") -> None:
    """Weights large enough that every input shows in the output, and what the processor says."""
    for name, parameter in model.named_parameters():
        is_open = name.endswith("gate") or ("norm" in name and name.endswith("weight"))
        torch.nn.init.normal_(parameter, float(is_open), 0.2)
    processor.chat_template = TEMPLATE.replace("PICTURE", mark)
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


def write_florence2(folder: Path) -> None:
    """DaViT and BART, whose decoder writes apart from the prompt."""
    tokenizer = write_tokenizer(folder, bos_token="<s>")
    text = transformers.BartConfig(
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        decoder_start_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        **describe_tokens(tokenizer),
    )
    sizes = {"embed_dim": (8, 8, 16, 16), "num_heads": (2, 2, 2, 2), "num_groups": (2, 2, 2, 2)}
    vision = {"depths": (1, 1, 1, 1), "projection_dim": 32, "window_size": 4, **sizes}
    config = transformers.Florence2Config(
        text_config=text.to_dict(), vision_config=vision, image_token_id=tokenizer.image_token_id
    )
    images = transformers.CLIPImageProcessorPil(size={"height": 64, "width": 64}, do_center_crop=False)
    images.image_seq_length = 4 + 1
    processor = transformers.Florence2Processor(image_processor=images, tokenizer=tokenizer)
    save(transformers.Florence2ForConditionalGeneration(config), processor, folder, mark="")


def write_mllama(folder: Path) -> None:
    """Llama with layers that attend to pictures."""
    tokenizer = write_tokenizer(folder, image_token="<|image|>", bos_token="<|begin_of_text|>")
    text = {**SMALL, **describe_tokens(tokenizer), "num_key_value_heads": 1, "cross_attention_layers": [1]}
    vision = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_global_layers": 1,
        "attention_heads": 2,
        "vision_output_dim": 32,
        "image_size": 28,
        "patch_size": 14,
        "max_num_tiles": 2,
        "intermediate_layers_indices": [0],
        "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
    }
    text["num_hidden_layers"] = 3
    config = transformers.MllamaConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.image_token_id
    )
    images = transformers.MllamaImageProcessorPil(size=SQUARE, max_image_tiles=2)
    processor = transformers.MllamaProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.MllamaForConditionalGeneration(config), processor, folder, mark="<|image|>")


def write_gemma3(folder: Path) -> None:
    """SigLIP and Gemma 3, whose pictures attend in both directions."""
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = write_tokenizer(folder, bos_token="<bos>", **marks)
    text = {**SMALL, **describe_tokens(tokenizer), "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 64}
    vision = {**SMALL, "image_size": 28, "patch_size": 7, "vision_use_head": False}
    config = transformers.Gemma3Config(
        text_config=text,
        vision_config={**vision, "model_type": "siglip_vision_model"},
        mm_tokens_per_image=4,
        image_token_id=tokenizer.image_token_id,
        boi_token_id=tokenizer.boi_token_id,
        eoi_token_id=tokenizer.eoi_token_id,
    )
    images = transformers.Gemma3ImageProcessorPil(size=SQUARE)
    processor = transformers.Gemma3Processor(image_processor=images, tokenizer=tokenizer, image_seq_length=4)
    save(transformers.Gemma3ForConditionalGeneration(config), processor, folder, mark="<start_of_image>")


def write_qwen2_vl(folder: Path) -> None:
    """Qwen2-VL, whose pictures keep their shape."""
    marks = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    ends = {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    tokenizer = write_tokenizer(folder, **marks, **ends)
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    text = {**SMALL, **describe_tokens(tokenizer), "num_key_value_heads": 1, "rope_parameters": rope}
    config = transformers.Qwen2VLConfig(
        text_config=text,
        vision_config={"depth": 2, "embed_dim": 16, "num_heads": 2, "hidden_size": 32, "patch_size": 7},
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        vision_start_token_id=tokenizer.vision_start_token_id,
        vision_end_token_id=tokenizer.vision_end_token_id,
    )
    pixels = {"shortest_edge": 14 * 14, "longest_edge": 56 * 56}
    images = transformers.Qwen2VLImageProcessorPil(patch_size=7, size=pixels)
    processor = for_pictures(transformers.Qwen2VLProcessor)(image_processor=images, tokenizer=tokenizer)
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    save(transformers.Qwen2VLForConditionalGeneration(config), processor, folder, mark=mark)


WRITERS: dict[str, Callable[[Path], None]] = {
    "florence2": write_florence2,
    "mllama": write_mllama,
    "gemma3": write_gemma3,
    "qwen2_vl": write_qwen2_vl,
}
