"""Released stages that ship: taken as they are where the recipe's part is the same, trained anew where it isn't."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, LlavaForConditionalGeneration

from sightscale.harness.evaluation.shipped import describe_shipped
from sightscale.model_adapters import checkpoints
from sightscale.tasks.errors import UserError
from sightscale.trainers.card import count_weights
from sightscale.trainers.model.build import build_tokenizer
from sightscale.trainers.recipe import Recipe, load_recipe
from sightscale.trainers.shipped import choose_stages, deciding_part, find_rest, find_shipped, ship
from sightscale.trainers.stages import read_log
from sightscale.trainers.train import keep_tokenizer, train


@pytest.fixture
def ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the one of shipped checkpoints."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    return folder


@pytest.fixture
def parted(shorten: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """Makes a recipe of a tower and an answering stage that both release, the tower a name of its own."""

    def make(answers: int = 1, **changes: Any) -> Recipe:
        recipe = shorten(tower=2, answers=answers)
        tower, last = recipe.stages
        stages = (tower.model_copy(update={"release": "a_tower", **changes}), last)
        return recipe.model_copy(update={"stages": stages})

    return make


def test_what_ships_is_not_trained_again_and_leads_to_the_same(
    tmp_path: Path, ships: Path, parted: Callable[..., Recipe], messages: Callable[[], list[str]]
) -> None:
    whole = train(parted(), tmp_path / "whole" / "work", tmp_path / "whole" / "out")
    whole["a_tower"].rename(ships / "a_tower")
    before = len(messages())
    parts = train(parted(), tmp_path / "parts" / "work", tmp_path / "parts" / "out")
    assert [line for line in messages()[before:] if "stage tower: not trained, for a_tower ships" in line]
    assert {entry["stage"] for entry in read_log(tmp_path / "parts" / "work" / "log.jsonl")} == {"choice"}
    tower = load_file(ships / "a_tower" / "model.safetensors")
    assert all(weight.dtype == torch.bfloat16 for weight in tower.values())
    assert (parts["a_tower"] / "model.safetensors").read_bytes() == (ships / "a_tower/model.safetensors").read_bytes()
    first, second = (load_file(one["easy_vqa_nano"] / "model.safetensors") for one in (whole, parts))
    assert all(torch.equal(weight, second[name]) for name, weight in first.items())
    anew = train(parted(), tmp_path / "anew" / "work", tmp_path / "anew" / "out", anew=True)
    assert {entry["stage"] for entry in read_log(tmp_path / "anew" / "work" / "log.jsonl")} == {"tower", "choice"}
    assert set(anew) == {"a_tower", "easy_vqa_nano"}


def test_a_tower_that_was_trained_otherwise_or_is_cut_does_not_stand_in(
    ships: Path, parted: Callable[..., Recipe]
) -> None:
    folder = ships / "a_tower"
    folder.mkdir()
    (folder / "recipe.json").write_text(deciding_part(parted(), "a_tower"))
    assert find_shipped(parted()) == {}  # no weights
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, folder / "model.safetensors")
    assert find_shipped(parted()) == {"a_tower": folder}
    assert find_shipped(parted(answers=2)) == {"a_tower": folder}  # what comes after is nothing to it
    for change in ({"steps": 3}, {"learning_rate": 1e-3}, {"batch_size": 2}):
        assert find_shipped(parted(**change)) == {}
    assert find_shipped(parted().model_copy(update={"seed": 1})) == {}
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-2])
    assert find_shipped(parted()) == {}


REST = (
    "connector name_few name_all instruct caption extract extract_from_scratch letters choose letters_of_text reason "
    "name_option read_options answer answer_classes pick_options"
)


@pytest.mark.parametrize(
    ("shipped", "chosen"),
    [
        ((), f"tower copy text tower_further {REST}"),
        (("nano_tower",), f"tower copy text tower_further {REST}"),
        (
            ("nano_40k_reasoner",),
            "tower copy text tower_further connector name_few name_all instruct caption extract extract_from_scratch "
            "letters choose name_option read_options answer_classes pick_options",
        ),
        (
            ("nano_tower", "nano_40k_reasoner", "nano_tower_further", "nano_40k", "nano_40k_caption"),
            "tower copy text tower_further connector caption extract extract_from_scratch answer_classes pick_options",
        ),
        (
            (
                "nano_tower",
                "nano_tower_further",
                *(f"nano_40k{part}" for part in ("", "_reasoner", "_caption", "_extract", "_extract_from_scratch")),
            ),
            "tower tower_further caption extract extract_from_scratch answer_classes pick_options",
        ),
    ],
)
def test_stages_are_left_out_that_only_shipped_ones_come_from(shipped: tuple[str, ...], chosen: str) -> None:
    stages = choose_stages(load_recipe("nano_40k"), {name: Path() for name in shipped})
    assert [stage.name for stage in stages] == chosen.split()


def test_a_shipped_language_model_is_put_into_what_is_gone_through_anyway() -> None:
    """`answer` comes after `reason`, which isn't gone through where it ships."""
    recipe = load_recipe("nano_40k")
    stages = [
        stage.model_copy(update={"release": "read"}) if stage.name == "answer" else stage for stage in recipe.stages
    ]
    recipe = recipe.model_copy(update={"stages": tuple(stages)})
    releases = [stage.release for stage in stages if stage.release and stage.name != "answer_classes"]
    chosen = [stage.name for stage in choose_stages(recipe, dict.fromkeys(releases, Path()))]
    assert "reason" not in chosen and chosen[-3:] == ["answer", "answer_classes", "pick_options"]
    named = {stage.name: stage for stage in stages}
    assert find_rest(recipe, named["answer"]) == "tower"
    assert find_rest(recipe, named["name_option"]) is None  # it ships whole


