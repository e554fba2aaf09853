"""Tiny checkpoints with random weights of several architectures, each written by code in its own classes."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from tokenizers.decoders import Metaspace
from tokenizers.models import Unigram
from tokenizers.normalizers import Prepend, Replace, Sequence

from sightscale.model_adapters.engines import processors
from sightscale.model_adapters.engines.picture_functions import has_torchvision, import_timm, standing_in
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


def write_tokenizer(folder: Path, **named: str) -> Any:
    """A small tokenizer that knows these tokens besides, and no chat template of its own."""
    tokenizer: Any = build_tokenizer(TEXTS, 300)
    tokenizer.chat_template = None
    tokenizer.add_tokens(list(named.values()), special_tokens=True)
    tokenizer.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder, extra_special_tokens={"image_token": "<image>", **named})


def write_bare_tokenizer(folder: Path) -> Any:
    """The same without a name for the token of a picture, which the processor adds itself."""
    tokenizer: Any = build_tokenizer(TEXTS, 300)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({key: settings[key] for key in settings if "image" not in key and "extra" not in key}))
    return transformers.AutoTokenizer.from_pretrained(folder)


def describe_tokens(tokenizer: Any) -> dict[str, Any]:
    """What a language model's configuration says of its tokenizer."""
    return {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 1024,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def find_hidden(model_type: str, name: str) -> Any:
    """A processor of pictures that transformers hides where torchvision isn't."""
    if has_torchvision():
        return getattr(transformers, name)
    with standing_in():
        module = importlib.import_module(f"transformers.models.{model_type}.image_processing_{model_type}")
    return getattr(module, name)


def save(model: Any, processor: Any, folder: Path, mark: str | None = "<image>") -> None:
    """Weights large enough that every input shows in the output, and what the processor says.

    `mark` stands for a picture in the chat template; with None there is no template.
    """
    for name, parameter in model.named_parameters():
        is_open = name.endswith("gate") or ("norm" in name.lower() and name.endswith("weight"))
        torch.nn.init.normal_(parameter, float(is_open), 0.2)
    if mark is not None:
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


def vision(kind: str, **changes: Any) -> dict[str, Any]:
    """A small tower of this type for pictures of 28 pixels."""
    return {**SMALL, "image_size": 28, "patch_size": 7, "model_type": kind, **changes}


def language(tokenizer: Any, kind: str, **changes: Any) -> dict[str, Any]:
    """A small language model of this type."""
    sizes = {**SMALL, "num_key_value_heads": 1, "head_dim": 16, "tie_word_embeddings": False}
    return {**sizes, **describe_tokens(tokenizer), "model_type": kind, **changes}


def write_llava(folder: Path) -> None:
    """CLIP, two linear layers and Llama."""
    tokenizer = write_tokenizer(folder)
    config = transformers.LlavaConfig(
        vision_config=vision("clip_vision_model", projection_dim=16),
        text_config=language(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
    )
    processor = transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=SQUARE),
        tokenizer=tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    save(transformers.LlavaForConditionalGeneration(config), processor, folder)


def write_vipllava(folder: Path) -> None:
    """LLaVA with several layers of the tower."""
    tokenizer = write_tokenizer(folder)
    config = transformers.VipLlavaConfig(
        vision_config=vision("clip_vision_model", projection_dim=16),
        text_config=language(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        vision_feature_layers=[-1, -2],
    )
    processor = transformers.LlavaProcessor(
        image_processor=transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=SQUARE),
        tokenizer=tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    save(transformers.VipLlavaForConditionalGeneration(config), processor, folder)


def write_llava_next(folder: Path) -> None:
    """LLaVA that cuts a picture into views."""
    tokenizer = write_tokenizer(folder)
    grid = [[28, 56], [56, 28], [56, 56]]
    config = transformers.LlavaNextConfig(
        vision_config=vision("clip_vision_model", projection_dim=16),
        text_config=language(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        image_grid_pinpoints=grid,
    )
    processor = transformers.LlavaNextProcessor(
        image_processor=transformers.LlavaNextImageProcessorPil(
            size={"shortest_edge": 28}, crop_size=SQUARE, image_grid_pinpoints=grid
        ),
        tokenizer=tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    save(transformers.LlavaNextForConditionalGeneration(config), processor, folder)


def write_llava_next_video(folder: Path) -> None:
    """The same for videos too."""
    tokenizer = write_tokenizer(folder, video_token="<video>")
    grid = [[28, 56], [56, 28], [56, 56]]
    config = transformers.LlavaNextVideoConfig(
        vision_config=vision("clip_vision_model", projection_dim=16),
        text_config=language(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
        image_grid_pinpoints=grid,
    )
    processor = for_pictures(transformers.LlavaNextVideoProcessor)(
        image_processor=transformers.LlavaNextImageProcessorPil(
            size={"shortest_edge": 28}, crop_size=SQUARE, image_grid_pinpoints=grid
        ),
        tokenizer=tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    save(transformers.LlavaNextVideoForConditionalGeneration(config), processor, folder)


def write_llava_onevision(folder: Path) -> None:
    """SigLIP and Qwen2, with views."""
    tokenizer = write_tokenizer(folder, video_token="<video>")
    grid = [[28, 56], [56, 28], [56, 56]]
    config = transformers.LlavaOnevisionConfig(
        vision_config=vision("siglip_vision_model", vision_use_head=False),
        text_config=language(tokenizer, "qwen2"),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
        image_grid_pinpoints=grid,
        vision_feature_layer=-1,
    )
    processor = for_pictures(transformers.LlavaOnevisionProcessor)(
        image_processor=transformers.LlavaOnevisionImageProcessorPil(size=SQUARE, image_grid_pinpoints=grid),
        tokenizer=tokenizer,
        num_image_tokens=16,
        vision_feature_select_strategy="full",
    )
    save(transformers.LlavaOnevisionForConditionalGeneration(config), processor, folder)


def write_idefics3(folder: Path) -> None:
    """SigLIP and Llama, with views and a pixel shuffle."""
    _write_idefics(folder, "Idefics3", transformers.Idefics3Processor)


def write_smolvlm(folder: Path) -> None:
    """The same for videos too, whose processor insists on a package for them."""
    _write_idefics(folder, "SmolVLM", for_pictures(processors._find_class("smolvlm")[0]), video_processor=None)


def _write_idefics(folder: Path, name: str, processor_class: Any, **parts: Any) -> None:
    marks = {"fake_image_token": "<fake_token_around_image>", "global_image_token": "<global-img>"}
    ends = {"end_of_utterance_token": "<end_of_utterance>"}
    cells = {f"row_{i}_{j}": f"<row_{i}_col_{j}>" for i in (1, 2, 3, 4) for j in (1, 2, 3, 4)}
    tokenizer = write_tokenizer(folder, **marks, **ends, **cells)
    config = getattr(transformers, f"{name}Config")(
        vision_config=vision("", patch_size=7),
        text_config=language(tokenizer, "llama"),
        image_token_id=tokenizer.image_token_id,
        pad_token_id=tokenizer.pad_token_id,
        scale_factor=2,
    )
    images = getattr(transformers, f"{name}ImageProcessorPil")(
        size={"longest_edge": 56}, max_image_size={"longest_edge": 28}
    )
    processor = processor_class(image_processor=images, tokenizer=tokenizer, image_seq_len=4, **parts)
    save(getattr(transformers, f"{name}ForConditionalGeneration")(config), processor, folder)


def write_idefics2(folder: Path) -> None:
    """SigLIP, a resampler and Mistral."""
    marks = {"image_boundary_token": "<fake_token_around_image>", "end_of_utterance_token": "<end_of_utterance>"}
    tokenizer = write_tokenizer(folder, **marks)
    resampler = {"resampler_n_latents": 4, "resampler_depth": 1, "resampler_n_heads": 2, "resampler_head_dim": 16}
    config = transformers.Idefics2Config(
        vision_config=vision(""),
        perceiver_config={**resampler, "num_key_value_heads": 1, "hidden_size": 32},
        text_config=language(tokenizer, "mistral"),
        image_token_id=tokenizer.image_token_id,
    )
    images = transformers.Idefics2ImageProcessorPil(
        size={"shortest_edge": 14, "longest_edge": 28}, do_image_splitting=False
    )
    processor = transformers.Idefics2Processor(image_processor=images, tokenizer=tokenizer, image_seq_len=4)
    save(transformers.Idefics2ForConditionalGeneration(config), processor, folder)


def write_paligemma(folder: Path) -> None:
    """SigLIP and Gemma, asked without a chat template."""
    tokenizer = write_tokenizer(folder, bos_token="<bos>")
    config = transformers.PaliGemmaConfig(
        vision_config=vision("siglip_vision_model", projection_dim=32, vision_use_head=False),
        text_config=language(tokenizer, "gemma"),
        image_token_index=tokenizer.image_token_id,
        projection_dim=32,
        hidden_size=32,
    )
    images = transformers.SiglipImageProcessorPil(size=SQUARE)
    images.image_seq_length = 16
    processor = transformers.PaliGemmaProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.PaliGemmaForConditionalGeneration(config), processor, folder, mark=None)


def write_internvl(folder: Path) -> None:
    """InternViT and Qwen2."""
    marks = {"image_token": "<IMG_CONTEXT>", "start_image_token": "<img>", "end_image_token": "</img>"}
    tokenizer = write_tokenizer(folder, **marks, video_token="<video>", context_image_token="<IMG_CONTEXT>")
    config = transformers.InternVLConfig(
        vision_config=vision("", image_size=[28, 28], patch_size=[7, 7]),
        text_config=language(tokenizer, "qwen2"),
        image_token_id=tokenizer.image_token_id,
        image_seq_length=4,
    )
    processor = for_pictures(transformers.InternVLProcessor)(
        image_processor=transformers.GotOcr2ImageProcessorPil(size=SQUARE, crop_to_patches=True, max_patches=4),
        tokenizer=tokenizer,
        image_seq_length=4,
    )
    save(transformers.InternVLForConditionalGeneration(config), processor, folder, mark="<IMG_CONTEXT>")


def write_aya_vision(folder: Path) -> None:
    """SigLIP and Cohere 2."""
    marks = {
        "start": "<|START_OF_IMG|>",
        "end": "<|END_OF_IMG|>",
        "patch": "<|IMG_PATCH|>",
        "line": "<|IMG_LINE_BREAK|>",
    }
    tiles = {"tile": "TILE", "whole": "TILE_GLOBAL"}
    tokenizer = write_tokenizer(folder, **marks, **tiles)
    config = transformers.AyaVisionConfig(
        vision_config=vision("siglip_vision_model", vision_use_head=False),
        text_config=language(tokenizer, "cohere2", tie_word_embeddings=True),
        image_token_index=tokenizer.convert_tokens_to_ids("<|IMG_PATCH|>"),
        tie_word_embeddings=True,
    )
    processor = transformers.AyaVisionProcessor(
        image_processor=transformers.GotOcr2ImageProcessorPil(size=SQUARE, crop_to_patches=True, max_patches=4),
        tokenizer=tokenizer,
        patch_size=7,
        img_size=28,
        downsample_factor=2,
    )
    save(transformers.AyaVisionForConditionalGeneration(config), processor, folder)


def write_cohere2_vision(folder: Path) -> None:
    """SigLIP and Cohere 2, whose pictures' processor is written for torchvision alone."""
    marks = {"boi_token": "<|START_OF_IMG|>", "eoi_token": "<|END_OF_IMG|>", "line": "<|IMG_LINE_BREAK|>"}
    tokenizer = write_tokenizer(folder, image_token="<|IMG_PATCH|>", img_line_break_token="<|IMG_LINE_BREAK|>", **marks)
    config = transformers.Cohere2VisionConfig(
        vision_config=vision("siglip_vision_model", vision_use_head=False),
        text_config=language(tokenizer, "cohere2", tie_word_embeddings=True),
        image_token_id=tokenizer.image_token_id,
        alignment_intermediate_size=64,
    )
    images = find_hidden("cohere2_vision", "Cohere2VisionImageProcessor")(
        size=SQUARE, crop_to_patches=True, max_patches=4
    )
    images.patch_size = 2  # patches along a side of a tile
    processor = transformers.Cohere2VisionProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.Cohere2VisionForConditionalGeneration(config), processor, folder, mark="<|IMG_PATCH|>")


def write_lfm2_vl(folder: Path) -> None:
    """SigLIP 2 and LFM 2, whose pictures' processor is written for torchvision alone."""
    marks = {"image_start_token": "<|image_start|>", "image_end_token": "<|image_end|>"}
    tokenizer = write_tokenizer(folder, **marks, image_thumbnail="<|img_thumbnail|>")
    config = transformers.Lfm2VlConfig(
        vision_config=vision("siglip2_vision_model", patch_size=8, num_patches=16, vision_use_head=False),
        text_config=language(
            tokenizer, "lfm2", layer_types=["conv", "full_attention"], conv_L_cache=3, block_ff_dim=48
        ),
        image_token_id=tokenizer.image_token_id,
        projector_hidden_size=32,
    )
    images = find_hidden("lfm2_vl", "Lfm2VlImageProcessor")(
        tile_size=32, encoder_patch_size=8, min_image_tokens=1, max_image_tokens=4, max_num_patches=16, max_tiles=4
    )
    processor = transformers.Lfm2VlProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.Lfm2VlForConditionalGeneration(config), processor, folder)


def write_mistral3(folder: Path) -> None:
    """Pixtral's tower and Mistral."""
    marks = {"image_token": "[IMG]", "image_break_token": "[IMG_BREAK]", "image_end_token": "[IMG_END]"}
    tokenizer = write_tokenizer(folder, **marks)
    config = transformers.Mistral3Config(
        vision_config=vision("pixtral", head_dim=16),
        text_config=language(tokenizer, "mistral"),
        image_token_index=tokenizer.image_token_id,
        tie_word_embeddings=False,
    )
    images = transformers.PixtralImageProcessorPil(size={"longest_edge": 28}, patch_size={"height": 14, "width": 14})
    processor = processors._find_class("mistral3")[0](
        image_processor=images, tokenizer=tokenizer, patch_size=7, spatial_merge_size=2
    )
    save(transformers.Mistral3ForConditionalGeneration(config), processor, folder, mark="[IMG]")


def _write_qwen(folder: Path, name: str, processor_class: Any, tower: dict[str, Any], text: dict[str, Any]) -> None:
    marks = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    ends = {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    tokenizer = write_tokenizer(folder, **marks, **ends)
    words = language(tokenizer, "", **text)
    words.pop("model_type")
    config = getattr(transformers, f"{name}Config")(
        text_config=words,
        vision_config={
            "depth": 2,
            "num_heads": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "patch_size": 7,
            **tower,
        },
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in (*marks, *ends)},
    )
    images = transformers.Qwen2VLImageProcessorPil(patch_size=7, size={"shortest_edge": 196, "longest_edge": 3136})
    processor = for_pictures(processor_class)(image_processor=images, tokenizer=tokenizer)
    mark = "<|vision_start|><|image_pad|><|vision_end|>"
    save(getattr(transformers, f"{name}ForConditionalGeneration")(config), processor, folder, mark=mark)


STATE = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
MROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}


def write_qwen2_5_vl(folder: Path) -> None:
    """Qwen2-VL whose tower looks at windows."""
    tower = {"out_hidden_size": 32, "window_size": 28, "fullatt_block_indexes": [1]}
    _write_qwen(folder, "Qwen2_5_VL", transformers.Qwen2_5_VLProcessor, tower, {"rope_parameters": MROPE})


def write_qwen3_vl(folder: Path) -> None:
    """Qwen3-VL, whose layers get the tower's layers."""
    tower = {"out_hidden_size": 32, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    _write_qwen(folder, "Qwen3VL", transformers.Qwen3VLProcessor, tower, {"rope_parameters": MROPE})


def write_qwen3_5(folder: Path) -> None:
    """Qwen3.5, whose layers keep a state."""
    text = {"rope_parameters": {**MROPE, "partial_rotary_factor": 1.0}, **STATE}
    tower = {"out_hidden_size": 32, "num_position_embeddings": 64}
    _write_qwen(folder, "Qwen3_5", transformers.Qwen3VLProcessor, tower, text)


def write_glm4v(folder: Path) -> None:
    """GLM-4V, whose pictures keep their shape."""
    marks = {"image_token": "<|image|>", "video_token": "<|video|>"}
    ends = {f"{kind}_{end}_token": f"<|{word}_of_{kind}|>" for kind in ("image", "video") for end, word in ENDS.items()}
    tokenizer = write_tokenizer(folder, **marks, **ends)
    words = language(tokenizer, "glm4v_text", rope_parameters={**MROPE, "partial_rotary_factor": 1.0})
    tower = {"depth": 2, "num_heads": 2, "hidden_size": 32, "intermediate_size": 48, "patch_size": 7, "image_size": 56}
    config = transformers.Glm4vConfig(
        text_config=words,
        vision_config={**tower, "out_hidden_size": 32},
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in (*marks, *ends)},
    )
    images = transformers.Glm4vImageProcessorPil(patch_size=7, size={"shortest_edge": 392, "longest_edge": 6272})
    processor = for_pictures(transformers.Glm4vProcessor)(image_processor=images, tokenizer=tokenizer)
    mark = "<|begin_of_image|><|image|><|end_of_image|>"
    save(transformers.Glm4vForConditionalGeneration(config), processor, folder, mark=mark)


ENDS = {"start": "begin", "end": "end"}


def write_video_llama_3(folder: Path) -> None:
    """A SigLIP for any shape and Qwen2."""
    tokenizer = write_tokenizer(folder, image_token="<|image_pad|>", video_token="<|video_pad|>")
    tower = vision("", patch_size=7)
    tower.pop("image_size")
    config = transformers.VideoLlama3Config(
        vision_config=tower,
        text_config=language(tokenizer, "qwen2"),
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = transformers.VideoLlama3ImageProcessorPil(
        patch_size=7, merge_size=1, size={"shortest_edge": 196, "longest_edge": 1568}
    )
    processor = for_pictures(transformers.VideoLlama3Processor)(image_processor=images, tokenizer=tokenizer)
    save(transformers.VideoLlama3ForConditionalGeneration(config), processor, folder, mark="<|image_pad|>")


def write_paddleocr_vl(folder: Path) -> None:
    """A SigLIP for any shape and Ernie, for reading."""
    marks = {"image_token": "<|IMAGE_PLACEHOLDER|>", "video_token": "<|VIDEO|>"}
    ends = {"vision_start_token": "<|IMAGE_START|>", "vision_end_token": "<|IMAGE_END|>"}
    tokenizer = write_tokenizer(folder, **marks, **ends)
    words = language(tokenizer, "paddleocr_vl_text", rope_parameters=MROPE)
    config = transformers.PaddleOCRVLConfig(
        text_config=words,
        vision_config=vision("paddleocr_vl_vision", patch_size=7),
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in (*marks, *ends)},
    )
    images = transformers.PaddleOCRVLImageProcessorPil(patch_size=7, size={"shortest_edge": 196, "longest_edge": 3136})
    processor = transformers.PaddleOCRVLProcessor(image_processor=images, tokenizer=tokenizer)
    mark = "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"
    save(transformers.PaddleOCRVLForConditionalGeneration(config), processor, folder, mark=mark)


def write_deepseek_vl(folder: Path) -> None:
    """SigLIP and Llama."""
    tokenizer = write_tokenizer(folder)
    config = transformers.DeepseekVLConfig(
        vision_config=vision("siglip_vision_model", vision_use_head=False),
        text_config=language(tokenizer, "llama"),
        image_token_id=tokenizer.image_token_id,
    )
    images = transformers.DeepseekVLImageProcessorPil(size=SQUARE, min_size=7)
    processor = transformers.DeepseekVLProcessor(image_processor=images, tokenizer=tokenizer, num_image_tokens=16)
    save(transformers.DeepseekVLForConditionalGeneration(config), processor, folder)


def write_janus(folder: Path) -> None:
    """SigLIP and Llama, with a half that draws."""
    tokenizer = write_tokenizer(folder, boi_token="<begin_of_image>", eoi_token="<end_of_image>")
    draws = {"embed_dim": 8, "num_embeddings": 16, "latent_channels": 32, "base_channels": 32, "num_patches": 4}
    config = transformers.JanusConfig(
        vision_config={**vision("janus_vision_model"), "projection_dim": 32, "num_image_tokens": 16},
        text_config=language(tokenizer, "llama"),
        vq_config={
            **draws,
            "channel_multiplier": [1],
            "num_res_blocks": 1,
            "projection_dim": 32,
            "image_token_embed_dim": 32,
        },
        image_token_id=tokenizer.image_token_id,
    )
    images = transformers.JanusImageProcessorPil(size=SQUARE, min_size=7)
    processor = transformers.JanusProcessor(image_processor=images, tokenizer=tokenizer, num_image_tokens=16)
    save(transformers.JanusForConditionalGeneration(config), processor, folder)


def write_ovis2(folder: Path) -> None:
    """A tower whose pictures are words of their own, and Qwen2."""
    names = ("START", "GRID", "COL", "ROW", "END")
    tokenizer = write_tokenizer(folder, atom="<IMG_ATOM>", **{name: f"<IMG_{name}>" for name in names})
    marks = tokenizer.convert_tokens_to_ids([f"<IMG_{name}>" for name in names])
    tower = {**vision(""), "vocab_size": 64, "hidden_stride": 2, "num_visual_indicator_tokens": 5}
    config = transformers.Ovis2Config(
        vision_config=tower,
        text_config=language(tokenizer, "qwen2"),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_ATOM>"),
        visual_indicator_token_ids=marks,
        vocab_size=len(tokenizer),
        hidden_size=32,
    )
    images = transformers.Ovis2ImageProcessorPil(size=SQUARE, crop_to_patches=True, max_patches=4)
    processor = transformers.Ovis2Processor(image_processor=images, tokenizer=tokenizer, image_seq_length=4)
    save(transformers.Ovis2ForConditionalGeneration(config), processor, folder)


def write_video_llava(folder: Path) -> None:
    """LLaVA with a tower for videos."""
    tokenizer = write_tokenizer(folder, video_token="<video>")
    config = transformers.VideoLlavaConfig(
        vision_config=vision("clip_vision_model", projection_dim=16),
        text_config=language(tokenizer, "llama"),
        image_token_index=tokenizer.image_token_id,
        video_token_index=tokenizer.video_token_id,
    )
    processor = for_pictures(transformers.VideoLlavaProcessor)(
        image_processor=transformers.VideoLlavaImageProcessor(size={"shortest_edge": 28}, crop_size=SQUARE),
        tokenizer=tokenizer,
        patch_size=7,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    save(transformers.VideoLlavaForConditionalGeneration(config), processor, folder)


def write_blip_2(folder: Path) -> None:
    """A tower, a Q-Former and OPT, asked without a chat template."""
    tokenizer = write_bare_tokenizer(folder)
    former = {**SMALL, "encoder_hidden_size": 32, "cross_attention_frequency": 1}
    text = language(tokenizer, "opt", ffn_dim=48, word_embed_proj_dim=32)
    config = transformers.Blip2Config(
        vision_config=vision(""),
        qformer_config=former,
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.BlipImageProcessorPil(size=SQUARE)
    processor = transformers.Blip2Processor(image_processor=images, tokenizer=tokenizer, num_query_tokens=4)
    save(transformers.Blip2ForConditionalGeneration(config), processor, folder, mark=None)


def write_instructblip(folder: Path) -> None:
    """The same, whose Q-Former reads the question."""
    tokenizer = write_bare_tokenizer(folder)
    former = {**SMALL, "encoder_hidden_size": 32, "cross_attention_frequency": 1, "vocab_size": len(tokenizer)}
    text = language(tokenizer, "opt", ffn_dim=48, word_embed_proj_dim=32)
    config = transformers.InstructBlipConfig(
        vision_config=vision(""),
        qformer_config=former,
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    processor = transformers.InstructBlipProcessor(
        image_processor=transformers.BlipImageProcessorPil(size=SQUARE),
        tokenizer=tokenizer,
        qformer_tokenizer=tokenizer,
        num_query_tokens=4,
    )
    save(transformers.InstructBlipForConditionalGeneration(config), processor, folder, mark=None)


def write_kosmos2(folder: Path) -> None:
    """CLIP and a decoder, which writes places as patches; asked without a chat template."""
    tokenizer = write_tokenizer(folder, bos_token="<s>", unk_token="<unk>")
    processor = transformers.Kosmos2Processor(
        image_processor=transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=SQUARE),
        tokenizer=tokenizer,
        num_patch_index_tokens=64,
    )
    described = describe_tokens(tokenizer)
    text = {"embed_dim": 32, "layers": 2, "ffn_dim": 48, "attention_heads": 2, **described}
    config = transformers.Kosmos2Config(
        vision_config=vision("kosmos_2_vision_model"), text_config=text, latent_query_num=64
    )
    save(transformers.Kosmos2ForConditionalGeneration(config), processor, folder, mark=None)


def write_got_ocr2(folder: Path) -> None:
    """SAM's tower and Qwen2, for reading; asked without a chat template."""
    tokenizer = write_tokenizer(folder, image_token="<imgpad>", start="<img>", end="</img>")
    tower = {"hidden_size": 32, "output_channels": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 48}
    config = transformers.GotOcr2Config(
        vision_config={**tower, "image_size": 1024, "patch_size": 16, "global_attn_indexes": [], "window_size": 2},
        text_config=language(tokenizer, "qwen2"),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=256,
    )
    images = transformers.GotOcr2ImageProcessorPil(size={"height": 1024, "width": 1024})
    processor = transformers.GotOcr2Processor(image_processor=images, tokenizer=tokenizer)
    save(transformers.GotOcr2ForConditionalGeneration(config), processor, folder, mark=None)


def write_t5gemma2(folder: Path) -> None:
    """An encoder that sees, and a decoder that writes apart from the prompt."""
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = write_tokenizer(folder, bos_token="<bos>", **marks)
    words = language(tokenizer, "", sliding_window=64, tie_word_embeddings=True)
    words.pop("model_type")
    encoder = {
        "text_config": words,
        "vision_config": vision("siglip_vision_model", vision_use_head=False),
        "mm_tokens_per_image": 4,
        "image_token_index": tokenizer.image_token_id,
        "boi_token_index": tokenizer.boi_token_id,
        "eoi_token_index": tokenizer.eoi_token_id,
    }
    config = transformers.T5Gemma2Config(
        encoder=encoder,
        decoder=words,
        image_token_index=tokenizer.image_token_id,
        eoi_token_index=tokenizer.eoi_token_id,
        decoder_start_token_id=tokenizer.bos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    images = transformers.Gemma3ImageProcessorPil(size=SQUARE)
    processor = transformers.Gemma3Processor(image_processor=images, tokenizer=tokenizer, image_seq_length=4)
    save(transformers.T5Gemma2ForConditionalGeneration(config), processor, folder, mark="<start_of_image>")


def write_gemma4(folder: Path) -> None:
    """Gemma 4, whose processor's module names torchvision."""
    marks = {"boi_token": "<|image>", "eoi_token": "<image|>", "image_token": "<|image|>", "audio_token": "<|audio|>"}
    hears = {"boa_token": "<|audio>", "eoa_token": "<audio|>"}
    tokenizer = write_tokenizer(folder, bos_token="<bos>", video_token="<|video|>", **marks, **hears)
    words = language(
        tokenizer,
        "gemma4_text",
        sliding_window=64,
        tie_word_embeddings=True,
        hidden_size_per_layer_input=0,
        vocab_size_per_layer_input=len(tokenizer),
        layer_types=["sliding_attention", "full_attention"],
    )
    tower = {**SMALL, "num_key_value_heads": 2, "head_dim": 16, "patch_size": 7, "pooling_kernel_size": 2}
    config = transformers.Gemma4Config(
        text_config=words,
        vision_config={**tower, "position_embedding_size": 64},
        audio_config=None,
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in marks},
        video_token_id=tokenizer.video_token_id,
    )
    images = transformers.Gemma4ImageProcessorPil(patch_size=7, pooling_kernel_size=2, max_soft_tokens=70)
    processor = for_pictures(processors._find_class("gemma4")[0])(
        feature_extractor=transformers.Gemma4AudioFeatureExtractor(),
        image_processor=images,
        tokenizer=tokenizer,
        video_processor=None,
        image_seq_length=70,
    )
    save(transformers.Gemma4ForConditionalGeneration(config), processor, folder, mark="<|image|>")


def write_llama4(folder: Path) -> None:
    """A tower and Llama 4's experts, whose pictures' processor is written for torchvision alone."""
    names = ("image", "image_start", "image_end", "patch", "tile_x_separator", "tile_y_separator")
    tokenizer = write_tokenizer(folder, **{f"{name}_token": f"<|{name}|>" for name in names})
    tower = vision("llama4_vision_model", intermediate_size=128, vision_output_dim=32, projector_input_dim=32)
    words = language(tokenizer, "llama4_text", intermediate_size_mlp=48, num_local_experts=2, attention_chunk_size=256)
    config = transformers.Llama4Config(
        vision_config={**tower, "projector_output_dim": 32},
        text_config=words,
        image_token_index=tokenizer.convert_tokens_to_ids("<|patch|>"),
        boi_token_index=tokenizer.convert_tokens_to_ids("<|image_start|>"),
        eoi_token_index=tokenizer.convert_tokens_to_ids("<|image_end|>"),
    )
    images = find_hidden("llama4", "Llama4ImageProcessor")(size=SQUARE, max_patches=4)
    processor = transformers.Llama4Processor(image_processor=images, tokenizer=tokenizer, patch_size=7)
    save(transformers.Llama4ForConditionalGeneration(config), processor, folder, mark="<|image|>")


def write_lighton_ocr(folder: Path) -> None:
    """Pixtral's tower and Qwen3, for reading."""
    marks = {"image_token": "<|image_pad|>", "image_break_token": "<|vision_pad|>", "image_end_token": "<|vision_end|>"}
    tokenizer = write_tokenizer(folder, **marks)
    config = transformers.LightOnOcrConfig(
        vision_config=vision("pixtral", head_dim=16),
        text_config=language(tokenizer, "qwen3"),
        image_token_id=tokenizer.image_token_id,
    )
    images = transformers.PixtralImageProcessorPil(size={"longest_edge": 28}, patch_size={"height": 14, "width": 14})
    processor = transformers.LightOnOcrProcessor(
        image_processor=images, tokenizer=tokenizer, patch_size=7, spatial_merge_size=2
    )
    save(transformers.LightOnOcrForConditionalGeneration(config), processor, folder, mark="<|image_pad|>")


def write_gemma3n(folder: Path) -> None:
    """A MobileNet of timm and Gemma 3n, which hears too."""
    marks = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    hears = {"boa_token": "<start_of_audio>", "eoa_token": "<end_of_audio>", "audio_token": "<audio_soft_token>"}
    import_timm()
    tokenizer = write_tokenizer(folder, bos_token="<bos>", **marks, **hears)
    words = language(
        tokenizer,
        "gemma3n_text",
        tie_word_embeddings=True,
        sliding_window=64,
        layer_types=["sliding_attention", "full_attention"],
        num_kv_shared_layers=0,
        laurel_rank=8,
        altup_num_inputs=2,
        hidden_size_per_layer_input=8,
        vocab_size_per_layer_input=len(tokenizer),
    )
    after = len(tokenizer)  # no token is one of the tower's or of the ear's own vocabulary
    ear = {"conf_num_attention_heads": 2, "conf_num_hidden_layers": 1, "hidden_size": 16, "input_feat_size": 32}
    config = transformers.Gemma3nConfig(
        text_config=words,
        vision_config={
            "architecture": "mobilenetv5_300m_enc",
            "model_args": {"channel_multiplier": 0.01},
            "hidden_size": 2048,
            "vocab_size": 4,
            "vocab_offset": after,
        },
        audio_config={**ear, "sscp_conv_channel_size": [8, 4], "vocab_size": 4, "vocab_offset": after + 4},
        vision_soft_tokens_per_image=256,
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in (*marks, *hears)},
    )
    processor = transformers.Gemma3nProcessor(
        feature_extractor=transformers.Gemma3nAudioFeatureExtractor(feature_size=32),
        image_processor=transformers.SiglipImageProcessorPil(size={"height": 64, "width": 64}, do_normalize=False),
        tokenizer=tokenizer,
        image_seq_length=256,
    )
    save(transformers.Gemma3nForConditionalGeneration(config), processor, folder, mark="<image_soft_token>")


def write_perception_lm(folder: Path) -> None:
    """A tower of timm and Llama, whose pictures' processor is written for torchvision alone."""
    import_timm()
    tokenizer = write_tokenizer(folder, image_token="<|image|>", video_token="<|video|>")
    tower = {"embed_dim": 32, "num_heads": 2, "depth": 2, "global_pool": "", "use_post_transformer_norm": False}
    config = transformers.PerceptionLMConfig(
        vision_config={
            "architecture": "vit_pe_core_large_patch14_336",
            "model_args": {**tower, "img_size": [28, 28], "ref_feat_shape": [2, 2], "init_values": 0.1},
            "hidden_size": 32,
        },
        text_config=language(tokenizer, "llama"),
        projector_pooling_ratio=1,
        image_token_id=tokenizer.image_token_id,
        video_token_id=tokenizer.video_token_id,
    )
    images = find_hidden("perception_lm", "PerceptionLMImageProcessor")(tile_size=28, max_num_tiles=4)
    processor = for_pictures(processors._find_class("perception_lm")[0])(
        image_processor=images, tokenizer=tokenizer, patch_size=14, pooling_ratio=1
    )
    save(transformers.PerceptionLMForConditionalGeneration(config), processor, folder, mark="<|image|>")


def write_minicpmv4_6(folder: Path) -> None:
    """A SigLIP that merges patches half-way and Qwen3.5, with slices."""
    ends = ("image_start", "image_end", "slice_start", "slice_end", "image_id_start", "image_id_end")
    marks = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    tokenizer = write_tokenizer(folder, **marks, **{f"{end}_token": f"<{end}>" for end in ends})
    words = language(tokenizer, "qwen3_5_text", rope_parameters={**MROPE, "partial_rotary_factor": 1.0}, **STATE)
    tower = vision("", image_size=112)
    tower.pop("model_type")
    config = transformers.MiniCPMV4_6Config(
        text_config=words,
        vision_config=tower,
        insert_layer_id=0,
        image_size=112,
        **{f"{mark}_id": getattr(tokenizer, f"{mark}_id") for mark in marks},
    )
    images = transformers.MiniCPMV4_6ImageProcessorPil(patch_size=7, scale_resolution=56, max_slice_nums=4)
    processor = for_pictures(processors._find_class("minicpmv4_6")[0])(image_processor=images, tokenizer=tokenizer)
    save(transformers.MiniCPMV4_6ForConditionalGeneration(config), processor, folder, mark="<|image_pad|>")


def write_piece_tokenizer(folder: Path, *pieces: str) -> Any:
    """A tokenizer of pieces that puts a mark before each text, and knows these pieces besides."""
    letters = sorted({letter for text in TEXTS for letter in text} - {" "})
    likely = [("<unk>", 0.0), ("<s>", -1.0), ("</s>", -1.0), *((piece, -1.0) for piece in pieces)]
    made = Tokenizer(Unigram([*likely, ("\u2581", -5.0), *((letter, -9.0) for letter in letters)], unk_id=0))
    made.normalizer = Sequence([Prepend("\u2581"), Replace(" ", "\u2581")])
    made.decoder = Metaspace()
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<unk>"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made)
    tokenizer.add_special_tokens(names)
    tokenizer.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def write_fuyu(folder: Path) -> None:
    """Persimmon, which reads a picture's patches as they are; asked without a chat template."""
    tokenizer = write_piece_tokenizer(folder, "|SPEAKER|", "|NEWLINE|", *(f"<0x0{i}>" for i in range(5)))
    words = language(tokenizer, "persimmon", partial_rotary_factor=0.5)
    config = transformers.FuyuConfig(
        text_config=words,
        image_token_id=tokenizer.convert_tokens_to_ids("|SPEAKER|"),
        patch_size=7,
        **{name: value for name, value in words.items() if name in ("hidden_size", "vocab_size")},
    )
    images = transformers.FuyuImageProcessorPil(patch_size={"height": 7, "width": 7}, size={"height": 56, "width": 56})
    processor = transformers.FuyuProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.FuyuForCausalLM(config), processor, folder, mark=None)


def write_phi4_multimodal(folder: Path) -> None:
    """A SigLIP and Phi-4, which hears too, with an adapter for pictures; their processor is for torchvision alone."""
    tokenizer = write_tokenizer(folder, image_token="<|image|>", audio_token="<|audio|>")
    words = language(tokenizer, "", max_position_embeddings=2048)
    tower = {**SMALL, "image_token_id": tokenizer.image_token_id}  # its processor knows pictures of 448 pixels alone
    ear = {"hidden_size": 16, "intermediate_size": 24, "num_blocks": 1, "num_attention_heads": 2, "input_size": 16}
    config = transformers.Phi4MultimodalConfig(
        **{name: value for name, value in words.items() if name not in ("model_type", "head_dim")},
        vision_config=tower,
        audio_config={
            **ear,
            "ext_pw_out_channel": 16,
            "depthwise_separable_out_channel": 16,
            "nemo_conv_channels": 16,
            "audio_token_id": tokenizer.audio_token_id,
        },
    )
    images = find_hidden("phi4_multimodal", "Phi4MultimodalImageProcessor")(dynamic_hd=2)
    processor = transformers.Phi4MultimodalProcessor(
        image_processor=images,
        audio_processor=transformers.Phi4MultimodalFeatureExtractor(feature_size=16),
        tokenizer=tokenizer,
    )
    model = transformers.Phi4MultimodalForCausalLM(config)
    save(model, processor, folder, mark="<|image|>")
    layers = r"model\.layers\..*(qkv_proj|o_proj)"
    tuned = get_peft_model(model, LoraConfig(r=4, lora_alpha=16, target_modules=layers, init_lora_weights=False))
    tuned.save_pretrained(folder / "vision-lora")


def write_word_tokenizer(folder: Path) -> Any:
    """BERT's kind of tokenizer, which puts a token before each text and another behind it."""
    letters = sorted({letter for text in TEXTS for letter in text.lower()} - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    tokenizer = transformers.BertTokenizer(
        vocab={word: number for number, word in enumerate(words)},
        model_input_names=["input_ids", "attention_mask"],
    )
    tokenizer.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


def write_git(folder: Path) -> None:
    """CLIP and a decoder whose tokenizer ends every text; asked without a chat template."""
    tokenizer = write_word_tokenizer(folder)
    config = transformers.GitConfig(
        **SMALL,
        vision_config={**SMALL, "image_size": 28, "patch_size": 7},
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=SQUARE)
    processor = transformers.GitProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.GitForCausalLM(config), processor, folder, mark=None)


def write_blip(folder: Path) -> None:
    """A tower and a decoder that goes on with what is asked, for captions; asked without a chat template."""
    _write_blip(folder, transformers.BlipForConditionalGeneration)


def write_blip_vqa(folder: Path) -> None:
    """A tower, an encoder of the question and a decoder of the answer; asked without a chat template."""
    _write_blip(folder, transformers.BlipForQuestionAnswering)


def _write_blip(folder: Path, model_class: Any) -> None:
    tokenizer = write_word_tokenizer(folder)
    text = {
        **SMALL,
        "encoder_hidden_size": 32,
        "vocab_size": len(tokenizer) + 2,
        "max_position_embeddings": 1024,
        "bos_token_id": len(tokenizer),  # which its tokenizer doesn't know
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": 2,  # which ends nothing
    }
    config = transformers.BlipConfig(text_config=text, vision_config={**SMALL, "image_size": 28, "patch_size": 7})
    processor = transformers.BlipProcessor(
        image_processor=transformers.BlipImageProcessorPil(size=SQUARE), tokenizer=tokenizer
    )
    save(model_class(config), processor, folder, mark=None)


def write_pix2struct(folder: Path) -> None:
    """A tower that reads the question in the picture, and T5's decoder; asked without a chat template."""
    tokenizer = write_tokenizer(folder)
    sizes = {"hidden_size": 32, "d_ff": 48, "d_kv": 16}
    config = transformers.Pix2StructConfig(
        vision_config={**sizes, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_embed_hidden_size": 768},
        text_config={
            **sizes,
            "num_layers": 2,
            "num_heads": 2,
            "vocab_size": len(tokenizer),
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "decoder_start_token_id": tokenizer.pad_token_id,
        },
        is_vqa=True,
    )
    images = transformers.Pix2StructImageProcessorPil(is_vqa=True, max_patches=64)
    processor = transformers.Pix2StructProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.Pix2StructForConditionalGeneration(config), processor, folder, mark=None)


def write_udop(folder: Path) -> None:
    """An encoder that is given a page's words beside its picture."""
    tokenizer = write_tokenizer(folder)
    config = transformers.UdopConfig(
        d_model=32,
        d_kv=16,
        d_ff=48,
        num_layers=2,
        num_heads=2,
        image_size=28,
        patch_size=7,
        vocab_size=len(tokenizer),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    images = transformers.LayoutLMv3ImageProcessorPil(size=SQUARE)
    processor = transformers.UdopProcessor(image_processor=images, tokenizer=tokenizer)
    save(transformers.UdopForConditionalGeneration(config), processor, folder, mark=None)


WRITERS: dict[str, Callable[[Path], None]] = {
    name.removeprefix("write_"): function
    for name, function in list(globals().items())
    if name.startswith("write_") and not name.endswith("tokenizer")
}
# Those that are asked by the built-in template of a name.
OWN_TEMPLATES = ("paligemma", "blip_2", "instructblip", "kosmos2", "got_ocr2", "fuyu", "git", "blip", "pix2struct")
FAMILIES = {name: name for name in OWN_TEMPLATES} | {"blip_vqa": "blip"}
REFUSED = ("udop",)  # opening these says why they can't be measured
