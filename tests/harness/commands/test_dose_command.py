"""`sightscale dose`: readers of a known acuity, asked through the whole way, side by side."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app

DOSES = "none,downscale:8,downscale:16,downscale:32,downscale:64"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two scripted readers on mini data."""
    folders = []
    for acuity in (20, 40):
        folder = tmp_path_factory.mktemp("runs") / str(acuity)
        arguments = ["--model", f"scripted:reader,acuity={acuity}", "--data", "mini", "--tasks", "in_domain_gqa"]
        done = CliRunner().invoke(app, ["run", *arguments, "--blind", DOSES, "--limit", "120", "--output", str(folder)])
        assert done.exit_code == 0 and "downscale:16" in done.stdout, done.stderr
        folders.append(str(folder))
    return folders


def test_the_half_dose_of_a_reader_is_its_acuity(runs: list[str], tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "d.json"), "--figures", str(tmp_path / "figures")]
    done = CliRunner().invoke(app, ["dose", *runs, *files])
    assert done.exit_code == 0 and "pixels of the longer side" in done.stdout, done.stderr
    halves = [
        row
        for row in json.loads((tmp_path / "d.json").read_text())
        if (row["measure"], row["level"]) == ("half dose", "task")
    ]
    for row, acuity in zip(halves, (20, 40), strict=True):
        assert row["low"] <= acuity <= row["high"] and 0.7 < row["value"] / acuity < 1.4
    figure = (tmp_path / "figures" / "dose_downscale_in_domain_gqa.svg").read_text()
    assert "acuity=20" in figure and "acuity=40" in figure


def test_a_run_without_doses_is_refused_with_what_to_do(runs: list[str], tmp_path: Path) -> None:
    arguments = ["--model", "scripted:coin", "--data", "mini", "--tasks", "in_domain_gqa", "--limit", "5"]
    done = CliRunner().invoke(app, ["run", *arguments, "--blind", "none", "--output", str(tmp_path / "run")])
    assert done.exit_code == 0, done.stderr
    done = CliRunner().invoke(app, ["dose", str(tmp_path / "run")])
    assert done.exit_code == 1 and "--blind none,downscale:8" in done.stderr
    done = CliRunner().invoke(app, ["run", *arguments, "--blind", "blur:x", "--output", str(tmp_path / "other")])
    assert done.exit_code == 1 and "'blur:x' is not a dose" in done.stderr
