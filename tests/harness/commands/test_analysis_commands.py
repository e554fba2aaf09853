"""The analysis commands as a user runs them: tables, files, figures, and one line for a mistake."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.records import SCHEMA, read_records

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def sightscale(*arguments: str | Path) -> Result:
    """The command line, run in this process."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


@pytest.fixture
def runs(save_run: Save, make_rows: Make) -> list[str]:
    """Four runs of a grid, sighted and blind, with markup and formulas in their names."""
    rng = np.random.default_rng(0)
    luck = rng.random(60)
    names = ["[red]=1+1[/red]", "<script>", "c", "d"]
    folders = []
    for number, name in enumerate(names):
        parts = [
            make_rows(task, "sighted", (luck < 0.9 - 0.1 * number) * 1.0) for task in ("one", "two", "three", "four")
        ]
        parts += [make_rows(task, "none", (rng.random(60) < 0.3) * 1.0) for task in ("one", "two", "three", "four")]
        folders.append(save_run(name, *parts, folder=f"run{number}"))
    return folders


def test_each_command_prints_tables_and_writes_files(runs: list[str], tmp_path: Path) -> None:
    files = ("--csv", tmp_path / "f.csv", "--json", tmp_path / "f.json", "--figures", tmp_path / "figures")
    suspects = ("--suspects", tmp_path / "s.csv")
    scaled = [f"{run}={size}" for run, size in zip(runs, (8, 4, 1.7, 0.6), strict=True)]
    grid = [f"{run}={cell}" for run, cell in zip(runs, ("8:8", "8:0.6", "0.6:8", "0.6:0.6"), strict=True)]
    for arguments, shown, figure in (
        (("reliance", *runs[:2], "--base", runs[2], *suspects), "multi-modal gain", "reliance_none"),
        (("downscale", *scaled), "without it", "drop_against_reliance"),
        (("bottleneck", *grid), "both are needed", "attribution"),
        (("compare", *runs[:2]), "smallest detectable", "comparison"),
    ):
        done = sightscale(*arguments, *files)
        assert done.exit_code == 0, done.stderr
        assert shown in done.stdout and (tmp_path / "figures" / f"{figure}.png").stat().st_size > 5000
        rows = json.loads((tmp_path / "f.json").read_text())
        written = list(csv.DictReader((tmp_path / "f.csv").open()))
        assert len(rows) == len(written) > 5 and {"measure", "value", "low", "high", "n", "clusters"} <= rows[0].keys()
        assert all(not value.startswith("=") for row in written for value in row.values())
    assert "item_id" in (tmp_path / "s.csv").read_text()


def test_every_table_says_how_its_intervals_are_made(runs: list[str]) -> None:
    for arguments in (("reliance", runs[0]), ("compare", *runs[:2])):
        done = sightscale(*arguments)
        assert done.exit_code == 0 and "docs/statistics.md" in done.stdout and "BCa bootstrap" in done.stdout


def test_a_margin_is_judged_by_the_interval(save_run: Save, make_rows: Make) -> None:
    scores = (np.random.default_rng(0).random(600) < 0.7) * 1.0
    folders = [save_run(name, make_rows("t", "sighted", scores)) for name in ("a", "b")]
    folders.append(save_run("c", make_rows("t", "sighted", scores * (np.arange(600) % 5 > 0))))
    for first, second, says in (
        (0, 1, "t: a and b are equivalent within 3 points (+0.0"),
        (0, 2, "t: a is no worse than c by more than 3 points"),
        (2, 0, "t: c is worse than a by more than 3 points"),
    ):
        done = sightscale("compare", folders[first], folders[second], "--margin", "3")
        assert done.exit_code == 0 and says in done.stdout, done.stdout
    done = sightscale("compare", folders[0], folders[1], "--margin", "0.01")
    assert "undecided: a may be worse than b by more than 0.01 points, or not" in done.stdout
    done = sightscale("compare", folders[0], folders[1], "--margin", "0")
    assert done.exit_code == 1 and "--margin 0 is out of range" in done.stderr


