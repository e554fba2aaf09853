"""A study's recipes train side by side, each in a process; the reason is told where one fails."""

from pathlib import Path

import pytest
import yaml

from sightscale.harness.commands import study_training
from sightscale.harness.commands.study_training import train_recipes
from sightscale.trainers.recipe import load_recipe
from sightscale.trainers.stages import read_log


def write_recipe(path: Path, steps: int, learning_rate: float = 5e-4) -> str:
    """A recipe of a tower that all share and a few steps of answers, scored on nothing."""
    recipe = load_recipe("easy_vqa_nano")
    tower, *_, last = recipe.stages
    stages = (
        tower.model_copy(update={"steps": 4, "batch_size": 4, "learning_rate": learning_rate}),
        last.model_copy(update={"steps": steps, "batch_size": 2, "after": None}),
    )
    short = recipe.model_copy(update={"stages": stages, "scored_on": ()})
    path.write_text(yaml.safe_dump(short.model_dump(mode="json", exclude_none=True)))
    return str(path)


def test_recipes_train_side_by_side_and_share_their_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_training, "TOLD_EVERY", 0.5)
    monkeypatch.chdir(tmp_path)
    recipes = [Path(write_recipe(tmp_path / f"{name}.yaml", steps)).name for name, steps in (("one", 2), ("two", 3))]
    said: list[str] = []
    train_recipes(recipes, tmp_path / "study", said.append)
    finished = [line for line in said if line.endswith(": finished")]
    assert len(finished) == 2 and [line for line in said if "one.yaml: " in line and "; two.yaml: " in line]
    work = tmp_path / "study" / "training"
    assert len(list(work.glob("tower-*"))) == 1
    logs = [read_log(work / name / "log.jsonl") for name in recipes]
    towers = [[entry["loss"] for entry in log if entry["stage"] == "tower"] for log in logs]
    assert towers[0] == towers[1] != []
    for name in recipes:
        assert (tmp_path / "study" / "checkpoints" / name / "model.safetensors").is_file()
    again: list[str] = []
    train_recipes(recipes, tmp_path / "study", again.append)
    assert again == [f"recipe {name} was finished before" for name in recipes]


def test_a_recipe_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe no_such_recipe could not be trained: .*no_such_recipe.*goes on"):
        train_recipes(["no_such_recipe"], tmp_path, lambda line: None)
    assert not (tmp_path / "checkpoints" / "no_such_recipe" / "complete").exists()
