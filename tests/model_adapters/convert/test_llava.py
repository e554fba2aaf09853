"""A converted checkpoint computes what LLaVA-NeXT's own code computes.

The reference is the forward pass written from the algorithm (LLaVA-NeXT, LLaVA-OneVision) with transformers'
SigLIP and Qwen as separate parts, and nothing of its LlavaOnevision.
"""

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoTokenizer

from sightscale.model_adapters.convert.llava import convert
from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.processors import open_processor

QUESTION = "What is it? Answer: the red"
SQUARE, WIDE, TALL, LARGE = (28, 28), (101, 40), (37, 90), (150, 131)


def picture(size: tuple[int, int]) -> Image.Image:
    """Colours that differ everywhere, so that a tile in the wrong place is noticed."""
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def converted_inputs(target: Path, shown: Image.Image) -> Any:
    """What the converted processor makes of a question about one picture."""
    processor = open_processor(target, "llava_onevision")
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    return processor(images=[[shown]], text=[text], return_tensors="pt")


@pytest.mark.parametrize(
    ("backbone", "tied", "shards", "most"),
    [("qwen3", True, 1, 9), ("qwen3", False, 3, 2), ("qwen2", True, 2, 9), ("qwen2", False, 1, 9)],
)
def test_logits_equal_those_of_the_original_algorithm(
    backbone: str,
    tied: bool,
    shards: int,
    most: int,
    tmp_path: Path,
    tower: Any,
    make_checkpoint: Any,
    load_weights: Any,
) -> None:
    folder, siglip = tower
    source, target = tmp_path / "source", tmp_path / "target"
    language = make_checkpoint(
        source, backbone, tied=tied, shards=shards, tower=siglip, image_aspect_ratio=f"anyres_max_{most}"
    )
    done = convert(source, target, vision_tower=folder)
    assert done.vision_tower == "checkpoint" and done.tensors_written == len(load_weights(source))
    model, told = AutoModelForImageTextToText.from_pretrained(target, dtype=torch.float32, output_loading_info=True)
    assert not any(told.values())
    assert model.config.tie_word_embeddings is tied
    assert (model.lm_head.weight is model.get_input_embeddings().weight) is tied
    config = json.loads((source / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(source)
    lengths = []
    for size in (SQUARE, WIDE, TALL, LARGE):
        with torch.inference_mode():
            ours = model(**converted_inputs(target, picture(size))).logits[0]
        theirs = logits_by_hand(language, siglip, load_weights(source), config, tokenizer, picture(size), QUESTION)
        rows = theirs.shape[1]
        assert len(ours) == len(theirs)
        assert torch.allclose(ours[:, :rows], theirs, atol=2e-4), size
        assert not (ours.argmax(-1) >= rows).any()  # a row that was added is never the likeliest token
        lengths.append(len(theirs))
    assert lengths[0] < min(lengths[1:])
    words = lengths[0] - 16 - 4 * 5  # the square picture's base view, and one tile with its four newlines
    tiles = lengths[3] - words - 16  # the large picture's 21 × 24 features were made fewer
    assert most * 16 * 0.8 < tiles < most * 16 * 1.3


def test_a_grid_list_keeps_its_order_and_its_sides(
    tmp_path: Path, tower: Any, make_checkpoint: Any, load_weights: Any
) -> None:
    folder, siglip = tower
    grids = [[28, 56], [84, 28], [28, 112]]  # width and height
    language = make_checkpoint(tmp_path / "source", tower=siglip, image_grid_pinpoints=grids)
    convert(tmp_path / "source", tmp_path / "target", vision_tower=folder)
    model = AutoModelForImageTextToText.from_pretrained(tmp_path / "target", dtype=torch.float32)
    assert model.config.image_grid_pinpoints == [[56, 28], [28, 84], [112, 28]]
    weights, config = (
        load_weights(tmp_path / "source"),
        {"mm_vision_select_layer": -2, "image_aspect_ratio": "anyres_max_9"},
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "source")
    for size in (SQUARE, WIDE, TALL, LARGE):
        shown = picture(size)
        with torch.inference_mode():
            ours = model(**converted_inputs(tmp_path / "target", shown)).logits[0]
        asked = (language, siglip, weights, config | {"image_grid_pinpoints": grids}, tokenizer)
        theirs = logits_by_hand(*asked, shown, QUESTION)
        assert torch.allclose(ours[:, : theirs.shape[1]], theirs, atol=2e-4), size
        turned = logits_by_hand(*asked, shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT), QUESTION)
        assert not torch.allclose(turned, theirs, atol=2e-2)  # so equality above says something


def test_the_processor_sees_pictures_as_the_original_does(tmp_path: Path, tower: Any, make_checkpoint: Any) -> None:
    folder, siglip = tower
    make_checkpoint(tmp_path / "source", tower=siglip)
    convert(tmp_path / "source", tmp_path / "target", vision_tower=folder)
    grids = [(28 * width, 28 * height) for width in range(1, 7) for height in range(1, 7)]
    for size in (SQUARE, WIDE, TALL, LARGE, (333, 12), (500, 400)):
        shown = picture(size)
        ours = converted_inputs(tmp_path / "target", shown)["pixel_values"][0]
        theirs = views(shown, choose_grid(size, grids))
        assert ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-6)


