"""Quantised weights: those that are read here answer as their numbers unpacked, and all others end in one line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from sightscale.model_adapters.engines import Decoding, Message, Prompt
from sightscale.model_adapters.engines.opening import open_engine
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.tasks.errors import UserError

ASKED = [Prompt((Message("user", (Image.new("RGB", (40, 30), c), "What is it?")),)) for c in ("red", "blue", "white")]
SIDE, LARGEST = 32, 448.0  # of a block of weights with a scale of its own; what float8_e4m3fn holds at most


def write_changed(folder: Path, base: Path, weights: dict[str, torch.Tensor] | None, settings: Any) -> Path:
    """A copy of a checkpoint with these weights, whose configuration says that they are quantised so."""
    shutil.copytree(base, folder)
    if weights is not None:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    stated = json.loads(path.read_text())
    path.write_text(json.dumps(stated | ({"quantization_config": settings} if settings else {})))
    return folder


def quantise(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A matrix in float8, the scale of each of its blocks, and the numbers that they stand for."""
    rows, columns = weight.shape
    scales = torch.zeros(-(-rows // SIDE), -(-columns // SIDE))
    packed = torch.zeros(rows, columns)
    unpacked = torch.zeros(rows, columns)
    for i in range(scales.shape[0]):
        for j in range(scales.shape[1]):
            block = slice(i * SIDE, (i + 1) * SIDE), slice(j * SIDE, (j + 1) * SIDE)
            scales[i, j] = weight[block].abs().max() / LARGEST
            packed[block] = (weight[block] / scales[i, j]).to(torch.float8_e4m3fn).float()
            unpacked[block] = packed[block] * scales[i, j]
    return packed.to(torch.float8_e4m3fn), scales, unpacked


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU computes with fp8 itself, and rounds what goes in")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_fp8_answers_as_its_numbers_unpacked(random_nano: Path, tmp_path: Path, dtype: str) -> None:
    weights = {name: tensor.float() for name, tensor in load_file(random_nano / "model.safetensors").items()}
    packed, unpacked = dict(weights), dict(weights)
    layers = [name for name in weights if "language_model" in name and name.endswith("proj.weight")]
    assert layers
    for name in layers:
        packed[name], scales, unpacked[name] = quantise(weights[name])
        packed[name.replace(".weight", ".weight_scale_inv")] = scales
    settings = {"quant_method": "fp8", "weight_block_size": [SIDE, SIDE], "activation_scheme": "dynamic"}
    ours = TransformersEngine(str(write_changed(tmp_path / "fp8", random_nano, packed, settings)), dtype=dtype)
    plain = TransformersEngine(str(write_changed(tmp_path / "plain", random_nano, unpacked, None)), dtype=dtype)
    assert [answer.error for answer in ours.generate(ASKED, Decoding(4))] == [None] * len(ASKED)
    for one, other in zip(ours.score(ASKED, [("A", "B")] * 3), plain.score(ASKED, [("A", "B")] * 3), strict=True):
        for first, second in zip(one.each, other.each, strict=True):
            assert first.logprob == pytest.approx(second.logprob, abs=0.05 if dtype == "float32" else 0.5)
    assert ours.parameters == plain.parameters
    assert ours.identity.endswith(dtype) and {p.dtype for p in ours._model.parameters()} == {getattr(torch, dtype)}
    unknown = write_changed(tmp_path / "unknown", random_nano, packed, {"quant_method": "squeezed"})
    with pytest.raises(UserError, match=r"quantised by 'squeezed', which the installed .* doesn't know; pip install"):
        TransformersEngine(str(unknown), allow_unused_weights=True)


def pack(weight: torch.Tensor, kind: str) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A matrix as compressed-tensors has it, by the ends of its tensors' names, and the numbers that it stands for."""
    if kind == "fp8":
        scale = weight.abs().max() / LARGEST
        halves = (weight / scale).to(torch.float8_e4m3fn)
        return {"": halves, "_scale": scale.reshape(1)}, halves.float() * scale
    scales = weight.abs().amax(1, keepdim=True) / 7
    numbers = (weight / scales).round()
    rows, columns = weight.shape
    nibbles = torch.nn.functional.pad(numbers.to(torch.int32) + 8, (0, -columns % 8)).reshape(rows, -1, 8)
    packed = torch.zeros(nibbles.shape[:2], dtype=torch.int32)
    for place in range(8):
        packed |= nibbles[:, :, place] << (4 * place)
    return {"_packed": packed, "_scale": scales, "_shape": torch.tensor([rows, columns])}, numbers * scales


FORMATS = {"fp8": ("float-quantized", 8, "float", "tensor"), "int4": ("pack-quantized", 4, "int", "channel")}


@pytest.mark.vllm  # whose environment has the package
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", list(FORMATS))
def test_compressed_tensors_answer_as_their_numbers_unpacked(
    kind: str, dtype: str, random_nano: Path, tmp_path: Path
) -> None:
    weights = {name: tensor.float() for name, tensor in load_file(random_nano / "model.safetensors").items()}
    packed, unpacked = dict(weights), dict(weights)
    for name in [name for name in weights if "language_model" in name and name.endswith("proj.weight")]:
        parts, unpacked[name] = pack(packed.pop(name), kind)
        packed |= {f"{name}{end}": tensor.contiguous() for end, tensor in parts.items()}
    form, bits, number, strategy = FORMATS[kind]
    scheme = {"num_bits": bits, "type": number, "strategy": strategy, "symmetric": True, "dynamic": False}
    settings = {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "ignore": ["lm_head", "re:.*vision.*", "re:.*projector.*"],
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": scheme}},
    }
    ours = TransformersEngine(str(write_changed(tmp_path / kind, random_nano, packed, settings)), dtype=dtype)
    plain = TransformersEngine(str(write_changed(tmp_path / "plain", random_nano, unpacked, None)), dtype=dtype)
    assert [answer.error for answer in ours.generate(ASKED, Decoding(4))] == [None] * len(ASKED)
    for one, other in zip(ours.score(ASKED, [("A", "B")] * 3), plain.score(ASKED, [("A", "B")] * 3), strict=True):
        for first, second in zip(one.each, other.each, strict=True):
            assert first.logprob == pytest.approx(second.logprob, abs=0.01 if dtype == "float32" else 0.5)
    assert ours.parameters == plain.parameters
    assert {p.dtype for p in ours._model.parameters() if p.is_floating_point()} == {getattr(torch, dtype)}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "it needs bitsandbytes.*pip install bitsandbytes"),
        ({"load_in_8bit": True}, "it needs bitsandbytes.*pip install bitsandbytes"),
        ({"quant_method": "awq", "bits": 4}, "it needs gptqmodel.*pip install gptqmodel"),
        ({"quant_method": "gptq", "bits": 4}, "it needs (gptqmodel|optimum).*pip install"),
        ({"quant_method": "compressed-tensors"}, "it needs compressed-tensors.*pip install compressed-tensors"),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, "it needs torchao.*pip install torchao"),
        ({"quant_method": "auto-round"}, "it needs auto-round.*pip install auto-round"),
        ({"quant_method": "fbgemm_fp8"}, "requires a GPU.*; run it on a machine that has one, or use its weights wi"),
        ({"quant_method": "higgs"}, "on GPU.*; run it on a machine that has one, or use its weights without"),
        ({"quant_method": "spqr", "shapes": {}}, "GPU is required.*; run it on a machine that has one, or use its"),
        ({"quant_method": "quark"}, "latest version of Quark"),
        ({"quant_method": "nvfp4"}, "is not supported yet"),
        ({"bits": 4}, "quantised by None, which the installed transformers doesn't know"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("quant_method", "unnamed"),
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU opens some of them")
def test_what_cannot_be_opened_here_is_one_line(
    settings: dict[str, object], says: str, random_nano: Path, tmp_path: Path
) -> None:
    model = write_changed(tmp_path / "packed", random_nano, None, settings)
    with pytest.raises(UserError, match=f"cannot load model .*{says}") as caught:
        TransformersEngine(str(model))
    assert "\n" not in str(caught.value) and "its files or its code are at fault" not in str(caught.value)


@pytest.mark.parametrize("engine", ["", "vllm:"])
@pytest.mark.parametrize("name", ["seer.gguf", "mmproj-seer.gguf"])
def test_a_gguf_file_with_a_projector_is_served_by_llama_cpp(tmp_path: Path, name: str, engine: str) -> None:
    for file in ("seer.gguf", "mmproj-seer.gguf"):
        (tmp_path / file).touch()
    served = r"`llama-server --model \S+ --mmproj mmproj-seer.gguf --port 8080`, then openai:NAME@http"
    with pytest.raises(UserError, match=served) as caught:
        open_engine(f"{engine}{tmp_path / name}")
    assert "\n" not in str(caught.value)
