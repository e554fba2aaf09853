"""`sightscale power`: from given runs, from the entries that come with sightscale, and a line for a mistake."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from sightscale.harness.cli import app

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def test_discordance_of_given_runs_says_how_many_questions(save_run: Save, make_rows: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sighted, other = (rng.random(400) < 0.7) * 1.0, (rng.random(400) < 0.7) * 1.0
    runs = [
        save_run("a", make_rows("t", "sighted", sighted), make_rows("t", "none", (rng.random(400) < 0.3) * 1.0)),
        save_run("b", make_rows("t", "sighted", other)),
    ]
    done = CliRunner().invoke(app, ["power", "t", *runs, "--detect", "3", "--json", str(tmp_path / "n.json")])
    assert done.exit_code == 0 and "1 pairs of runs" in done.stdout, done.stderr
    rows = {row["measure"]: row["value"] for row in json.loads((tmp_path / "n.json").read_text())}
    discordance = float(np.mean(sighted != other))
    assert rows["discordance"] == discordance
    assert 0.95 < rows["questions for the difference"] / ((2.8 / 0.03) ** 2 * discordance) < 1.05
    assert 1000 < rows["questions for the reliance"] < 3000


def test_the_shipped_entries_are_the_default() -> None:
    done = CliRunner().invoke(app, ["power", "in_domain_gqa,in_domain_textvqa", "--detect", "5"])
    assert done.exit_code == 0, done.stderr
    assert "pairs of runs" in done.stdout and "the mean of these 2 tasks with all their questions" in done.stdout


def test_a_mistake_ends_in_one_line(save_run: Save, make_rows: Make) -> None:
    folder = save_run("a", make_rows("t", "sighted", np.ones(40)))
    for arguments, reason in (
        (("no_such_task",), "has no task 'no_such_task'"),
        (("t", folder, "--detect", "0"), "cannot plan for a difference of 0 points"),
        (("t", folder, "--power", "100"), "--power 100 is out of range"),
        (("t", folder), "no run holds 30 answered questions of t"),
    ):
        done = CliRunner().invoke(app, ["power", *arguments])
        assert done.exit_code == 1 and reason in done.stderr and done.stderr.count("\n") == 1, done.stderr