def test_the_prompt_keeps_the_system_turn_unless_there_is_another(
    tmp_path: Path, tower: Any, make_checkpoint: Any
) -> None:
    folder, siglip = tower
    make_checkpoint(tmp_path / "source", tower=siglip)
    convert(tmp_path / "source", tmp_path / "target", vision_tower=folder)
    engine: Any = open_engine(str(tmp_path / "target"), dtype="float32")
    prompt = Prompt((Message("user", (picture(WIDE), "What?")),))
    assert engine._render(prompt, Decoding(1)) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image>\nWhat?<|im_end|>\n<|im_start|>assistant\n"
    )
    other = Prompt((Message("system", ("Be brief.",)), Message("user", ("What?",))))
    assert engine._render(other, Decoding(1)).startswith(
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat?"
    )
    answers = engine.generate([prompt, other], Decoding(6))
    assert [answer.error for answer in answers] == [None, None] and answers[0].input_tokens > 40


def test_a_tower_from_a_folder_and_another_type_of_numbers(
    tmp_path: Path, heavy_tower: Any, make_checkpoint: Any, load_weights: Any
) -> None:
    folder, siglip = heavy_tower
    make_checkpoint(tmp_path / "source", dtype=torch.bfloat16)
    kept = convert(tmp_path / "source", tmp_path / "kept", vision_tower=folder)
    assert (kept.vision_tower, kept.dtype) == ("folder", "bfloat16")
    assert kept.left_behind == 16 + 11  # the tower's last layer and its head
    written = load_weights(tmp_path / "kept")
    assert {tensor.dtype for tensor in written.values()} == {torch.bfloat16}
    name = "encoder.layers.1.mlp.fc2.bias"
    assert torch.equal(written[f"vision_tower.vision_model.{name}"], siglip.state_dict()[name].bfloat16())
    assert json.loads((tmp_path / "kept" / "config.json").read_text())["dtype"] == "bfloat16"
    convert(tmp_path / "source", tmp_path / "wide", dtype="float32", vision_tower=folder)
    assert {tensor.dtype for tensor in load_weights(tmp_path / "wide").values()} == {torch.float32}


def test_a_large_checkpoint_is_written_in_several_files(
    tmp_path: Path, tower: Any, make_checkpoint: Any, load_weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, siglip = tower
    make_checkpoint(tmp_path / "source", shards=3, tower=siglip)
    convert(tmp_path / "source", tmp_path / "whole", vision_tower=folder)
    monkeypatch.setattr("sightscale.model_adapters.convert.weights.SHARD_BYTES", 50_000)
    convert(tmp_path / "source", tmp_path / "parts", vision_tower=folder)
    files = sorted(path.name for path in (tmp_path / "parts").glob("*.safetensors"))
    assert len(files) > 3 and files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    whole, parts = load_weights(tmp_path / "whole"), load_weights(tmp_path / "parts")
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)
    _, told = AutoModelForImageTextToText.from_pretrained(tmp_path / "parts", output_loading_info=True)
    assert not any(told.values())


