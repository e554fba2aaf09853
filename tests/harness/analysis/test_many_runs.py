"""Many runs: a folder of them is one data set, and a few columns of each give the numbers that all give."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from sightscale.harness.analysis import find_reliance, find_suspects, read_runs
from sightscale.harness.evaluation import ANALYSED
from sightscale.tasks.errors import UserError


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, write_runs: Callable[..., None]) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_runs(folder, runs=3, questions=40)
    return folder


def test_a_folder_of_runs_is_read_as_its_runs(runs: Path, tmp_path: Path) -> None:
    assert [run.label for run in read_runs([str(runs)])] == ["model-000", "model-001", "model-002"]
    with pytest.raises(UserError, match="are the same run"):
        read_runs([str(runs), str(runs / "run-001")])
    with pytest.raises(UserError, match="holds no records"):
        read_runs([str(tmp_path)])


def test_a_few_columns_give_the_same_findings_and_suspects(runs: Path) -> None:
    whole, few = read_runs([str(runs)]), read_runs([str(runs)], ANALYSED)
    pd.testing.assert_frame_equal(find_reliance(whole, resamples=200), find_reliance(few, resamples=200))
    pd.testing.assert_frame_equal(find_suspects(whole), find_suspects(few))


def test_suspects_are_right_in_every_blind_pass(runs: Path) -> None:
    read = read_runs([str(runs)])
    blind = pd.concat([run.records for run in read]).query("condition == 'none'")
    counted = blind.groupby(["task", "doc_id"])["score"].agg(["size", "sum"])
    expected = set(counted[(counted["size"] == 3) & (counted["sum"] == 3)].index)
    found = find_suspects(read)
    assert set(zip(found["task"], found["doc_id"], strict=True)) == expected and len(found) == len(expected) > 0
    assert set(found["passes"]) == {3} and found["by_guessing"].iloc[0] == pytest.approx(0.25**3)


@pytest.mark.slow
def test_six_million_rows_fit_into_memory(tmp_path: Path, write_runs: Callable[..., None]) -> None:
    write_runs(tmp_path / "runs", runs=100, questions=2000)
    command = [sys.executable, "-c", "from sightscale.harness.cli import main; main()"]
    start = time.perf_counter()
    subprocess.run([*command, "reliance", str(tmp_path / "runs")], check=True, stdout=subprocess.DEVNULL)
    print(f"reliance: {time.perf_counter() - start:.0f} s")
    start = time.perf_counter()
    subprocess.run([*command, "records", str(tmp_path / "runs")], check=True, stdout=subprocess.DEVNULL)
    assert time.perf_counter() - start < 60
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 4 * 2**20  # KiB
