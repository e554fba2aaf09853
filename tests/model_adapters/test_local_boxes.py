"""A local model's boxes are read by its own files; a served one's, and an unknown one's, by what they hold."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightscale.model_adapters.end_to_end import EndToEnd
from sightscale.model_adapters.engines import Completion, Message, Prompt
from sightscale.model_adapters.local_boxes import name_convention, tell_convention
from sightscale.tasks.instructions import BOX_INSTRUCTION


def checkpoint(folder: Path, model_type: str, **processor: Any) -> str:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    if processor:
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return str(folder)


@pytest.mark.parametrize(
    ("model_type", "convention"),
    [
        ("qwen3_vl", "thousand"),
        ("llava_onevision", "unit"),
        ("gemma3", "yx_thousand"),
        ("smolvlm", "auto"),
        ("x", "auto"),
    ],
)
def test_the_model_type_tells(model_type: str, convention: str, tmp_path: Path) -> None:
    model = checkpoint(tmp_path / model_type, model_type)
    assert name_convention(model) == name_convention(f"vllm:{model}") == convention
    assert tell_convention(model)((640, 480)) == convention


def test_pixels_are_of_the_picture_that_the_model_was_shown(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "m", "qwen2_5_vl", patch_size=14, merge_size=2, min_pixels=3136, max_pixels=401408)
    assert name_convention(model) == "pixels"
    assert tell_convention(model)((640, 480)) == "pixels:644x476"
    assert tell_convention(model)((2000, 1500)) == "pixels:728x532"


@pytest.mark.parametrize("broken", ["{", "[]", '{"model_type": 5}', "\x00"])
def test_files_that_say_nothing_leave_it_open(broken: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(broken)
    assert name_convention(str(tmp_path)) == "auto" and tell_convention(str(tmp_path))((1, 1)) == "auto"
    assert name_convention("openai:qwen3_vl@http://localhost/v1") == "auto"
    assert name_convention("/no/such/folder") == "auto"


class Stub:
    identity = "stub"

    def stream(self, prompts: Any, decoding: Any) -> Any:
        yield from ((item[0], Completion("[1, 2, 3, 4]")) for item in prompts)

    def close(self) -> None:
        """Nothing is held."""


def test_a_box_carries_the_convention_that_was_given_before_the_models(tmp_path: Path) -> None:
    model = checkpoint(tmp_path / "m", "qwen3_vl")
    prompt = Prompt((Message("user", (Image.new("RGB", (64, 48)), f"the dog\n{BOX_INSTRUCTION}")),))
    plain = Prompt((Message("user", (Image.new("RGB", (64, 48)), "what is it?")),))
    own = EndToEnd(model, engine=Stub())  # type: ignore[arg-type]
    own._local_convention = name_convention(model)  # as without an engine that was given
    given = EndToEnd(model, engine=Stub(), box_convention="unit")  # type: ignore[arg-type]
    assert [own._convention_of(prompt), own._convention_of(plain), given._convention_of(prompt)] == [
        "thousand",
        "auto",
        "unit",
    ]
    assert own.settings["box_convention"] == "thousand"
    blind = Prompt((Message("user", (f"the dog\n{BOX_INSTRUCTION}",)),))
    assert [own._convention_of(blind), given._convention_of(blind)] == ["thousand", "unit"]
