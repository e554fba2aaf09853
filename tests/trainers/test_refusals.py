"""What can't be trained is refused in one line before the first step, and what was cut off can be gone on from."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import save_file
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.tasks.errors import UserError
from sightscale.trainers import train as training
from sightscale.trainers.recipe import Recipe, load_recipe
from sightscale.trainers.stages import last_whole_checkpoint
from sightscale.trainers.train import train
from sightscale.trainers.work_folders import going_on, is_whole, write_whole

TINY: dict[str, Any] = {
    "name": "tiny",
    "summary": "as small as can be",
    "vision": {
        "image_size": 32,
        "patch_size": 16,
        "hidden_size": 8,
        "intermediate_size": 8,
        "layers": 1,
        "heads": 1,
    },
    "language": {
        "vocabulary": 600,
        "hidden_size": 8,
        "intermediate_size": 8,
        "layers": 1,
        "heads": 1,
        "key_value_heads": 1,
        "head_size": 8,
        "context": 512,
    },
    "stages": [
        {
            "name": "answer",
            "kind": "instruct",
            "train": {"language": 1e-3, "connector": 1e-3},
            "mixture": [{"source": "mini", "sets": ["in_domain/GQA"], "forms": {"choice": 1.0}}],
            "steps": 2,
            "batch_size": 2,
        }
    ],
}


def changed(**fields: Any) -> dict[str, Any]:
    """The tiny recipe with fields of its one stage, or of its own, in place of what they are."""
    stage = TINY["stages"][0]
    own = {name: value for name, value in fields.items() if name in Recipe.model_fields}
    return {**TINY, "stages": [{**stage, **{k: v for k, v in fields.items() if k not in own}}], **own}


def mini(**fields: Any) -> list[dict[str, Any]]:
    """A mixture of one ingredient of the mini suite, with some fields of its own."""
    return [{"source": "mini", "sets": ["in_domain/GQA"], "forms": {"choice": 1.0}, **fields}]


FILES = [{"source": "files", "files": ["no.json"]}]
TOWER = {"name": "tower", "kind": "vision", "data": "mini", "steps": 1, "batch_size": 2, "learning_rate": 1e-3}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mixture": mini(sets=["in_domain/GQB"])}, "the mini suite has no set 'in_domain/GQB'"),
        ({"mixture": mini(sets=["mmstar"])}, "the mini suite has no set 'mmstar'"),
        ({"mixture": mini(forms={"chioce": 1.0})}, "chioce"),
        ({"mixture": mini(forms={"class": 1.0})}, "takes none of the forms class"),
        ({"mixture": mini(sets=["mmstar/math"])}, "takes none of the forms choice"),  # its questions are never asked
        ({"mixture": mini(forms={"choice": -1.0})}, "must not be below zero"),
        ({"mixture": mini(items=0)}, "greater than 0"),
        ({"mixture": [*mini(items=4), *mini()]}, "all keep them"),
        ({"mixture": [{"source": "no_such_source"}]}, "no_such_source"),
        ({"after": "before"}, "no earlier stage"),
        ({"batch_size": 48, "hardware": {"per_device_batch": 32}}, "can't be cut into 32 rows"),
        ({"train": {"language": 0.0}}, "above zero"),
        ({"train": {"connector": 1e-3}, "mixture": mini(forms={"recall": 1.0})}, "frozen"),
        ({"kind": "text", "train": {"language": 1e-3}}, "shows no picture"),
        ({"epochs": 1.0, "steps": None}, "give steps"),
        ({"release": "a/b"}, "can't be the name of a folder"),
        ({"pictures": {"view": "anyres"}, "mixture": mini(items=4)}, "single views"),
        ({"vision": {**TINY["vision"], "image_size": 33}}, "multiple"),
        ({"vision": {**TINY["vision"], "heads": 3}}, "can't be shared by 3 heads"),
        ({"language": {**TINY["language"], "heads": 3, "key_value_heads": 2}}, "evenly"),
        ({"language": {**TINY["language"], "head_size": 7}}, "even"),
        ({"stages": [{**TOWER, "sets": ["in_domain/GQB"]}]}, "the mini suite has no set 'in_domain/GQB'"),
        ({"stages": [TOWER]}, "names sets"),
        ({"stages": [{**TOWER, "sets": ["imagenet"], "pooling": "dense"}]}, "how many items"),
        ({"stages": [{**TOWER, "data": "easy_vqa", "pooling": "dense", "items": 2}]}, "only the mini suite"),
    ],
)
def test_a_recipe_that_cant_be_trained_is_refused_when_it_is_read(
    fields: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(changed(**fields)))
    with pytest.raises(UserError, match=reason) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stage may begin."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a stage began")

    monkeypatch.setattr(training, "run_stage", refuse)


@pytest.mark.usefixtures("no_steps")
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"language": {**TINY["language"], "context": 24}}, "context holds 24"),
        ({"language": {**TINY["language"], "vocabulary": 300, "prompts_as_tokens": True}}, "no room for every byte"),
        ({"language": {**TINY["language"], "pretrained": "no/such/model"}}, "no/such/model"),
        ({"stages": [*TINY["stages"], {**TINY["stages"][0], "name": "late", "mixture": FILES}]}, "no.json"),
    ],
)
def test_what_only_the_data_and_parts_show_is_refused_before_the_first_step(
    fields: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises((UserError, OSError), match=reason):
        train(Recipe.model_validate(changed(**fields)), tmp_path / "work", tmp_path / "out", data_root=tmp_path)


@pytest.mark.usefixtures("no_steps")
def test_a_batch_that_this_many_devices_cant_share_is_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UserError, match="each of 3 devices"):
        train(Recipe.model_validate(changed(batch_size=4)), tmp_path / "work", tmp_path / "out")


@pytest.mark.parametrize("option", ["--output", "--work"])
def test_a_file_where_a_folder_should_be_is_refused_before_training(option: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    options = {"--output": str(tmp_path / "out"), "--work": str(tmp_path / "work"), option: str(taken)}
    done = CliRunner().invoke(app, ["train", "easy_vqa_nano", *(part for pair in options.items() for part in pair)])
    assert done.exit_code != 0 and f"{taken} is a file" in done.stderr
    assert taken.read_text() == "mine" and [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.usefixtures("no_steps")
def test_a_folder_that_cant_be_made_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to"):
        train(Recipe.model_validate(TINY), tmp_path / "work", tmp_path / "file" / "out")


def test_an_unknown_task_to_score_on_is_refused_before_training(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**TINY, "scored_on": ["in_domain", "no_such_task"]}))
    done = CliRunner().invoke(app, ["train", str(path), "--output", str(tmp_path / "out")])
    assert done.exit_code != 0 and "no_such_task" in done.stderr and "DEBUG" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file data/0"),
    ],
)
def test_a_full_disk_is_told_in_one_line_that_says_how_to_go_on(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="goes on from the last checkpoint") as caught, going_on(tmp_path):
        raise error
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_other_errors_of_training_keep_their_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"), going_on(tmp_path):
        raise RuntimeError("shapes differ")


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="space"):
        write_whole(tmp_path / "done", fail)
    assert not (tmp_path / "done").exists()


def test_training_goes_on_after_the_disk_was_full_and_after_a_file_was_cut(
    tmp_path: Path, shorten: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, save = shorten(tower=2, answers=3), torch.save

    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc:664] . PytorchStreamWriter failed writing file data/0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="the same command goes on"):
        train(recipe, tmp_path / "work" / "a", tmp_path / "out")
    monkeypatch.setattr(torch, "save", save)
    train(recipe, tmp_path / "work" / "a", tmp_path / "out")

    done = tmp_path / "work" / "a" / "tower" / "done"
    weights = done / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert not is_whole(done)
    train(recipe, tmp_path / "work" / "a", tmp_path / "out")
    assert is_whole(done)

    (shared,) = (tmp_path / "work").glob("tower-*/tower.safetensors")
    shared.write_bytes(shared.read_bytes()[:1000])
    weights.unlink()
    with pytest.raises(UserError, match=r"tower\.safetensors is cut or damaged; delete it"):
        train(recipe, tmp_path / "work" / "a", tmp_path / "out")


def test_a_checkpoint_whose_weights_were_cut_is_passed_over(tmp_path: Path) -> None:
    for step in (1, 2):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text("{}")
        save_file({"a": torch.zeros(100)}, folder / "model.safetensors")
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    cut = tmp_path / "checkpoint-2" / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-8])
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-1"
