"""Estimates against what is really there: models built on the meta device, tokens counted, steps taken."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoProcessor,
    AutoTokenizer,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen3Config,
    SiglipVisionConfig,
)

from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.trainers.data.batches import Collator, OpenedRows
from sightscale.trainers.data.mixture import build_mixture
from sightscale.trainers.estimate import count_parameters, estimate, tokens_of_a_picture
from sightscale.trainers.model.build import build_model
from sightscale.trainers.recipe import Part, Recipe, Stage, TowerStage, load_recipe
from sightscale.trainers.stages import part_of


def count(model: Any) -> dict[Part, int]:
    """A model's own parameters by part; a tied output head is a parameter once."""
    counts: dict[Part, int] = {"vision": 0, "connector": 0, "language": 0}
    for name, parameter in model.named_parameters():
        counts[part_of(name)] += parameter.numel()
    return counts


def test_parameters_are_those_of_the_model(random_nano: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    tokenizer = AutoProcessor.from_pretrained(random_nano).tokenizer
    with torch.device("meta"):
        model = build_model(recipe, tokenizer)
    fitted = recipe.language.model_copy(update={"vocabulary": len(tokenizer)})
    assert count_parameters(recipe.model_copy(update={"language": fitted})) == count(model)


@pytest.mark.parametrize("size", ["0.6b", "1.7b", "4b", "8b"])
def test_the_studys_parameters_are_those_of_its_architecture(size: str) -> None:
    recipe = load_recipe(f"study_qwen3_{size}")
    vision, language = recipe.vision, recipe.language
    headless: dict[str, Any] = {"vision_use_head": False}
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(
            hidden_size=vision.hidden_size,
            intermediate_size=vision.intermediate_size,
            num_hidden_layers=vision.layers,
            num_attention_heads=vision.heads,
            image_size=vision.image_size,
            patch_size=vision.patch_size,
            **headless,
        ),
        text_config=Qwen3Config(
            vocab_size=language.vocabulary,
            hidden_size=language.hidden_size,
            intermediate_size=language.intermediate_size,
            num_hidden_layers=language.layers,
            num_attention_heads=language.heads,
            num_key_value_heads=language.key_value_heads,
            head_dim=language.head_size,
            tie_word_embeddings=language.tied,
        ),
        tie_word_embeddings=language.tied,
    )
    with torch.device("meta"):
        model = LlavaOnevisionForConditionalGeneration(config)
    model.tie_weights()
    assert count_parameters(recipe) == count(model)


def test_tokens_are_nearly_those_of_a_real_tokenizer(random_nano: Path, tmp_path: Path) -> None:
    """English descriptions in SmolLM2's vocabulary of 49,152; chat marks and all."""
    recipe = load_recipe("easy_vqa_nano")
    forms = {"focus": 1.0, "reason": 1.0, "think": 1.0}
    stage = with_mixture(recipe, {"source": "mini", "sets": ["in_domain/GQA", "in_domain/VQAv2"], "forms": forms})
    short = recipe.model_copy(update={"stages": (stage,)})
    (one,) = estimate(short, tmp_path)
    path = Path(find_checkpoint("smollm2-135m-instruct"))
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    mixture = build_mixture(stage, recipe.seed, False, tmp_path)
    chosen = [mixture[i] for i in range(0, len(mixture), 16)]
    text = sum(len(tokenizer.encode(part)) for each in chosen for turn in each.turns for part in turn)
    pictures = sum(len(each.pictures) for each in chosen) * tokens_of_a_picture(recipe.vision, recipe.pictures)
    assert one.conversations == len(mixture) == 640
    assert one.tokens == pytest.approx((text + pictures) * len(mixture) / len(chosen), rel=0.2)


def with_mixture(recipe: Recipe, *sources: dict[str, Any], **fields: Any) -> Stage:
    stage = {"name": "s", "kind": "instruct", "train": {"language": 1e-3}, "steps": 40, "batch_size": 16}
    return Stage.model_validate({**stage, "mixture": sources, **fields})


def test_picture_tokens_are_those_of_a_batch(random_nano: Path, tmp_path: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    stage = with_mixture(recipe, {"source": "easy_vqa", "forms": {"open": 1.0}, "turns": 2})
    processor = AutoProcessor.from_pretrained(random_nano)
    rows = OpenedRows(build_mixture(stage, 0, False, tmp_path), tmp_path / "bad.txt")
    batch = Collator(processor, 1024)([rows[i] for i in range(4)])
    image = (batch["input_ids"] == processor.image_token_id).sum(1)
    assert image.tolist() == [tokens_of_a_picture(recipe.vision, recipe.pictures)] * 4


def test_epochs_are_as_many_steps_as_training_takes(tmp_path: Path) -> None:
    said = [{"from": "human", "value": "?"}, {"from": "gpt", "value": "x"}]
    (tmp_path / "rows.json").write_text(json.dumps([{"conversations": said}] * 37))
    recipe = load_recipe("easy_vqa_nano")
    source = {"source": "files", "files": ["rows.json"], "rows": 99}
    stage = with_mixture(recipe, source, steps=None, epochs=2)
    (one,) = estimate(recipe.model_copy(update={"stages": (stage,)}), tmp_path)
    assert (one.conversations, one.steps, one.note) == (74, len(build_mixture(stage, 0, False, tmp_path)) // 16, "")
    (away,) = estimate(recipe.model_copy(update={"stages": (stage,)}), tmp_path / "elsewhere")
    assert (away.conversations, away.steps) == (198, 12) and "no conversation file" in away.note
    unknown = with_mixture(recipe, {**source, "rows": None}, steps=None, epochs=1)
    assert estimate(recipe.model_copy(update={"stages": (unknown,)}), tmp_path / "elsewhere")[0].conversations == 0


def test_what_learns_costs_more_than_what_is_passed_through(tmp_path: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    source = {"source": "easy_vqa", "forms": {"open": 1.0}, "turns": 2}
    frozen, whole = (
        estimate(recipe.model_copy(update={"stages": (with_mixture(recipe, source, train=train),)}), tmp_path)[0]
        for train in ({"connector": 1e-3}, {"vision": 1e-3, "connector": 1e-3, "language": 1e-3})
    )
    counts = count_parameters(recipe)
    assert frozen.learning == {"connector": counts["connector"]} and whole.learning == counts
    # gradients and AdamW's two moments: twelve bytes for each parameter that learns besides
    assert whole.gigabytes - frozen.gigabytes == pytest.approx(12e-9 * (counts["vision"] + counts["language"]))
    assert 1 < whole.flops / frozen.flops < 3
    towers = [one for one in estimate(recipe, tmp_path) if one.kind == "vision"]
    assert [one.learning for one in towers] == [{"vision": counts["vision"]}] and isinstance(
        recipe.stages[0], TowerStage
    )
