"""Processors for pictures alone, whether torchvision is there or not."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import transformers
from PIL import Image
from transformers.image_processing_backends import PilBackend

from sightscale.model_adapters.convert.parts import write_processor
from sightscale.model_adapters.engines import processors
from sightscale.model_adapters.engines.processors import for_pictures, open_processor
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.tasks.errors import UserError
from sightscale.trainers.model.build import build_tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA-OneVision processor's files."""
    tokenizer = build_tokenizer(["user assistant what is it?"], 300)
    tokenizer.add_tokens(["<video>"], special_tokens=True)
    config = transformers.LlavaOnevisionConfig(
        vision_config={"image_size": 28, "patch_size": 14, "model_type": "siglip_vision_model"},
        image_grid_pinpoints=[[28, 28], [28, 56]],
    )
    made = tmp_path_factory.mktemp("processor")
    write_processor(config, tokenizer, made)
    return made


def test_a_processor_opens_without_its_half_for_videos(folder: Path) -> None:
    processor = open_processor(folder, "llava_onevision")
    assert isinstance(processor, transformers.LlavaOnevisionProcessor)
    assert isinstance(processor.image_processor, PilBackend)
    assert "video_processor" not in processor.get_attributes()
    inputs = processor(images=[[Image.new("RGB", (40, 20))]], text=["<image>what"], return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 3, 3, 28, 28)
    assert int((inputs["input_ids"] == processor.image_token_id).sum()) == 4 + 2 * (4 + 1)


def test_it_is_saved_as_what_it_is_a_part_of(folder: Path, tmp_path: Path) -> None:
    open_processor(folder, "llava_onevision").save_pretrained(tmp_path)
    assert '"processor_class": "LlavaOnevisionProcessor"' in (tmp_path / "processor_config.json").read_text()


def test_a_class_without_videos_is_opened_as_it_is(random_nano: Path) -> None:
    opened = open_processor(random_nano, "llava")
    assert type(opened) is transformers.LlavaProcessor
    assert for_pictures(transformers.LlavaProcessor).get_attributes() == ["image_processor", "tokenizer"]


NEXT = {"patch_size": 112, "vision_feature_select_strategy": "full"}
ORDERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llava_next_video": ("LlavaNextVideoProcessor", "LlavaNextImageProcessorPil", NEXT),
    "video_llava": ("VideoLlavaProcessor", "VideoLlavaImageProcessor", {"patch_size": 112}),
    "perception_lm": ("PerceptionLMProcessor", "SiglipImageProcessorPil", {"patch_size": 56}),
    "qwen2_vl": ("Qwen2VLProcessor", "Qwen2VLImageProcessorPil", {}),
}


@pytest.mark.parametrize("model_type", list(ORDERS))
def test_the_other_parts_keep_their_places_wherever_videos_stand(model_type: str, tmp_path: Path) -> None:
    """Three of these classes name the video processor before others, and hand parts on by position."""
    name, images, settings = ORDERS[model_type]
    tokenizer = build_tokenizer(["user assistant what is it?"], 300)
    tokenizer.add_tokens(["<video>"], special_tokens=True)
    tokenizer.save_pretrained(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        tmp_path, extra_special_tokens={"image_token": "<image>", "video_token": "<video>"}
    )
    made = for_pictures(getattr(transformers, name))(
        image_processor=getattr(transformers, images)(), tokenizer=tokenizer, **settings
    )
    made.save_pretrained(tmp_path)
    opened = open_processor(tmp_path, model_type)
    assert isinstance(opened, getattr(transformers, name)) and opened.video_processor.size is None
    assert type(opened.image_processor).__name__ == images and opened.tokenizer.get_vocab() == tokenizer.get_vocab()
    assert all(getattr(opened, key) == value for key, value in settings.items())
    inputs = opened(images=[[Image.new("RGB", (56, 28))]], text=["<image>what"], return_tensors="pt")
    assert int((inputs["input_ids"] == tokenizer.image_token_id).sum()) > 1  # as many as the picture has patches
    assert any(key.startswith("pixel_values") for key in inputs)


def test_pictures_go_through_pillow_whatever_is_installed(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_tiny("qwen2_vl", tmp_path / "qwen2_vl")
    monkeypatch.setattr(processors, "has_torchvision", lambda: True)
    assert open_processor(folder, "qwen2_vl").image_processor.backend == "pil"
    assert processors.mark_backend(folder, "qwen2_vl") == ""
    config = folder / "processor_config.json"
    config.write_text(config.read_text().replace("Qwen2VLImageProcessorPil", "Qwen2VLImageProcessorFast"))
    assert open_processor(folder, "qwen2_vl").image_processor.backend == "pil"


def test_a_processor_for_torchvision_alone_is_named_in_the_identity(
    write_tiny: Callable[[str, Path], Path], tmp_path: Path
) -> None:
    folder = write_tiny("lfm2_vl", tmp_path / "lfm2_vl")
    engine = TransformersEngine(str(folder), dtype="float32")
    assert engine.identity == identify(str(folder), "float32")
    assert engine.identity.endswith("|pictures=torchvision")
    assert processors.mark_backend(tmp_path, "qwen2_vl") == ""  # before its files are here


@pytest.mark.skipif(find_spec("torchvision") is not None, reason="torchvision is installed")
def test_what_torch_cannot_resize_asks_for_torchvision(write_tiny: Callable[[str, Path], Path], tmp_path: Path) -> None:
    folder = write_tiny("lfm2_vl", tmp_path / "lfm2_vl")
    config = folder / "processor_config.json"
    settings = json.loads(config.read_text())
    settings["image_processor"]["resample"] = int(Image.Resampling.LANCZOS)
    config.write_text(json.dumps(settings))
    with pytest.raises(UserError, match="needs torchvision, which isn't installed: pip install torchvision"):
        TransformersEngine(str(folder))
