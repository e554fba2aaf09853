"""Studies: which runs they plan, what is wrong with a file, and a small one from its runs to its verdicts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sightscale.harness.study.plan import load_study, plan_runs, recipes_of
from sightscale.harness.study.run import check_models, locate_models
from sightscale.model_adapters.checkpoints import find_checkpoint

COMMAND = [sys.executable, "-c", "from sightscale.harness.cli import main; main()"]
SMALL = """
name: small
summary: Two copies of one model.
data: mini
tasks: [in_domain_gqa]
questions: 2
decoupled: {focus: data, greedy: "true", answer_tokens: "4", budget: "4"}
scales:
  - {size: 2B, instruct: MODEL, reasoning: MODEL}
  - {size: 1B, instruct: OTHER, reasoning: OTHER}
"""


def test_the_nano_study_plans_each_run_once_and_its_recipes_exist() -> None:
    study = load_study("nano")
    runs = plan_runs(study)
    counts = {role: sum(one.purpose == role for one in runs) for role in {one.purpose for one in runs}}
    expected = {"end-to-end": 4, "grid": 16, "truth": 4, "caption": 4, "extract": 4, "extract-from-scratch": 4}
    assert counts == {**expected, "thinking": 4}
    assert len({one.name for one in runs}) == len({one.model for one in runs}) == len(runs)
    from sightscale.trainers.recipe import load_recipe

    for scale, recipe in zip(study.scales, recipes_of(study), strict=True):
        released = {getattr(stage, "release", None) for stage in load_recipe(recipe).stages}
        assert released >= {scale.instruct, scale.reasoning, scale.caption, scale.extract, scale.extract_from_scratch}


def test_trained_checkpoints_take_the_place_of_shipped_ones(tmp_path: Path) -> None:
    folder = tmp_path / "nano_2m" / "nano_2m_caption"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    largest, *others = locate_models(load_study("nano"), tmp_path).scales
    assert largest.caption == str(folder) and largest.instruct == "nano_2m"
    assert [one.caption for one in others] == [one.caption for one in load_study("nano").scales[1:]]


def test_models_that_are_not_shipped_are_named_with_what_makes_them() -> None:
    study = load_study("nano")
    check_models(study)  # the whole family is shipped
    first, *others = study.scales
    changed = first.model_copy(update={"reasoning": "nano_9m_reasoner"})
    with pytest.raises(ValueError, match=r"needs nano_9m_reasoner, which isn't shipped: recipe nano_2m makes it"):
        check_models(study.model_copy(update={"scales": (changed, *others)}))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("size: 1B", "size: 2B"), "two scales have the same size"),
        (("size: 1B", "size: tiny"), "scales.1.size"),
        (("tasks:", "task:"), "Field required|Extra inputs"),
        (("name: small", "name: [small"), "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(change: tuple[str, str], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(SMALL.replace(*change))
    with pytest.raises(ValueError, match=reason) as error:
        load_study(str(path))
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="there is no study 'nnano'"):
        load_study("nnano")


@pytest.mark.slow
def test_a_study_goes_from_runs_to_verdicts_and_a_second_call_runs_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(find_checkpoint("easy_vqa_nano"), other)
    file, output = tmp_path / "small.yaml", tmp_path / "out"
    file.write_text(SMALL.replace("MODEL", "easy_vqa_nano").replace("OTHER", str(other)))
    command = [*COMMAND, "study", str(file), "--output", str(output), "--resamples", "200"]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr[-2000:]
    assert "run 10 of 10" in first.stderr and "10 runs of 2 questions" in first.stdout
    verdicts = json.loads((output / "verdicts.json").read_text())
    assert [one["takeaway"] for one in verdicts] == [1, 2, 3, 4]
    assert {one["ruling"] for one in verdicts} == {"undecided"}  # two equal models tell nothing
    assert (output / "verdicts.md").read_text().count("## ") == 4
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.stderr.count("was finished before") == 10 and again.stdout == first.stdout