def test_a_tower_that_learns_further_begins_from_the_first_one(
    tmp_path: Path, ships: Path, shorten: Callable[..., Recipe]
) -> None:
    recipe = shorten(tower=1, answers=1)
    tower, last = recipe.stages
    first = tower.model_copy(update={"release": "first"})
    # Too slow to learn anything: what it ends with is what it began from.
    further = tower.model_copy(update={"name": "further", "release": "further", "learning_rate": 1e-12})
    recipe = recipe.model_copy(update={"stages": (first, further, last)})
    released = train(recipe, tmp_path / "work" / "nano", tmp_path / "out")
    one, other = (load_file(released[name] / "model.safetensors") for name in ("first", "further"))
    # A key's bias changes no attention: its gradient is rounding alone, which differs from machine to machine.
    assert all(torch.allclose(weight, other[name], rtol=0, atol=1e-9) for name, weight in one.items())
    assert deciding_part(recipe, "first") != deciding_part(recipe, "further")
    assert len(list((tmp_path / "work").glob("tower-*"))) == 2


def test_a_reasoner_ships_and_the_stages_after_it_are_trained_on_it(
    tmp_path: Path, ships: Path, shorten: Callable[..., Recipe]
) -> None:
    nano = load_recipe("nano_40k")
    one = [
        stage.model_copy(
            update={
                "steps": 1,
                "batch_size": 2,
                "release": "nano_40k_reasoner" if stage.name == "text" else None,
                "mixture": tuple(
                    part.model_copy(update={"items": 2 if part.items else None, "turns": 1, "sets": part.sets[-1:]})
                    for part in stage.mixture[:1]
                ),
            }
        )
        for stage in nano.stages
        if stage.kind != "vision" and stage.name in ("copy", "text", "connector")
    ]
    recipe = nano.model_copy(update={"stages": tuple(one), "hardware": shorten().hardware})
    first = train(recipe, tmp_path / "first" / "work", tmp_path / "first" / "out")
    (ships / "nano_40k_reasoner").mkdir()
    for path in first["nano_40k_reasoner"].iterdir():
        if path.is_file():
            (ships / "nano_40k_reasoner" / path.name).write_bytes(path.read_bytes())
    train(recipe, tmp_path / "second" / "work", tmp_path / "second" / "out")
    assert not (tmp_path / "second" / "work" / "copy").exists()
    ends = [load_file(tmp_path / name / "work" / "text" / "done" / "model.safetensors") for name in ("first", "second")]
    language = [name for name in ends[0] if "language_model" in name]
    assert language and all(torch.equal(ends[0][name], ends[1][name]) for name in language)


