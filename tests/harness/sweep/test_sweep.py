"""Sweeps: which units a file means, that only missing ones are run, and what becomes of those that fail or die."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_records
from sightscale.harness.sweep import State, list_units, load_sweep, read_status, run_unit, run_units, write_slurm
from sightscale.harness.sweep.run import CLAIMS, PULSE, _arguments, _claim, _share_gpus
from sightscale.model_adapters.model_strings import Spread
from sightscale.tasks.errors import UserError

COMMAND = [sys.executable, "-m", "sightscale.harness.cli"]
SWEEP = """
name: small
models:
  - scripted:oracle
  - {model: "scripted:coin", arguments: {seed: 3}, name: coin, needs: {gpus: 2, cpus: 8, memory: 32G, hours: 1.5}}
tasks: [in_domain_gqa]
conditions: [none]
seeds: [0, 1]
data: mini
limit: 5
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path


def ask(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["sweep", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_every_model_is_asked_every_entry_with_every_seed(sweep: Path, tmp_path: Path) -> None:
    units = list_units(load_sweep(sweep), tmp_path)
    assert [unit.name for unit in units] == [
        "scripted-oracle_seed0",
        "scripted-oracle_seed1",
        "coin_seed0",
        "coin_seed1",
    ]
    assert units[2].plan.model_text == "scripted:coin,seed=3" and units[2].needs.gpus == 2
    assert {unit.plan.store for unit in units} == {tmp_path / "generations.sqlite"}
    assert {unit.plan.answers for unit in units} == {""}


def test_a_sweep_says_how_answers_are_read(sweep: Path, tmp_path: Path) -> None:
    sweep.write_text(SWEEP + "answers: likelihood\n")
    assert {unit.plan.answers for unit in list_units(load_sweep(sweep), tmp_path)} == {"likelihood:letter"}
    sweep.write_text(SWEEP + "answers: guess\n")
    with pytest.raises(UserError, match="--answers 'guess' is unknown"):
        list_units(load_sweep(sweep), tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("limit: 5", "limit: many"), "limit: Input should be a valid integer"),
        (("tasks: [in_domain_gqa]", "tasks: []"), "tasks"),
        (("name: coin", "name: ../coin"), "models.1.name"),
        (("seeds: [0, 1]", "seed: 0"), "seed: Extra inputs are not permitted"),
        (("name: small", "name: [small"), "is not YAML"),
        (("conditions: [none]", "conditions: [dark]"), "dark"),
        (("name: coin", "name: scripted-oracle"), "two units are called scripted-oracle_seed0"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(change: tuple[str, str], reason: str, sweep: Path, tmp_path: Path) -> None:
    sweep.write_text(SWEEP.replace(*change))
    code, _, err = ask(sweep, "--output", tmp_path / "out")
    assert code == 1 and reason in err and len(err.strip().splitlines()) == 1


def test_a_dry_run_of_a_sweep_counts_every_unit_and_runs_none(sweep: Path, tmp_path: Path) -> None:
    code, out, err = ask("run", sweep, "--output", tmp_path / "out", "--dry-run")
    assert code == 0 and "nothing is left to be generated" in out, err  # scripted models have no engine
    assert not list((tmp_path / "out").rglob("records.parquet"))


@pytest.mark.slow
def test_units_run_once_and_make_one_report_and_one_board(sweep: Path, tmp_path: Path) -> None:
    sweep.write_text(SWEEP.replace(", needs: {gpus: 2, cpus: 8, memory: 32G, hours: 1.5}", ""))
    output = tmp_path / "out"
    code, out, err = ask(sweep, "--output", output, "--processes", "2")
    assert code == 0, err
    assert "4 of 4 units finished, 0 failed" in out and (output / "report" / "report.html").is_file()
    board = pd.read_csv(output / "board.csv")
    assert board["run"].nunique() == 4
    assert len(read_records(output / "runs" / "coin_seed1")) == 10
    begun = {path: path.stat().st_mtime_ns for path in output.glob("logs/*.log")}
    code, _, err = ask("run", sweep, "--output", output, "--no-report")
    assert code == 0 and err.count("was finished before") == 4
    assert begun == {path: path.stat().st_mtime_ns for path in output.glob("logs/*.log")}
    sweep.write_text(sweep.read_text().replace("conditions: [none]", "conditions: [none, black]"))
    statuses = read_status(list_units(load_sweep(sweep), output), output)
    assert {(one.state, one.done, one.conditions, one.rows) for one in statuses} == {(State.MISSING, 2, 3, 10)}
    assert all(one.left and one.rate for one in statuses)
    code, out, _ = ask("status", sweep, "--output", output)
    assert code == 0 and "2 of 3" in out and "4 missing, 0 running, 0 failed, 0 finished" in out


STAND_IN = """
import json, sys
from pathlib import Path
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
if given["--model"].startswith("no/"):
    sys.exit("sightscale: cannot load model " + given["--model"])
output = Path(given["--output"])
output.mkdir(parents=True, exist_ok=True)
conditions = ["sighted", *filter(None, given["--blind"].split(","))] if "--blind" in given else ["sighted"]
numbers = {name: int(given[f"--{name}"]) for name in ("limit", "seed")}
facts = {"model": given["--model"], "data": given["--data"], **numbers}
done = {name: {"seconds": 2.0} for name in conditions}
(output / "manifest.json").write_text(json.dumps({**facts, "status": "finished", "conditions": done}))
"""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units run a script that writes a manifest in place of `sightscale run`, which takes seconds to start."""
    monkeypatch.setattr("sightscale.harness.sweep.run.COMMAND", (sys.executable, "-c", STAND_IN))


@pytest.mark.usefixtures("stand_in")
def test_missing_units_are_run_side_by_side_and_finished_ones_are_not(sweep: Path, tmp_path: Path) -> None:
    sweep.write_text(SWEEP.replace(", needs: {gpus: 2, cpus: 8, memory: 32G, hours: 1.5}", ""))
    units = list_units(load_sweep(sweep), tmp_path)
    assert [ending.state for ending in run_units(units, tmp_path, 3)] == [State.FINISHED] * 4
    logs = {path: path.stat().st_mtime_ns for path in tmp_path.glob("logs/*.log")}
    assert len(logs) == 4 and [one.state for one in read_status(units, tmp_path)] == [State.FINISHED] * 4
    run_units(units, tmp_path, 3)
    assert logs == {path: path.stat().st_mtime_ns for path in tmp_path.glob("logs/*.log")}


@pytest.mark.usefixtures("stand_in")
def test_a_unit_that_fails_costs_itself_only_and_is_run_again(sweep: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    sweep.write_text(
        "name: s\nmodels: [no/such-folder/model, 'scripted:coin']\ntasks: [in_domain_gqa]\ndata: mini\nlimit: 3\n"
    )
    code, out, _ = ask(sweep, "--output", output, "--no-report")
    assert code == 1 and "1 of 2 units finished, 1 failed" in out and "failed: model: cannot load model" in out
    units = list_units(load_sweep(sweep), output)
    first, second = read_status(units, output)
    assert (first.state, second.state) == (State.FAILED, State.FINISHED) and "cannot load model" in first.reason
    code, _, err = ask("run", sweep, "--output", output, "--unit", "0")
    assert code == 1 and "model failed: cannot load model" in err
    assert ask("run", sweep, "--output", output, "--unit", "1")[0] == 0
    assert "numbered from 0" in ask("run", sweep, "--output", output, "--unit", "2")[2]


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on(sweep: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = [*COMMAND, "sweep", str(sweep), "--output", str(output), "--no-report"]
    sweep.write_text(SWEEP.replace(", needs: {gpus: 2, cpus: 8, memory: 32G, hours: 1.5}", "").replace("[0, 1]", "[0]"))
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(output.glob("claims/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
    units = list_units(load_sweep(sweep), output)
    assert State.RUNNING in {one.state for one in read_status(units, output)}  # its claim is still there
    assert [ending.state for ending in run_units(units, output, 1)] == [State.FINISHED] * 2
    assert not list(output.glob("claims/*"))


def test_a_unit_is_run_by_one_process_at_a_time(sweep: Path, tmp_path: Path) -> None:
    unit = list_units(load_sweep(sweep), tmp_path)[0]
    with _claim(tmp_path / CLAIMS / unit.name) as holder:
        assert holder == ""
        ending = run_unit(unit, tmp_path)
        assert ending.state is State.RUNNING and f"process {os.getpid()} on {socket.gethostname()}" in ending.reason
    assert not (tmp_path / CLAIMS / unit.name).exists()


@pytest.mark.parametrize(("age", "is_taken"), [(0.0, False), (11 * PULSE, True)])
def test_a_claim_of_another_host_counts_as_long_as_it_is_renewed(age: float, is_taken: bool, tmp_path: Path) -> None:
    claim = tmp_path / "unit"
    claim.write_text("process 1 on elsewhere\n")
    os.utime(claim, (time.time() - age, time.time() - age))
    with _claim(claim) as holder:
        assert (holder == "") == is_taken
    assert claim.exists() != is_taken and len(list(tmp_path.iterdir())) == (0 if is_taken else 1)


@pytest.mark.usefixtures("stand_in")
def test_slurm_arrays_hold_what_is_missing_by_its_needs(sweep: Path, tmp_path: Path) -> None:
    output = tmp_path / "out put"
    loaded = load_sweep(sweep)
    units = list_units(loaded, output)
    run_unit(units[0], output)
    first, second = write_slurm(loaded, sweep, units, output, 4)
    assert "#SBATCH --array=1%4\n" in first.read_text() and "gres" not in first.read_text()
    script = second.read_text()
    for line in ("--array=2-3%4", "--gres=gpu:2", "--cpus-per-task=8", "--mem=32G", "--time=01:30:00"):
        assert f"#SBATCH {line}\n" in script
    code, out, _ = ask("slurm", sweep, "--output", output, "--sbatch", "partition=gpu", "--sbatch", "exclusive")
    assert code == 0 and out.count("#SBATCH --partition=gpu\n#SBATCH --exclusive\n") == 2
    code, _, error = ask("slurm", sweep, "--output", output, "--sbatch", "account=me\nrm -r")
    assert code == 1 and error.count("\n") == 1 and "must look like account=NAME" in error


@pytest.mark.slow
def test_a_task_of_a_slurm_array_runs_its_unit(sweep: Path, tmp_path: Path) -> None:
    output = tmp_path / "out put"
    loaded = load_sweep(sweep)
    units = list_units(loaded, output)
    first, _ = write_slurm(loaded, sweep, units, output, None)
    environment = {**os.environ, "SLURM_ARRAY_TASK_ID": "1"}
    subprocess.run(["bash", str(first)], check=True, env=environment, capture_output=True, timeout=300)
    assert json.loads((output / "runs" / units[1].name / "manifest.json").read_text())["status"] == "finished"


def test_a_unit_is_run_with_all_that_its_plan_says(sweep: Path, tmp_path: Path) -> None:
    spread = Spread("perception=2", "local", 0.5)
    plan = replace(list_units(load_sweep(sweep), tmp_path, spread)[0].plan, answers="likelihood:letter")
    told = " ".join(_arguments(plan))
    assert "--replicas perception=2 --ray local --gpus-per-replica 0.5" in told and "--cpus" not in told
    assert "--answers likelihood:letter" in told


def test_gpus_are_shared_out_in_whole_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,9")
    assert _share_gpus(2, 8) == ["4,5", "6,7"] and _share_gpus(1, 2) == ["4", "5"]
    assert _share_gpus(0, 3) == [None] * 3
    with pytest.raises(UserError, match="needs 6 GPUs and this machine has 5"):
        _share_gpus(6, 1)


@pytest.mark.slow
def test_a_finished_run_of_other_settings_is_not_the_units(sweep: Path, tmp_path: Path) -> None:
    unit = list_units(load_sweep(sweep), tmp_path)[0]
    run_unit(unit, tmp_path)
    ending = run_unit(replace(unit, plan=replace(unit.plan, limit=4)), tmp_path)
    assert ending.state is State.FAILED and "holds another run" in ending.reason