def test_refusals_stand_beside_reliance_with_the_condition_to_report(save_run: Save, make_rows: Make) -> None:
    ones, zeros = np.ones(20), np.zeros(20)
    outcomes = ["refused"] * 16 + ["unparsed"] * 4
    parts = [make_rows("t", "sighted", ones), make_rows("t", "none", zeros, outcome="unparsed")]
    done = sightscale("reliance", save_run("m", *parts, make_rows("t", "black", zeros, outcome=outcomes)))
    assert done.exit_code == 0 and "refused" in done.stdout
    assert "m refuses 80 % of the questions under black" in done.stdout and "report none (0 % refused)" in done.stdout
    parts[1] = parts[1].assign(outcome="refused")
    done = sightscale("reliance", save_run("n", *parts))
    assert "n refuses 100 % of the questions under none" in done.stdout and "ask it under mismatched" in done.stdout


def test_a_figure_names_a_model_by_its_folders_last_name(save_run: Save, make_rows: Make, tmp_path: Path) -> None:
    runs = []
    for name, size, share in (("large", 8, 0.9), ("small", 1, 0.4)):
        scores = (np.random.default_rng(size).random(60) < share) * 1.0
        parts = [
            make_rows(task, condition, scores) for task in ("one", "two", "three") for condition in ("sighted", "none")
        ]
        runs.append(f"{save_run(f'/home/me/models/{name}', *parts, folder=name)}={size}")
    done = sightscale("downscale", *runs, "--figures", tmp_path / "figures")
    assert done.exit_code == 0, done.stderr
    drawn = (tmp_path / "figures" / "drop_against_reliance.svg").read_text()
    assert "drop from large to small, points" in drawn and "/home" not in drawn


def test_a_mistake_ends_in_one_line(runs: list[str], tmp_path: Path) -> None:
    old = tmp_path / "not-parquet"
    old.mkdir()
    (old / "records.parquet").write_text("hello")
    for arguments, reason in (
        (("reliance", tmp_path / "nowhere"), "there are no records at"),
        (("reliance", old), "is not a parquet file"),
        (("downscale", runs[0]), "at least two runs"),
        (("downscale", *runs), "don't say how large"),
        (("bottleneck", *runs), "ran end to end; run it as decoupled:"),
        (("compare", runs[0], runs[0]), "same run"),
        (("compare", runs[0], runs[1], "--condition", "black"), "share no black question"),
        (("import", tmp_path / "samples_t.jsonl", "--output", tmp_path / "o", "--model", "m"), "there are no results"),
    ):
        done = sightscale(*arguments)
        assert done.exit_code == 1, (arguments, done.stdout)
        assert reason in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_imported_samples_are_a_run_like_any_other(tmp_path: Path) -> None:
    prompt = "Question: which?\nOptions:\nA. cat\nB. dog\n"
    line = {"target": "B", "filtered_resps": "b.", "input": prompt}
    samples = tmp_path / "20260101_000000_samples_pets.jsonl"
    samples.write_text("".join(json.dumps({"doc_id": number} | line) + "\n" for number in range(12)))
    done = sightscale("import", samples, f"{samples}", "--output", tmp_path / "run", "--model", "theirs")
    assert done.exit_code == 1 and "another file of pets was read as sighted too" in done.stderr
    done = sightscale("import", samples, "--output", tmp_path / "run", "--model", "theirs")
    assert done.exit_code == 0 and "12 records" in done.stdout
    assert read_records(tmp_path / "run")["score"].mean() == 1
    assert sightscale("reliance", tmp_path / "run").exit_code == 0


def test_records_written_before_the_new_columns_are_read(save_run: Save, make_rows: Make, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    folder = Path(save_run("m", make_rows("t", "sighted", np.ones(3))))
    table = pq.read_table(folder / "records.parquet")
    new = ["kind", "parameters", "perception", "data", "order", "iou", "blind_probability", "truth_description", "mode"]
    pq.write_table(table.drop_columns(new), folder / "records.parquet")
    again = read_records(folder)
    assert list(again.columns) == SCHEMA.names and again["kind"].isna().all() and again["iou"].isna().all()
    pq.write_table(table.drop_columns(["score"]), folder / "records.parquet")
    with pytest.raises(ValueError, match="lacks score"):
        read_records(folder)
