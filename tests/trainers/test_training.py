"""Training: the mask of the loss, what data may be seen, and going on after a stop."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoProcessor, LlavaForConditionalGeneration, LlavaProcessor

from sightscale.model_adapters.checkpoints import FOLDER
from sightscale.tasks.easy_vqa.rows import read_questions
from sightscale.trainers.data.batches import IGNORED, Collator, Opened
from sightscale.trainers.data.conversations import Conversation
from sightscale.trainers.data.easy_vqa import EasyVqaConversations, attributes, describe, open_picture
from sightscale.trainers.recipe import RECIPE_FOLDER, Recipe, Schedule, TowerStage, list_recipes, load_recipe
from sightscale.trainers.stages import last_whole_checkpoint, read_log
from sightscale.trainers.train import train
from sightscale.trainers.work_folders import hold


@pytest.fixture(scope="module")
def processor(random_nano: Path) -> LlavaProcessor:
    return AutoProcessor.from_pretrained(random_nano)


def opened(number: int, *turns: tuple[str, str]) -> Opened:
    """A conversation about one of easy-VQA's pictures."""
    _, paths = read_questions("train")
    return Opened(Conversation(turns, (partial(open_picture, paths[number]),)), (open_picture(paths[number]),))


def collate(rows: list[Opened], processor: LlavaProcessor) -> dict[str, torch.Tensor]:
    return Collator(processor, 1024)(rows)


def test_loss_is_on_the_assistants_tokens_only_turn_by_turn(processor: LlavaProcessor) -> None:
    turns = (("what shape?", "circle"), ("is it red?", "no"), ("what color is the circle?", "dark blue"))
    batch = collate([opened(0, *turns), opened(1, *turns[:1])], processor)
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
    batch = collate([opened(0, ("what?", "circle"))], processor)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    asked = processor(text=[text], images=[[open_picture(paths[0])]], return_tensors="pt")
    prompt = asked["input_ids"][0]
    assert torch.equal(batch["input_ids"][0][: len(prompt)], prompt)


def test_a_template_without_generation_marks_is_refused(processor: LlavaProcessor) -> None:
    marked = processor.tokenizer.chat_template
    processor.tokenizer.chat_template = re.sub(r"{% (end)?generation %}", "", marked)
    try:
        with pytest.raises(ValueError, match="no assistant tokens"):
            collate([opened(0, ("what?", "circle"))], processor)
    finally:
        processor.tokenizer.chat_template = marked


def test_conversations_depend_on_seed_and_position_alone() -> None:
    forms = {"open": 1.0, "choice": 1.0, "describe": 1.0}
    one, other = (EasyVqaConversations(3, forms, seed) for seed in (0, 1))
    again = EasyVqaConversations(3, forms, 0)
    for i in (7, 3, 5000):
        assert one[i].turns == again[i].turns and one[i].pictures[0]() == again[i].pictures[0]()
    assert [one[i].turns for i in range(10)] != [other[i].turns for i in range(10)]
    assert all("/train/" in str(one[i].pictures[0].args[0]) for i in range(50))


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
    key = change.partition(":")[0]
    fields = yaml.safe_load((RECIPE_FOLDER / "easy_vqa_nano.yaml").read_text())
    fields.pop(key, None)  # a key that stands twice is another fault
    path.write_text(yaml.safe_dump(fields) + change + "\n")
    with pytest.raises(ValueError, match=reason) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ValueError, match="easy_vqa_nano"):
        load_recipe("no_such_recipe")


def test_training_goes_on_after_a_kill_with_the_same_result(tmp_path: Path, shorten: Callable[..., Recipe]) -> None:
    recipe = shorten()
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe.model_dump(mode="json", exclude_none=True)))
    train(load_recipe(str(path)), tmp_path / "whole" / "work", tmp_path / "whole" / "model")

    cut = tmp_path / "cut"
    script = (
        "import sys; from pathlib import Path; from sightscale.trainers.recipe import load_recipe; "
        "from sightscale.trainers.train import train; "
        "train(load_recipe(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", script, str(path), str(cut / "work"), str(cut / "model")]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}  # as many threads as the other run: sums depend on them
    process = subprocess.Popen(command, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while last_whole_checkpoint(cut / "work" / "choice") is None and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (cut / "model").exists() and last_whole_checkpoint(cut / "work" / "choice")

    train(load_recipe(str(path)), cut / "work", cut / "model")
    first, second = (
        LlavaForConditionalGeneration.from_pretrained(tmp_path / name / "model") for name in ("whole", "cut")
    )
    for (name, one), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    configs = [(tmp_path / name / "model" / "config.json").read_text() for name in ("whole", "cut")]
    assert configs[0] == configs[1] and '"use_cache": false' not in configs[0]
    curves = [
        {(entry["stage"], entry["step"]): entry["loss"] for entry in read_log(tmp_path / name / "work" / "log.jsonl")}
        for name in ("whole", "cut")
    ]
    assert curves[0] == curves[1] and curves[0]["choice", 40]


def test_recipes_that_share_a_tower_train_it_once_and_each_shows_its_curve(
    tmp_path: Path, shorten: Callable[..., Recipe], messages: Callable[[], list[str]]
) -> None:
    first, second = (shorten(tower=10, answers=steps) for steps in (1, 2))
    train(first, tmp_path / "work" / "first", tmp_path / "one")
    assert not [line for line in messages() if "trained before" in line]
    train(second, tmp_path / "work" / "second", tmp_path / "two")
    assert [line for line in messages() if "trained before" in line]
    curves = [
        [
            (entry["step"], entry["loss"])
            for entry in read_log(tmp_path / "work" / name / "log.jsonl")
            if entry["stage"] == "tower"
        ]
        for name in ("first", "second")
    ]
    assert curves[0] == curves[1] and curves[0][-1][0] == 10


def test_a_second_tower_stage_goes_on_from_the_first(tmp_path: Path, shorten: Callable[..., Recipe]) -> None:
    recipe = shorten(tower=2, answers=1)
    first = recipe.stages[0]
    assert isinstance(first, TowerStage)
    still = first.model_copy(update={"name": "more", "learning_rate": 1e-12, "weight_decay": 0.0})
    longer = recipe.model_copy(update={"stages": (first, still, *recipe.stages[1:])})
    train(longer, tmp_path / "work" / "longer", tmp_path / "out")
    towers = [load_file(path) for path in (tmp_path / "work").glob("tower-*/tower.safetensors")]
    assert len(towers) == 2 and all(torch.allclose(towers[0][name], towers[1][name], atol=1e-6) for name in towers[0])


def test_a_work_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe("easy_vqa_nano")
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(recipe, tmp_path, tmp_path / "out")


def test_two_processes_may_not_train_in_one_work_folder(tmp_path: Path) -> None:
    with hold(tmp_path, wait=False), pytest.raises(ValueError, match="another process works here"):
        train(load_recipe("easy_vqa_nano"), tmp_path, tmp_path / "out")


def test_every_shipped_recipe_is_valid_and_its_checkpoint_small() -> None:
    for name in list_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name and isinstance(recipe.stages[0], Schedule)
    weights = FOLDER / "easy_vqa_nano" / "model.safetensors"
    assert weights.stat().st_size < 10 * 2**20
    assert "test split" in (FOLDER / "easy_vqa_nano" / "README.md").read_text()