def test_what_is_trained_beside_a_shipped_part_has_its_tokenizer(tmp_path: Path) -> None:
    """A tokenizer trained on the texts of another day numbers its tokens otherwise."""
    recipe = load_recipe("nano_40k")
    parts = {name: tmp_path / name for name in ("nano_40k", "nano_40k_caption", "nano_40k_extract", "nano_tower")}
    for number, folder in enumerate(parts.values()):
        folder.mkdir()
        if folder.name != "nano_tower":  # a tower has none
            build_tokenizer(["red ball" if number < 2 else "blue cube"], 300).save_pretrained(folder)
    agreeing = {name: parts[name] for name in ("nano_40k", "nano_40k_caption", "nano_tower")}
    kept = keep_tokenizer(recipe, tmp_path / "work", agreeing)
    assert kept.get_vocab() == AutoTokenizer.from_pretrained(parts["nano_40k"]).get_vocab()
    with pytest.raises(UserError, match="nano_40k, nano_40k_caption, nano_40k_extract ship with different tokenizers"):
        keep_tokenizer(recipe, tmp_path / "work", parts)


def test_the_family_shares_one_tower_and_each_reasoner_has_a_part_of_its_own() -> None:
    recipes = [load_recipe(name) for name in ("nano_2m", "nano_650k", "nano_160k", "nano_40k")]
    assert len({deciding_part(recipe, "nano_tower") for recipe in recipes}) == 1
    assert len({deciding_part(recipe, f"{recipe.name}_reasoner") for recipe in recipes}) == 4


@pytest.mark.parametrize("name", ["nano_2m", "nano_650k", "nano_160k", "nano_40k"])
def test_every_part_of_the_family_ships_as_its_recipe_would_make_it_now(name: str) -> None:
    recipe = load_recipe(name)
    released = {stage.release for stage in recipe.stages if stage.release}
    assert set(find_shipped(recipe)) == released


def test_a_stage_with_a_number_keeps_its_seed_where_others_come_before_it(shorten: Callable[..., Recipe]) -> None:
    first, last = shorten(tower=2, answers=1).stages
    numbered = last.model_copy(update={"number": 7})
    recipe = shorten(tower=2, answers=1).model_copy(update={"stages": (first, numbered)})
    assert recipe.numbers == {first.name: 0, last.name: 7}


def test_a_tower_is_no_model_that_answers(ships: Path) -> None:
    (ships / "a_tower").mkdir()
    (ships / "a_tower" / "config.json").write_text("{}")
    assert "a_tower" not in checkpoints.list_checkpoints()
    with pytest.raises(UserError, match="can't answer questions by itself"):
        checkpoints.find_checkpoint("a_tower")


def test_shipped_models_share_their_towers_file_and_load_as_they_were(
    tmp_path: Path, ships: Path, parted: Callable[..., Recipe]
) -> None:
    released = train(parted(), tmp_path / "work", tmp_path / "out")
    vlm = released["easy_vqa_nano"]  # its tower learned further, so here it gets the one that ships
    tower = load_file(released["a_tower"] / "model.safetensors")
    own = load_file(vlm / "model.safetensors")
    looks = own | {f"vision_tower.vision_model.{name}": tensor for name, tensor in tower.items()}
    assert looks.keys() == own.keys()
    save_file(looks, vlm / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="no tower a_tower ships"):
        ship(vlm, "a_tower")
    for name in ("a_tower", "easy_vqa_nano"):
        ship(released[name], "a_tower")
    shipped = ships / "easy_vqa_nano"
    assert (shipped / "vision_tower.safetensors").resolve() == ships / "a_tower" / "vision_tower.safetensors"
    loaded, before = (
        LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).state_dict()
        for folder in (shipped, vlm)
    )
    assert loaded.keys() == before.keys() and all(torch.equal(loaded[name], before[name]) for name in before)
    assert describe_shipped("easy_vqa_nano").parameters == count_weights(vlm)  # type: ignore[union-attr]
    assert find_shipped(parted()).keys() == {"a_tower", "easy_vqa_nano"}
    other = load_file(vlm / "model.safetensors")
    name = next(name for name in other if name.startswith("vision_tower"))
    save_file(other | {name: other[name] + 1}, vlm / "model.safetensors")
    with pytest.raises(UserError, match="looks through another tower than a_tower"):
        ship(vlm, "a_tower")
    with pytest.raises(UserError, match="is no finished part of a recipe"):
        ship(tmp_path / "nothing", "a_tower")