def test_what_was_converted_is_recorded(tmp_path: Path, tower: Any, make_checkpoint: Any) -> None:
    folder, siglip = tower
    make_checkpoint(tmp_path / "source", shards=2, tower=siglip)
    convert(tmp_path / "source", tmp_path / "target", vision_tower=folder)
    record = json.loads((tmp_path / "target" / "conversion.json").read_text())
    files = ["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert record["source"] == "source" and record["tensors_read"] == record["tensors_written"]
    assert record["sha256"] == {
        name: hashlib.sha256((tmp_path / "source" / name).read_bytes()).hexdigest() for name in files
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]  # nothing unfinished is left


SIDE, ACROSS = 28, 4  # of a view: pixels, and features


def choose_grid(size: tuple[int, int], grids: list[tuple[int, int]]) -> tuple[int, int]:
    """The width and height that keep most of a picture's pixels, and among those waste the fewest."""

    def kept_and_wasted(grid: tuple[int, int]) -> tuple[int, int]:
        scale = min(grid[0] / size[0], grid[1] / size[1])
        kept = min(int(size[0] * scale) * int(size[1] * scale), size[0] * size[1])
        return kept, -(grid[0] * grid[1] - kept)

    return max(grids, key=kept_and_wasted)


def views(picture: Image.Image, grid: tuple[int, int]) -> torch.Tensor:
    """The whole picture squeezed into a square, then the tiles of the padded picture, row by row."""
    scale = min(grid[0] / picture.width, grid[1] / picture.height)
    if grid[0] / picture.width < grid[1] / picture.height:
        inner = (grid[0], min(math.ceil(picture.height * scale), grid[1]))
    else:
        inner = (min(math.ceil(picture.width * scale), grid[0]), grid[1])
    padded = Image.new("RGB", grid)
    padded.paste(picture.resize(inner), ((grid[0] - inner[0]) // 2, (grid[1] - inner[1]) // 2))
    tiles = [padded.crop((x, y, x + SIDE, y + SIDE)) for y in range(0, grid[1], SIDE) for x in range(0, grid[0], SIDE)]
    shown = np.stack([np.asarray(view, np.float32) for view in (picture.resize((SIDE, SIDE)), *tiles)])
    return torch.from_numpy((shown / 255 - 0.5) / 0.5).permute(0, 3, 1, 2).contiguous()


def arrange(
    features: torch.Tensor, size: tuple[int, int], grid: tuple[int, int], most: int, newline: torch.Tensor
) -> torch.Tensor:
    """The base view's features, then those of the tiles without the padding, a newline after each row."""
    base, tiles = features[0], features[1:].reshape(-1, ACROSS, ACROSS, features.shape[-1])
    columns = grid[0] // SIDE
    rows = [torch.cat(list(tiles[start : start + columns]), dim=1) for start in range(0, len(tiles), columns)]
    whole = torch.cat(rows, dim=0)  # height, width, channel
    height, width = whole.shape[:2]
    if size[0] / size[1] > width / height:
        cut = (height - int(size[1] * (width / size[0]))) // 2
        whole = whole[cut : height - cut]
    else:
        cut = (width - int(size[0] * (height / size[1]))) // 2
        whole = whole[:, cut : width - cut]
    height, width = whole.shape[:2]
    times = math.sqrt(height * width / (most * ACROSS**2))
    if times > 1.1:
        smaller = (int(height // times), int(width // times))
        whole = torch.nn.functional.interpolate(whole.permute(2, 0, 1)[None], smaller, mode="bilinear")[0].permute(
            1, 2, 0
        )
    lines = [torch.cat([row, newline[None]]) for row in whole]
    return torch.cat([base, *lines])


@torch.inference_mode()
def logits_by_hand(
    language: Any,
    tower: Any,
    weights: dict[str, torch.Tensor],
    config: dict[str, Any],
    tokenizer: Any,
    picture: Image.Image,
    question: str,
) -> torch.Tensor:
    """The logits at every position of a prompt with one picture: positions, tokens."""
    grids = [tuple(pair) for pair in config["image_grid_pinpoints"]]
    grid = choose_grid(picture.size, grids)
    seen = tower(views(picture, grid), output_hidden_states=True).hidden_states[config["mm_vision_select_layer"]]
    first, second = (
        (weights[f"model.mm_projector.{n}.weight"], weights[f"model.mm_projector.{n}.bias"]) for n in (0, 2)
    )
    joined = torch.nn.functional.linear(torch.nn.functional.gelu(torch.nn.functional.linear(seen, *first)), *second)
    most = int(re.findall(r"\d+", config["image_aspect_ratio"])[0])
    image = arrange(joined, picture.size, grid, most, weights["model.image_newline"])
    before = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    after = f"\n{question}<|im_end|>\n<|im_start|>assistant\n"
    left, right = (
        language.get_input_embeddings()(torch.tensor(tokenizer(text, add_special_tokens=False).input_ids))
        for text in (before, after)
    )
    return language(inputs_embeds=torch.cat([left, image, right])[None]).logits[0]
