"""What can't be converted is refused in one line, and leaves nothing behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.model_adapters.convert.llava import convert

Spoil = Callable[[Path], None]


@pytest.fixture
def source(tmp_path: Path, tower: Any, make_checkpoint: Any) -> Path:
    make_checkpoint(tmp_path / "source", shards=2, tower=tower[1])
    return tmp_path / "source"


def refusal(source: Path, **options: Any) -> str:
    """Why a checkpoint is refused; nothing may be left where it would have been written."""
    before = sorted(source.parent.iterdir())
    with pytest.raises(ValueError) as caught:
        convert(source, source.parent / "target", **options)
    assert sorted(source.parent.iterdir()) == before
    said = str(caught.value)
    assert "\n" not in said and len(said) < 1500
    return said


def rewrite(source: Path, load_weights: Any, save_weights: Any, change: Callable[[dict[str, Any]], object]) -> None:
    """The same checkpoint with other tensors, in one file."""
    state = load_weights(source)
    for path in [*source.glob("*.safetensors"), source / "model.safetensors.index.json"]:
        path.unlink()
    change(state)
    save_weights(source, state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update({"model.mystery": torch.ones(2)}), "the model has no place for 1 tensor (model.mystery)"),
        (lambda s: s.update({f"x{i}": torch.ones(1) for i in range(2000)}), "no place for 2000 tensors (x0, x1, x10"),
        (lambda s: s.update({"model.layers.1.q.bias": torch.ones(1)}), "no place for 1 tensor (model.layers.1.q.bias)"),
        (lambda s: s.pop("model.image_newline"), "lacks 1 tensor (image_newline)"),
        (lambda s: s.pop("model.mm_projector.2.bias"), "lacks 1 tensor (multi_modal_projector.linear_2.bias)"),
        (
            lambda s: [s.pop(name) for name in list(s) if "encoder.layers.1." in name],
            "lacks 16 tensors (vision_tower.vision_model.encoder.layers.1",
        ),
        (
            lambda s: s.update({"model.image_newline": torch.ones(41)}),
            "other shapes than config.json states: 1 tensor (model.image_newline [41] not [40])",
        ),
        (lambda s: s.update({"lm_head.weight": s["model.embed_tokens.weight"] + 1}), "lm_head.weight differs"),
        (lambda s: s.pop("model.layers.1.mlp.up_proj.weight"), "lacks 1 tensor (language_model.model.layers.1.mlp.up"),
        (
            lambda s: [s.pop(name) for name in list(s) if ".layers.1." in name],
            "config.json states 2 layers; the weights hold 1",
        ),
        (lambda s: s.update({"model.image_newline": torch.ones(40, dtype=torch.int8)}), "of a quantised type"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    change: Any, said: str, source: Path, tower: Any, load_weights: Any, save_weights: Any
) -> None:
    rewrite(source, load_weights, save_weights, change)
    assert said in refusal(source, vision_tower=tower[0])


def test_equal_copies_of_tied_embeddings_and_a_tower_left_whole_are_no_reason(
    source: Path, tower: Any, load_weights: Any, save_weights: Any
) -> None:
    prefix = "model.vision_tower.vision_tower.vision_model."
    left = {
        prefix + name: tensor
        for name, tensor in tower[1].state_dict().items()
        if name.startswith(("encoder.layers.2.", "head."))
    }

    def change(state: dict[str, torch.Tensor]) -> None:
        state |= {**left, "lm_head.weight": state["model.embed_tokens.weight"].clone()}
        state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(12)

    rewrite(source, load_weights, save_weights, change)
    done = convert(source, source.parent / "target", vision_tower=tower[0])
    assert done.left_behind == len(left) + 1
    assert done.tensors_read == done.tensors_written + done.left_behind + 1


def _pickle_only(source: Path) -> None:
    for path in source.glob("*.safetensors*"):
        path.unlink()
    (source / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n")


def _cut(source: Path) -> None:
    path = source / "model-00001-of-00002.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _garbage(source: Path) -> None:
    (source / "model-00002-of-00002.safetensors").write_bytes(b"\xff" * 64)


def _lost_part(source: Path) -> None:
    (source / "model-00002-of-00002.safetensors").unlink()


def _no_index(source: Path) -> None:
    (source / "model.safetensors.index.json").unlink()


def _stale_index(source: Path) -> None:
    save_file({"model.other": torch.ones(1)}, source / "model-00002-of-00002.safetensors")


def _index_outside(source: Path) -> None:
    (source / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../other.safetensors"}}))


def _no_tokenizer(source: Path) -> None:
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (source / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_pickle_only, "weights are pickled (pytorch_model.bin)"),
        (_cut, "model-00001-of-00002.safetensors is damaged"),
        (_garbage, "model-00002-of-00002.safetensors is damaged"),
        (_lost_part, "lacks model-00002-of-00002.safetensors"),
        (_no_index, "holds 2 safetensors files and no model.safetensors.index.json"),
        (_stale_index, "which its files don't hold"),
        (_index_outside, "has no weight_map of file names"),
        (_no_tokenizer, "has no usable tokenizer"),
        (lambda source: (source / "config.json").unlink(), "there is no config.json"),
        (lambda source: (source / "config.json").write_text("[" * 100_000), "cannot read"),
        (lambda source: (source / "config.json").write_text("[]"), "it is not a JSON object"),
    ],
)
def test_files_that_are_missing_or_damaged_are_named(spoil: Spoil, said: str, source: Path, tower: Any) -> None:
    spoil(source)
    assert said in refusal(source, vision_tower=tower[0])


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"model_type": "llava_llama"}, "model_type 'llava_llama' can't be converted; known: llava_qwen, llava_qwen_3"),
        ({"model_type": ["llava_qwen"]}, "can't be converted"),
        ({"mm_projector_type": "pooler"}, "mm_projector_type is 'pooler'"),
        ({"mm_patch_merge_type": "flat"}, "mm_patch_merge_type is 'flat'"),
        ({"mm_vision_select_layer": -4}, "mm_vision_select_layer is -4"),
        ({"mm_use_im_start_end": True}, "mm_use_im_start_end is True"),
        ({"image_aspect_ratio": "pad"}, "only anyres_max_N"),
        ({"image_grid_pinpoints": "(1x1),(2x2)"}, "read in two ways"),
        ({"image_grid_pinpoints": [[28, 30]]}, "must be a multiple of the vision tower's 28 pixels"),
        ({"num_hidden_layers": 10**9}, "not a size"),
        ({"num_hidden_layers": 5000}, "states 5000 layers; the weights hold 2"),
        ({"vocab_size": 10**6}, "other shapes than config.json states"),
        ({"num_attention_heads": "two"}, "num_attention_heads is 'two'"),
        ({"rms_norm_eps": "small"}, "config.json states no qwen3"),
    ],
)
def test_settings_that_would_change_what_is_computed_are_refused(
    stated: dict[str, Any], said: str, source: Path, tower: Any
) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | stated))
    assert said in refusal(source, vision_tower=tower[0])


def test_a_tower_that_is_nowhere_is_asked_for(tmp_path: Path, tower: Any, make_checkpoint: Any) -> None:
    make_checkpoint(tmp_path / "bare")
    assert "sizes of the vision tower 'someone/tiny-siglip' aren't known" in refusal(tmp_path / "bare")
    make_checkpoint(
        tmp_path / "known", mm_vision_tower="google/siglip-so400m-patch14-384", image_grid_pinpoints=[[384] * 2]
    )
    assert "holds no vision tower; name the folder of google/siglip" in refusal(tmp_path / "known")
    assert "holds no safetensors file" in refusal(tmp_path / "bare", vision_tower=tower[0])


def test_the_class_tells_the_language_model_where_the_type_is_plain_llava(source: Path, tower: Any) -> None:
    path = source / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "llava"}))
    assert convert(source, source.parent / "target", vision_tower=tower[0]).model_type == "llava_qwen_3"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": ["LlavaLlamaForCausalLM"]}))
    with pytest.raises(ValueError, match="model_type 'llava' can't be converted"):
        convert(source, source.parent / "other", vision_tower=tower[0])


def test_an_existing_target_is_left_alone(source: Path, tower: Any) -> None:
    (source.parent / "target").mkdir()
    (source.parent / "target" / "mine").write_text("x")
    assert "exists already" in refusal(source, vision_tower=tower[0])
    assert (source.parent / "target" / "mine").read_text() == "x"


def test_a_failure_while_writing_leaves_nothing(source: Path, tower: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("sightscale.model_adapters.convert.weights.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        convert(source, source.parent / "target", vision_tower=tower[0])
    assert list(source.parent.iterdir()) == [source]


def test_the_command_converts_and_refuses_in_one_line(source: Path, tower: Any) -> None:
    target = source.parent / "target"
    arguments = ["convert", str(source), str(target), "--vision-tower", str(tower[0])]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    assert "llava_qwen_3: 66 tensors read, 66 written as float32" in done.stdout
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1 and again.stderr.count("\n") == 1 and "exists already" in again.stderr
    nowhere = CliRunner().invoke(app, ["convert", "markendo/llava-extract-qwen3-0.6B", str(target)])
    assert nowhere.exit_code == 1 and "hf download" in nowhere.stderr
