"""Obstacles: planted losses of perception and of reasoning, and a sentence no clearer than the intervals."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.analysis import conclude, find_obstacles, place_four, read_runs
from sightscale.harness.cli import app

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


@pytest.fixture
def judge(save_run: Save, make_rows: Make) -> Callable[..., tuple[pd.DataFrame, pd.DataFrame, str]]:
    """Judges a model from how many of 200 questions its four runs get right, the same first ones."""

    def run(model: int, perception: int, reasoning: int, both: int) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        folders = [
            save_run(name, make_rows("t", "sighted", (np.arange(200) < count) * 1.0))
            for name, count in (("m", model), ("p", perception), ("r", reasoning), ("b", both))
        ]
        findings, listed = find_obstacles(place_four(read_runs(folders)), resamples=1000)
        return findings, listed, conclude(findings, "mine", truth=True)

    return run


@pytest.mark.parametrize(
    ("counts", "begins"),
    [
        ((80, 180, 85, 190), "Perception holds mine back: true descriptions bring it +50.0 ["),
        ((80, 85, 180, 190), "Reasoning holds mine back:"),
        ((80, 140, 142, 190), "Perception and reasoning hold mine back, and neither clearly more:"),
        ((80, 80, 82, 190), "mine needs both:"),
        ((80, 80, 80, 82), "Nothing tried clearly helps mine:"),
    ],
)
def test_the_sentence_says_what_is_clear(
    judge: Callable[..., tuple[pd.DataFrame, pd.DataFrame, str]], counts: tuple[int, ...], begins: str
) -> None:
    _, _, sentence = judge(*counts)
    assert sentence.startswith(begins) and sentence.endswith("on 200 questions.")


def test_each_question_has_what_would_have_helped_it(
    judge: Callable[..., tuple[pd.DataFrame, pd.DataFrame, str]],
) -> None:
    findings, listed, _ = judge(40, 120, 80, 160)
    kinds = listed.set_index("doc_id")["helps"]
    assert kinds[0] == "right already" and kinds[60] == "either helps"
    assert kinds[100] == "only better perception helps" and kinds[150] == "both are needed"
    assert kinds[190] == "neither helps"
    rows = findings[findings["level"] == "task"].set_index("measure")["value"]
    assert rows["better perception brings"] == pytest.approx(0.4)
    assert rows["better reasoning brings"] == pytest.approx(0.2)
    assert rows["both bring"] == pytest.approx(0.6) and rows["perception − reasoning"] == pytest.approx(0.2)
    assert rows["only better perception helps"] == pytest.approx(0.2)


def test_a_question_that_failed_in_one_run_counts_in_none(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(5))
    failed = make_rows("t", "sighted", np.r_[0.0, np.ones(4)], outcome=["failed", *["answered"] * 4])
    folders = [save_run(name, failed if name == "r" else rows) for name in "mprb"]
    findings, listed = find_obstacles(place_four(read_runs(folders)), resamples=200)
    assert len(listed) == 4 and set(findings["n"]) == {4}


def test_one_model_needs_a_folder_for_its_runs() -> None:
    done = CliRunner().invoke(app, ["bottleneck", "nano_40k"])
    assert done.exit_code == 1 and "name a folder for the runs of nano_40k with --output" in done.stderr


@pytest.mark.slow
def test_one_model_is_run_as_needed_and_ends_in_a_sentence(tmp_path: Path) -> None:
    arguments = ["bottleneck", "nano_40k", "--tasks", "in_domain_vqav2", "--limit", "24"]
    files = ["--output", str(tmp_path / "runs"), "--questions", str(tmp_path / "q.csv")]
    done = CliRunner().invoke(app, [*arguments, *files])
    assert done.exit_code == 0, done.stderr
    assert "nano_40k" in done.stdout.splitlines()[-1] and "true descriptions" in done.stdout.splitlines()[-1]
    assert len(pd.read_csv(tmp_path / "q.csv")) == 24
    names = {path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()}
    assert names == {"model", "better_perception", "better_reasoning", "both"}
