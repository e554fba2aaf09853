"""A study's recipes train side by side, each in a process; the reason is told where one fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sightscale.harness.study import train as study_training
from sightscale.harness.study.train import train_recipes
from sightscale.trainers.recipe import Recipe
from sightscale.trainers.stages import read_log


def test_recipes_train_side_by_side_and_share_their_tower(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shorten: Callable[..., Recipe],
    messages: Callable[[], list[str]],
) -> None:
    monkeypatch.setattr(study_training, "REPORT_EVERY", 0.5)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    recipes = ["one.yaml", str(tmp_path / "mine" / "two.yaml")]
    for name, steps in zip(recipes, (2, 3), strict=True):
        unscored = shorten(answers=steps).model_copy(update={"scored_on": ()})
        Path(name).write_text(yaml.safe_dump(unscored.model_dump(mode="json", exclude_none=True)))
    train_recipes(recipes, tmp_path / "study")
    finished = [line for line in messages() if line.endswith(": finished")]
    assert len(finished) == 2 and [line for line in messages() if "one.yaml: " in line and "two.yaml: " in line]
    work = tmp_path / "study" / "training"
    assert len(list(work.glob("tower-*"))) == 1
    logs = [read_log(work / name / "log.jsonl") for name in ("one.yaml", "two.yaml")]
    towers = [[entry["loss"] for entry in log if entry["stage"] == "tower"] for log in logs]
    assert towers[0] == towers[1] != []
    for name in ("one.yaml", "two.yaml"):
        assert (tmp_path / "study" / "checkpoints" / name / "model.safetensors").is_file()
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["two.yaml"]
    before = len(messages())
    train_recipes(recipes, tmp_path / "study")
    assert messages()[before:] == [f"recipe {name} was finished before" for name in recipes]


def test_two_recipes_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2 recipes are named one\.yaml"):
        train_recipes([str(tmp_path / folder / "one.yaml") for folder in "ab"], tmp_path)


def test_a_recipe_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"recipe no_such_recipe could not be trained: .*no_such_recipe.*goes on"):
        train_recipes(["no_such_recipe"], tmp_path)
    assert not (tmp_path / "checkpoints" / "no_such_recipe" / "complete").exists()
