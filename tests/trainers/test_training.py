"""Training: the mask of the loss, what data may be seen, and going on after a stop."""

import json
import re
from pathlib import Path

import pytest
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration, LlavaProcessor

from sightscale.model_adapters.checkpoints import FOLDER
from sightscale.tasks.easy_vqa.rows import read_questions
from sightscale.trainers.batches import IGNORED, collate
from sightscale.trainers.conversations import Conversation, EasyVqaConversations, attributes, describe
from sightscale.trainers.pictures import open_picture
from sightscale.trainers.recipe import RECIPE_FOLDER, Recipe, Schedule, list_recipes, load_recipe
from sightscale.trainers.train import train


@pytest.fixture(scope="module")
def processor(random_nano: Path) -> LlavaProcessor:
    return AutoProcessor.from_pretrained(random_nano)


def test_loss_is_on_the_assistants_tokens_only_turn_by_turn(processor: LlavaProcessor) -> None:
    _, paths = read_questions("train")
    turns = (("what shape?", "circle"), ("is it red?", "no"), ("what color is the circle?", "dark blue"))
    batch = collate([Conversation(paths[0], turns), Conversation(paths[1], turns[:1])], processor)
    tokenizer = processor.tokenizer
    for row, expected in zip(range(2), (turns, turns[:1]), strict=True):
        labels, ids = batch["labels"][row], batch["input_ids"][row]
        learned = labels != IGNORED
        assert torch.equal(labels[learned], ids[learned])
        said = "".join(f"{answer}<|im_end|>" for _, answer in expected)
        assert tokenizer.decode(ids[learned]) == said
        # each learned stretch directly follows the assistant's opening, and nothing else is learned
        starts = [i for i in range(1, len(learned)) if learned[i] and not learned[i - 1]]
        assert len(starts) == len(expected)
        for start in starts:
            assert tokenizer.decode(ids[:start]).endswith("<|im_start|>assistant\n")
    assert (batch["attention_mask"][1] == 0).any()
    assert (batch["labels"][1][batch["attention_mask"][1] == 0] == IGNORED).all()
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    assert (batch["input_ids"] == image_token).sum(1).tolist() == [64, 64]


def test_training_texts_equal_what_the_engine_sends(processor: LlavaProcessor) -> None:
    _, paths = read_questions("train")
    batch = collate([Conversation(paths[0], (("what?", "circle"),))], processor)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    asked = processor(text=[text], images=[[open_picture(paths[0])]], return_tensors="pt")
    prompt = asked["input_ids"][0]
    assert torch.equal(batch["input_ids"][0][: len(prompt)], prompt)


def test_a_template_without_generation_marks_is_refused(processor: LlavaProcessor) -> None:
    _, paths = read_questions("train")
    marked = processor.tokenizer.chat_template
    processor.tokenizer.chat_template = re.sub(r"{% (end)?generation %}", "", marked)
    try:
        with pytest.raises(ValueError, match="no assistant tokens"):
            collate([Conversation(paths[0], (("what?", "circle"),))], processor)
    finally:
        processor.tokenizer.chat_template = marked


def test_conversations_depend_on_seed_and_position_alone() -> None:
    mixture = {"open": 1.0, "choice": 1.0, "describe": 1.0}
    one, other = (EasyVqaConversations(50, 3, mixture, seed) for seed in (0, 1))
    again = EasyVqaConversations(50, 3, mixture, 0)
    assert [one[i] for i in (7, 3)] == [again[i] for i in (7, 3)]
    assert [one[i] for i in range(10)] != [other[i] for i in range(10)]
    assert all("/train/" in str(one[i].image) for i in range(50))
    with pytest.raises(IndexError):
        one[50]


def test_a_description_says_what_the_questions_reveal() -> None:
    about = [("what is the blue shape?", "circle"), ("is there a red shape?", "no")]
    assert attributes(about) == {"shape": "circle", "colour": "blue"}
    assert describe(about) == "The image shows a blue circle."
    assert attributes([("is there not a red shape?", "no")]) == {"colour": "red"}
    assert attributes([("is no triangle present?", "yes"), ("is there a red shape?", "no")]) == {}
    assert describe([("is there a red shape?", "no")]) == "The image shows a shape."


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("colour: red", "colour"),
        ("seed: many", "seed"),
        ("stages: []", "stages"),
        (
            "vision: {image_size: 65, patch_size: 8, hidden_size: 8, intermediate_size: 8, layers: 1, heads: 1}",
            "multiple",
        ),
        ("a: [", "not YAML"),
    ],
)
def test_a_recipe_that_is_wrong_is_explained_in_one_line(change: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text((RECIPE_FOLDER / "easy_vqa_nano.yaml").read_text() + change + "\n")
    with pytest.raises(ValueError, match=reason) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ValueError, match="easy_vqa_nano"):
        load_recipe("no_such_recipe")


def short(recipe: Recipe) -> Recipe:
    """The recipe with a few steps a stage, and two stages."""
    tower = recipe.tower.model_copy(update={"steps": 4, "batch_size": 4}) if recipe.tower else None
    stage = recipe.stages[-1].model_copy(update={"steps": 10, "batch_size": 2, "turns": 1})
    return recipe.model_copy(update={"tower": tower, "stages": (stage,)})


def test_training_goes_on_after_a_stop_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = short(load_recipe("easy_vqa_nano"))
    train(recipe, tmp_path / "whole-work", tmp_path / "whole")

    calls = 0

    def stop_in_the_middle(rows, processor):  # type: ignore[no-untyped-def]
        nonlocal calls
        calls += 1
        if calls == 8:
            raise KeyboardInterrupt
        return collate(rows, processor)

    monkeypatch.setattr("sightscale.trainers.train.collate", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "cut-work", tmp_path / "cut")
    monkeypatch.setattr("sightscale.trainers.train.collate", collate)
    train(recipe, tmp_path / "cut-work", tmp_path / "cut")
    first, second = (LlavaForConditionalGeneration.from_pretrained(tmp_path / name) for name in ("whole", "cut"))
    for (name, one), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    log = [json.loads(line) for line in (tmp_path / "cut-work" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == 10


def test_a_work_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(recipe, tmp_path, tmp_path / "out")


def test_every_shipped_recipe_is_valid_and_its_checkpoint_small() -> None:
    for name in list_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name and isinstance(recipe.stages[0], Schedule)
    weights = FOLDER / "easy_vqa_nano" / "model.safetensors"
    assert weights.stat().st_size < 10 * 2**20
    assert "test split" in (FOLDER / "easy_vqa_nano" / "README.md").read_text()
