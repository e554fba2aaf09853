"""A converted checkpoint is scored by `sightscale run` like any other folder."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.records import read_records
from sightscale.model_adapters.convert.llava import convert
from sightscale.tasks.mini import QUESTIONS


def test_it_answers_questions_of_the_mini_suite_end_to_end(
    tmp_path: Path, tower: Any, make_checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(QUESTIONS, "2")
    make_checkpoint(tmp_path / "source", tower=tower[1])
    convert(tmp_path / "source", tmp_path / "converted", vision_tower=tower[0])
    command = [
        "run",
        "--model",
        f"{tmp_path / 'converted'},dtype=float32",
        "--tasks",
        "in_domain_dev_vizwiz,mmstar_math",
    ]
    options = ["--data", "mini", "--blind", "none", "--output", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == 0, done.stderr
    records = read_records(tmp_path / "run")
    assert len(records) == 8 and records["error"].isna().all()
    tokens = records.groupby("condition")["input_tokens"].min()
    assert tokens["sighted"] > tokens["none"] + 16  # a view's features at the least
