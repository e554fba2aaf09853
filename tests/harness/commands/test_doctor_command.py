"""`sightscale doctor`: the table, the file, the exit code; and what `run` says of a model that doesn't look."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import Plan, evaluate, read_manifest
from sightscale.model_adapters.checkpoints import find_checkpoint
from sightscale.model_adapters.model_strings import parse_model


def test_a_model_that_sees_ends_well(random_nano: Path, tmp_path: Path) -> None:
    file = tmp_path / "checkup.json"
    done = CliRunner().invoke(app, ["doctor", f"{random_nano},box_convention=unit", "--json", str(file)])
    assert done.exit_code == 0, done.output
    assert "a picture changes the logits" in done.output and "0 faults" in done.output
    written = json.loads(file.read_text())
    assert written["checks"][0]["check"] == "loads" and {row["state"] for row in written["checks"]} == {"OK", "note"}


def test_a_fault_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[]")
    done = CliRunner().invoke(app, ["doctor", str(tmp_path)])
    assert done.exit_code == 1 and "fault" in done.output and "1 fault," in done.output


@pytest.mark.parametrize(
    "model",
    ["decoupled:perception=easy_vqa_nano,reasoning=smollm2-135m-instruct", "scripted:coin", "nano_2m,colour=red"],
)
def test_what_cannot_be_checked_is_one_line(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["doctor", model])
    assert done.exit_code == 1 and "Traceback" not in done.output


def test_a_run_warns_of_a_model_that_does_not_look_and_measures_it(
    tmp_path: Path, messages: Callable[[], list[str]]
) -> None:
    blind = Path(shutil.copytree(find_checkpoint("easy_vqa_nano"), tmp_path / "blind"))
    weights = load_file(blind / "model.safetensors")
    dead = {name: torch.zeros_like(tensor) for name, tensor in weights.items() if "projector" in name}
    save_file({**weights, **dead}, blind / "model.safetensors", {"format": "pt"})
    for model, said in ((str(blind), "doesn't change"), ("easy_vqa_nano", "moves the logits by up to")):
        output = tmp_path / Path(model).name / "run"
        evaluate(Plan(parse_model(model), model, ("easy_vqa",), (), output, limit=4))
        assert said in read_manifest(output / "manifest.json")["sight"]
    warnings = [line for line in messages() if line.startswith("warning: a picture doesn't change the logits")]
    assert len(warnings) == 1
