"""LoRA folders: on top of a model or alone, in the answers and in the identity; and what is wrong with one."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from sightscale.model_adapters.engines import (
    Decoding,
    Message,
    Prompt,
    lora as adapters,
    open_engine,
    score_continuations,
)
from sightscale.model_adapters.engines.on_demand import open_on_demand
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine, identify
from sightscale.model_adapters.local_boxes import name_convention
from sightscale.tasks.errors import UserError

ASKED = [Prompt((Message("user", (Image.new("RGB", (40, 30), c), "What is it?")),)) for c in ("red", "blue", "white")]


@pytest.fixture(scope="module")
def folder(random_nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA folder with random weights large enough to show."""
    torch.manual_seed(1)
    model = get_peft_model(
        AutoModelForImageTextToText.from_pretrained(random_nano),
        LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
    )
    made = tmp_path_factory.mktemp("lora") / "tuned"
    model.save_pretrained(made)
    return made


def test_it_changes_answers_as_peft_does_and_is_named_in_the_identity(random_nano: Path, folder: Path) -> None:
    plain = TransformersEngine(str(random_nano), dtype="float32")
    tuned = open_engine(str(random_nano), dtype="float32", adapter=str(folder))
    alone = open_engine(str(folder), dtype="float32")
    merged = TransformersEngine(str(random_nano), dtype="float32")
    from peft import PeftModel

    merged._model = PeftModel.from_pretrained(merged._model, folder).merge_and_unload()
    texts = [[a.text for a in engine.generate(ASKED, Decoding(8))] for engine in (plain, tuned, alone, merged)]
    assert texts[0] != texts[1] == texts[2] == texts[3]
    assert tuned.identity == alone.identity == identify(str(folder), "float32")
    assert tuned.identity.startswith(plain.identity + "|adapter=")
    assert identify(str(random_nano), "float32", adapter=str(folder)) == tuned.identity
    assert (tuned.parameters or 0) > (plain.parameters or 0)
    asleep = open_on_demand(str(folder), {"dtype": "float32"})
    assert asleep.identity == tuned.identity and asleep.parameters is None
    assert name_convention(str(folder)) == name_convention(str(random_nano))


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_another_scale_is_another_identity(folder: Path, random_nano: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    assert identify(str(other)) == identify(str(folder))  # a copy is the same
    change_config(other, lora_alpha=1)
    assert identify(str(other)) != identify(str(folder))


def test_a_base_beside_the_folder_is_found(folder: Path, random_nano: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "moved"))
    shutil.copytree(random_nano, moved / "base")
    change_config(moved, base_model_name_or_path="base")
    assert adapters.split_adapter(str(moved)) == (str(moved / "base"), str(moved))


def test_what_is_wrong_with_one_is_one_line(folder: Path, random_nano: Path, tmp_path: Path) -> None:
    bad = Path(shutil.copytree(folder, tmp_path / "bad"))
    weights = load_file(bad / "adapter_model.safetensors")
    dropped = sorted(weights)[0]
    save_file({key: weights[key] for key in sorted(weights)[1:]}, bad / "adapter_model.safetensors")
    with pytest.raises(UserError, match=r"it lacks 1 tensor .*check that this"):
        TransformersEngine(str(bad))
    save_file(
        {**weights, dropped.replace("q_proj", "z_proj"): weights[dropped].clone()}, bad / "adapter_model.safetensors"
    )
    with pytest.raises(UserError, match="the model has no place for 1 tensor"):
        TransformersEngine(str(bad))
    change_config(bad, base_model_name_or_path=None)
    with pytest.raises(UserError, match="names no base: write BASE,adapter="):
        TransformersEngine(str(bad))
    with pytest.raises(UserError, match="is an adapter itself"):
        TransformersEngine(str(bad), adapter=str(folder))
    with pytest.raises(UserError, match=r"holds no adapter_config\.json"):
        TransformersEngine(str(random_nano), adapter=str(tmp_path))
    with pytest.raises(UserError, match="no argument 'adapter'; start the server with it"):
        open_engine("openai:m@http://127.0.0.1:1/v1", adapter=str(folder))


def test_without_peft_it_is_said_how_to_get_it(
    folder: Path, random_nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs peft, which isn't installed: pip install peft"):
        TransformersEngine(str(random_nano), adapter=str(folder))


def test_merged_weights_answer_as_those_with_an_adapter(random_nano: Path, folder: Path, tmp_path: Path) -> None:
    merged = tmp_path / "merged"
    adapters.merge_adapter(str(random_nano), str(folder), merged, name="random_nano", revision=None)
    assert {file.name for file in random_nano.iterdir() if file.suffix != ".py"} <= {f.name for f in merged.iterdir()}
    plain, ours = (TransformersEngine(str(path), dtype="float32") for path in (random_nano, merged))
    tuned = open_engine(str(folder), dtype="float32")
    words = [("A", "B", "red")] * len(ASKED)
    for one, other in zip(score_continuations(tuned, ASKED, words), ours.score(ASKED, words), strict=True):
        for first, second in zip(one.each, other.each, strict=True):
            assert first.logprob == pytest.approx(second.logprob, abs=1e-3)
    assert [a.text for a in ours.generate(ASKED, Decoding(8))] != [a.text for a in plain.generate(ASKED, Decoding(8))]
    packed = Path(shutil.copytree(random_nano, tmp_path / "packed"))
    stated = json.loads((packed / "config.json").read_text())
    (packed / "config.json").write_text(json.dumps(stated | {"quantization_config": {"quant_method": "fp8"}}))
    with pytest.raises(UserError, match=r"its weights are quantised, so adapter=.* can't be added to them for vLLM"):
        adapters.merge_adapter(str(packed), str(folder), tmp_path / "none", name="packed")


@pytest.mark.vllm
def test_vllm_answers_with_an_adapter_as_transformers_does(random_nano: Path, folder: Path) -> None:
    settings = {"enforce_eager": True, "max_num_seqs": "8", "max_model_len": 512}
    reference = open_engine(str(folder), dtype="float32")
    expected = [answer.text for answer in reference.generate(ASKED, Decoding(6))]
    engine = open_engine(f"vllm:{folder}", dtype="float32", **settings)
    try:
        assert [answer.text for answer in engine.generate(ASKED, Decoding(6))] == expected
        assert "|vllm|" in engine.identity
        assert engine.identity.partition("|adapter=")[2] == reference.identity.partition("|adapter=")[2] != ""
        merged = Path(engine._merged.name)  # type: ignore[attr-defined]
        assert merged.is_dir()
    finally:
        engine.close()
    assert not merged.exists()


def test_a_pickle_is_not_opened_where_safetensors_of_another_name_lie_beside_it(
    random_nano: Path, folder: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "pickled"))
    (copy / "adapter_model.safetensors").rename(copy / "decoy.safetensors")
    (copy / "adapter_model.bin").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(UserError, match=r"it has no adapter_model.safetensors and only safetensors are read"):
        open_engine(str(random_nano), adapter=str(copy))
