"""Model cards: the stages that a checkpoint went through, its size from its weights, its scores."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sightscale.tasks.errors import UserError
from sightscale.trainers.card import TaskScore, count_weights, lineage, renew_scores, write_card
from sightscale.trainers.recipe import Recipe, load_recipe


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with 12 + 8 + 1 parameters in two files."""
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(8)}, folder / "model-00001-of-00002.safetensors")
    save_file({"c": torch.tensor(1.0)}, folder / "model-00002-of-00002.safetensors")
    return folder


def test_a_release_comes_from_the_stages_before_it() -> None:
    recipe = load_recipe("study_qwen3_0.6b")
    names = {release: [stage.name for stage in lineage(recipe, release)] for release in ("caption", "extract")}
    tuned = ["connector", "instruct_single", "instruct_multi", "caption"]
    assert names == {"caption": tuned, "extract": [*tuned, "extract"]}
    assert [stage.name for stage in lineage(recipe, "extract_from_scratch")] == ["connector", "extract_from_scratch"]
    with pytest.raises(ValueError, match="releases no 'other'"):
        lineage(recipe, "other")


def test_weights_are_counted_over_all_files(weights: Path) -> None:
    assert count_weights(weights) == 21


def write(recipe: Recipe, release: str, folder: Path, scores: list[TaskScore], curve: str | None = None) -> str:
    log = folder.parent / "log.jsonl"
    entries = [
        {"stage": stage.name, "step": step, "of": 2, "loss": 4.0 / step} for stage in recipe.stages for step in (1, 2)
    ]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    write_card(recipe, release, log, scores, folder, curve)
    return (folder / "README.md").read_text()


def test_a_card_tells_stages_data_losses_and_scores(weights: Path) -> None:
    scores = [TaskScore("easy_vqa", 9673, (0.987, 0.98, 0.99), (0.687, 0.68, 0.7), (0.3, 0.28, 0.31), 12)]
    card = write(load_recipe("easy_vqa_nano"), "easy_vqa_nano", weights, scores, "curves.png")
    assert card.startswith("---\nlicense: apache-2.0\n") and "pipeline_tag: image-text-to-text" in card
    assert "0.00 M parameters" in card and "`sightscale train easy_vqa_nano`; seed 0" in card
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert "| tower | vision | 1500 | 64 | vision 0.0005 | attributes, easy_vqa | 2.000 |" in rows
    scored = "| easy_vqa | 9,673 | **98.7** [98.0, 99.0] | **68.7** [68.0, 70.0] | **+30.0** [+28.0, +31.0] | 12 |"
    assert scored in rows
    assert any(row.startswith("| choice | instruct | 1200 | 32 |") and "choice 0.75" in row for row in rows)
    assert "![Loss of each stage](curves.png)" in card


def test_stages_that_another_release_took_are_left_out(weights: Path) -> None:
    card = write(load_recipe("study_qwen3_0.6b"), "extract_from_scratch", weights, [])
    stages = [
        line.split("|")[1].strip() for line in card.splitlines() if "| extract |" in line or "| connector |" in line
    ]
    assert stages == ["connector", "extract_from_scratch"] and "instruct_single" not in card
    assert "markendo/Visual-Extraction-Tuning-382K" in card and "blip_laion_cc_sbu_558k.json" in card


def test_a_language_model_is_called_one(weights: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    source = {"source": "mini", "sets": ["in_domain/GQA"], "forms": {"reason": 1.0}}
    stage = {"name": "read", "kind": "text", "train": {"language": 1e-3}, "mixture": [source], "release": "reader"}
    reader = Recipe.model_validate({**recipe.model_dump(), "stages": [{**stage, "steps": 2, "batch_size": 2}]})
    card = write(reader, "reader", weights, [])
    assert "pipeline_tag: text-generation" in card and "A Qwen3 language model" in card and "SigLIP" not in card
    assert "mini (reason 1)" in card


def test_scores_on_a_card_are_renewed_and_nothing_else(weights: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    first, second = (
        TaskScore("easy_vqa", n, (0.987, 0.98, 0.99), (0.687, 0.68, 0.7), (0.3, 0.28, 0.31), 12) for n in (50, 9673)
    )
    wanted = write(recipe, "easy_vqa_nano", weights, [second])
    for before in ([], [first]):
        write(recipe, "easy_vqa_nano", weights, before)
        renew_scores(weights, [second], "end to end")
        assert (weights / "README.md").read_text() == wanted
    (weights / "README.md").write_text("# A card of somebody else\n")
    with pytest.raises(UserError, match="has no place for scores"):
        renew_scores(weights, [second], "end to end")
