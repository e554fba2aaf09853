"""The study's own recipe, trained through all of its stages with tiny parts and a few rows in its files' places."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from transformers import (
    AutoTokenizer,
    LlavaOnevisionForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipVisionConfig,
    SiglipVisionModel,
)

from sightscale.trainers.recipe import ConversationFiles, HubFiles, Recipe, Stage, load_recipe
from sightscale.trainers.stages import read_log
from sightscale.trainers.train import train

VISION = {"image_size": 32, "patch_size": 8, "hidden_size": 16, "intermediate_size": 24, "layers": 2, "heads": 2}
LANGUAGE = {
    "vocabulary": 1088,
    "hidden_size": 16,
    "intermediate_size": 24,
    "layers": 2,
    "heads": 2,
    "key_value_heads": 1,
    "head_size": 8,
    "context": 32768,
}


@pytest.fixture
def parts(random_nano: Path, tmp_path: Path) -> dict[str, Path]:
    """A tower of three layers, of which the recipe keeps two, and a language model."""
    folders = {"vision": tmp_path / "tower", "language": tmp_path / "reader"}
    headless = {"vision_use_head": False}
    tower = SiglipVisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        **headless,  # type: ignore[arg-type]
    )
    SiglipVisionModel(tower).save_pretrained(folders["vision"])
    reader = Qwen3Config(
        vocab_size=1088,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        tie_word_embeddings=True,
    )
    Qwen3ForCausalLM(reader).save_pretrained(folders["language"])
    AutoTokenizer.from_pretrained(random_nano).save_pretrained(folders["language"])
    return folders


def fill(recipe: Recipe, root: Path) -> None:
    """Two rows in each file that the recipe names, of one picture, of two and of none."""
    for stage in recipe.stages:
        assert isinstance(stage, Stage)
        for source in stage.mixture:
            assert isinstance(source, ConversationFiles | HubFiles) and source.images
            (root / source.images).mkdir(parents=True, exist_ok=True)
            Image.effect_noise((70, 40), 40).convert("RGB").save(root / source.images / "a.jpg")
            folder = root / source.dataset if isinstance(source, HubFiles) else root
            for name in source.files or ("rows.json",):
                said = [{"from": "human", "value": "What is it?"}, {"from": "gpt", "value": "a bus"}]
                pictures = ["a.jpg"] * (1 + ("multi" in stage.name))
                rows = [{"conversations": said, "image": pictures}, {"conversations": said}]
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(json.dumps(rows))


def test_every_stage_trains_and_releases_what_it_says(parts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(
        yaml.safe_dump(
            {
                "extends": "study_qwen3_0.6b",
                "name": "tiny",
                "vision": {"pretrained": str(parts["vision"]), **VISION},
                "language": {"pretrained": str(parts["language"]), **LANGUAGE},
                "hardware": {"per_device_batch": 4, "precision": "fp32"},
            }
        )
    )
    recipe = load_recipe(str(tmp_path / "tiny.yaml"))
    fill(recipe, tmp_path / "root")
    work = tmp_path / "work"
    released = train(recipe, work, tmp_path / "out", data_root=tmp_path / "root")
    assert set(released) == {"instruct", "caption", "extract", "extract_from_scratch"}
    assert [entry["stage"] for entry in read_log(work / "log.jsonl")] == [stage.name for stage in recipe.stages]
    assert all((work / stage.name / "bad_rows.txt").read_text() == "" for stage in recipe.stages)

    def weights(folder: Path) -> dict[str, torch.Tensor]:
        return LlavaOnevisionForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()

    connector, instruct = weights(work / "connector" / "done"), weights(work / "instruct_single" / "done")
    tower = SiglipVisionModel.from_pretrained(parts["vision"]).state_dict()
    kept = [name for name in tower if not name.startswith(("encoder.layers.2", "vision_model.encoder.layers.2"))]
    assert len(kept) > 20
    for name in kept:  # the connector stage changed neither the tower nor the language model
        own = next(key for key in connector if key.endswith(f"vision_tower.{name}"))
        assert torch.equal(connector[own], tower[name])
        assert own.startswith("model.vision_tower.")
    changed = {name for name, tensor in instruct.items() if not torch.equal(tensor, connector[name])}
    for part in ("vision_tower", "multi_modal_projector", "language_model", "image_newline"):
        assert any(part in name for name in changed), part
    caption, extract, scratch = (
        weights(work / name / "done") for name in ("caption", "extract", "extract_from_scratch")
    )

    begun = {name: tensor.bfloat16().float() for name, tensor in connector.items()}  # as what is released is rounded

    def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
        return sum(float((one[name] - other[name]).abs().mean()) for name in one)

    assert 0 < apart(extract, caption) < apart(extract, begun)  # it came after that stage
    assert 0 < apart(scratch, begun) < apart(scratch, caption)  # and this one straight after the connector
