"""Recipes: the study's published hyper-parameters, recipes that extend others, and a dry run without any data."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.trainers.estimate import count_parameters
from sightscale.trainers.recipe import RECIPE_FOLDER, Recipe, Stage, list_recipes, load_recipe

SIZES = {"0.6b": 596_049_920, "1.7b": 1_720_574_976, "4b": 4_022_468_096, "8b": 8_190_735_360}  # of Qwen3's weights
TUNING = {"vision": 2e-6, "connector": 1e-5, "language": 1e-5}


@pytest.mark.parametrize("size", SIZES)
def test_the_studys_recipes_have_its_published_settings(size: str) -> None:
    recipe = load_recipe(f"study_qwen3_{size}")
    assert recipe.vision.pretrained == "google/siglip-so400m-patch14-384" and recipe.vision.layers == 26
    assert recipe.language.pretrained == f"Qwen/Qwen3-{size.upper()}" and recipe.language.context == 32768
    pictures = recipe.pictures
    assert (pictures.view, pictures.grid, pictures.max_views) == ("anyres", (6, 6), 9)
    stages = {stage.name: stage for stage in recipe.stages if isinstance(stage, Stage)}
    order = ["connector", "instruct_single", "instruct_multi", "caption", "extract", "extract_from_scratch"]
    assert list(stages) == order
    assert stages["connector"].train == {"connector": 1e-3}
    assert all(stage.train == TUNING for name, stage in stages.items() if name != "connector")
    assert all((stage.warmup, stage.weight_decay, stage.epochs) == (0.03, 0.0, 1) for stage in stages.values())
    assert stages["extract_from_scratch"].after == "connector"
    assert stages["extract_from_scratch"].mixture == stages["extract"].mixture


def test_a_recipe_states_its_own_fields_over_those_it_extends() -> None:
    small, large = load_recipe("study_qwen3_0.6b"), load_recipe("study_qwen3_8b")
    assert small.stages == large.stages and small.vision == large.vision
    assert small.language.tied and not large.language.tied and small.name != large.name


def test_the_nano_family_differs_in_its_language_model_alone() -> None:
    family = [load_recipe(f"nano_{size}") for size in ("2m", "650k", "160k", "40k")]

    def shared(recipe: Recipe) -> dict[str, Any]:
        fields = recipe.model_dump(exclude={"name", "summary", "language"})
        return {**fields, "stages": [{**stage, "release": None} for stage in fields["stages"]]}

    assert all(shared(recipe) == shared(family[0]) and recipe.seed == family[0].seed for recipe in family)
    sizes = [count_parameters(recipe)["language"] for recipe in family]
    assert all(3.8 < large / small < 4.1 for large, small in pairwise(sizes))
    stated = [int(recipe.summary.split(" parameters")[0].split()[-1].replace(",", "")) for recipe in family]
    assert stated == pytest.approx(sizes, rel=0.01)


def test_a_language_models_rates_go_with_the_root_of_its_width() -> None:
    meant, narrow = load_recipe("nano_2m"), load_recipe("nano_40k")
    for stage in narrow.stages:
        if isinstance(stage, Stage):
            for part, rate in stage.train.items():
                assert meant.rates(stage)[part] == rate
                assert narrow.rates(stage)[part] == pytest.approx(rate * (224 / 24) ** (0.5 * (part == "language")))
    study = load_recipe("study_qwen3_0.6b")
    assert all(study.rates(stage) == stage.train for stage in study.stages if isinstance(stage, Stage))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("extends: no_such_recipe\nname: x", "there is no recipe 'no_such_recipe'"),
        ("extends: {path}\nname: x", "extends itself"),
        ("extends: study_qwen3_0.6b\ncolour: red", "colour"),
        ("- a\n- b", "the file"),
        ("", "the file"),
    ],
)
def test_what_extends_nothing_is_told_in_one_line(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text.format(path=path))
    with pytest.raises(ValueError, match=reason) as caught:
        load_recipe(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", ["0.6b", "8b"])
def test_a_dry_run_needs_neither_weights_nor_data(size: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["train", f"study_qwen3_{size}", "--dry-run", "--data-root", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert f"language {SIZES[size] / 1e6:,.2f} M" in done.stdout and "vision 397.75 M" in done.stdout
    assert "558,128" in done.stdout and "1,090" in done.stdout  # conversations and steps of the connector stage
    missing = [line for line in done.stdout.splitlines() if "tokens unknown" in line]
    assert len(missing) == 6 and all("isn't on this machine" in one or "no conversation file" in one for one in missing)


def test_every_yaml_file_is_a_recipe_of_its_own_name() -> None:
    assert {path.stem for path in RECIPE_FOLDER.glob("*.yaml")} == set(list_recipes())
    assert all(load_recipe(name).name == name for name in list_recipes())
