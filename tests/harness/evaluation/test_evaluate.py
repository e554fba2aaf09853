"""A whole evaluation of the shipped checkpoint, and everything that can be wrong with what is asked for."""

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import datasets
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import load_file

from sightscale.harness.analysis.summary import summarise
from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.harness.evaluation.records import read_records
from sightscale.model_adapters.checkpoints import FOLDER
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks import TASK_FOLDER, score_response
from sightscale.tasks.easy_vqa.rows import FEATURES
from sightscale.tasks.errors import UserError
from sightscale.tasks.sources import DATA_ROOT

COMMAND = [sys.executable, "-c", "from sightscale.harness.cli import main; main()"]


def plan(output: Path, model: str = "easy_vqa_nano", tasks: str = "easy_vqa", **others: object) -> Plan:
    known = Plan(parse_model(model), model, (tasks,), (), output, limit=120, batch_size=40)
    return replace(known, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("runs") / "nano"
    evaluate(plan(output, conditions=("none", "mismatched", "noise")))
    return output


def test_the_summary_is_a_recount_of_the_records(run: Path) -> None:
    records = pd.read_parquet(run / "records.parquet")
    assert len(records) == 4 * 120 and not records.duplicated(["task", "condition", "doc_id"]).any()
    found = {summary.condition: summary for summary in summarise(read_records(run))}
    means = records.groupby("condition")["score"].mean()
    assert found.keys() == set(means.index)
    for condition, summary in found.items():
        assert summary.n == 120 and summary.score.value == pytest.approx(means[condition])
        assert summary.score.low < summary.score.value <= summary.score.high
        assert sum(summary.outcomes.values()) == pytest.approx(1)
        if summary.reliance:
            assert summary.reliance.value == pytest.approx(means["sighted"] - means[condition])
            assert summary.reliance.low < summary.reliance.value < summary.reliance.high
    assert found["sighted"].reliance is None


def test_the_shipped_model_sees(run: Path) -> None:
    sighted, *blind = summarise(read_records(run))
    assert sighted.score.value > 0.9
    assert len(blind) == 3 and all(summary.reliance and summary.reliance.low > 0 for summary in blind)


def test_scores_can_be_computed_again_from_the_raw_answers(run: Path) -> None:
    for row in read_records(run).itertuples():
        again = score_response(row.answer_format, row.response, row.target, json.loads(row.options))
        assert (again.score, again.outcome) == (row.score, row.outcome)


def test_records_say_what_answered_and_where_the_documents_came_from(run: Path) -> None:
    records = read_records(run)
    assert set(records["kind"]) == {"end-to-end"}
    held = sum(tensor.numel() for tensor in load_file(FOLDER / "easy_vqa_nano/model.safetensors").values())
    assert set(records["parameters"]) == {held}
    assert set(records["data"]) == {"hub"}


def test_blind_prompts_differ_from_the_sighted_ones_in_the_picture_only(run: Path) -> None:
    by_condition = {name: part.set_index("doc_id") for name, part in read_records(run).groupby("condition")}
    for name, part in by_condition.items():
        assert part["prompt"].equals(by_condition["sighted"]["prompt"]), name
        assert part["image_hash"].equals(by_condition["sighted"]["image_hash"]), name
    assert (by_condition["none"]["input_tokens"] < by_condition["sighted"]["input_tokens"] - 60).all()
    assert by_condition["noise"]["input_tokens"].equals(by_condition["sighted"]["input_tokens"])


def test_the_manifest_says_how_the_run_was_made(run: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "finished" and manifest["software"]["lmms-eval"]
    assert manifest["task_details"]["easy_vqa"]["files"] == {"test": "test.jsonl"}
    assert manifest["conditions"]["noise"]["settings"]["decoding"]["easy_vqa"]["max_new_tokens"] == 32
    assert manifest["tokens"]["input_tokens"] > 0
    for condition in manifest["conditions"]:
        assert list((run / "lmms_eval" / condition).glob("*_results.json"))
        assert list((run / "lmms_eval" / condition).glob("*_samples_easy_vqa.jsonl"))
    assert 0.1 < manifest["peak_memory_gib"] < 100


def test_the_same_command_again_generates_nothing_and_another_one_is_refused(run: Path) -> None:
    before = read_records(run)
    again = evaluate(plan(run, conditions=("none", "mismatched", "noise")))
    same = [name for name in before.columns if name not in ("seconds",)]
    pd.testing.assert_frame_equal(
        before[same].sort_values(["condition", "doc_id"], ignore_index=True),
        again[same].sort_values(["condition", "doc_id"], ignore_index=True),
    )
    with pytest.raises(ValueError, match="holds another run"):
        evaluate(plan(run, seed=1))


def test_the_same_weights_at_another_path_go_on_with_the_run(tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "copy"
    shutil.copytree(FOLDER / "easy_vqa_nano", moved)
    first = evaluate(plan(tmp_path / "run", limit=4))
    again = evaluate(plan(tmp_path / "run", str(moved), conditions=("none",), limit=4))
    assert set(again["model"]) == set(first["model"]) and set(again["run_id"]) == set(first["run_id"])
    with sqlite3.connect(tmp_path / "run" / "generations.sqlite") as kept:
        assert kept.execute("SELECT sum(misses), sum(hits) FROM sessions").fetchone() == (8, 4)


@pytest.mark.parametrize(
    ("model", "arguments", "condition"),
    [
        ("sightscale", "pretrained=easy_vqa_nano", "sighted"),
        ("blindfold", "model=sightscale,pretrained=easy_vqa_nano,condition=mismatched", "mismatched"),
    ],
)
def test_plain_lmms_eval_gives_the_same_numbers(
    run: Path, tmp_path: Path, model: str, arguments: str, condition: str
) -> None:
    command = [sys.executable, "-m", "lmms_eval", "--model", model, "--model_args", arguments, "--tasks", "easy_vqa"]
    command += ["--include_path", str(TASK_FOLDER), "--limit", "120", "--batch_size", "40", "--log_samples"]
    subprocess.run([*command, "--output_path", str(tmp_path)], check=True, capture_output=True, timeout=300)
    (file,) = tmp_path.rglob("*_samples_easy_vqa.jsonl")
    theirs = {row["doc_id"]: row for row in map(json.loads, file.read_text().splitlines())}
    ours = read_records(run).query("condition == @condition").set_index("doc_id")
    assert {doc_id: row["accuracy"] for doc_id, row in theirs.items()} == ours["score"].to_dict()
    (results,) = tmp_path.rglob("*_results.json")
    accuracy = json.loads(results.read_text())["results"]["easy_vqa"]["accuracy,none"]
    assert accuracy == pytest.approx(ours["score"].mean())


def test_a_run_that_is_killed_goes_on_where_it_stopped(run: Path, tmp_path: Path) -> None:
    arguments = ["run", "--model", "easy_vqa_nano", "--tasks", "easy_vqa", "--limit", "120", "--batch-size", "40"]
    command = [*COMMAND, *arguments, "--blind", "none,mismatched,noise", "--output", str(tmp_path / "run")]
    store = tmp_path / "run" / "generations.sqlite"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and _rows(store) < 60:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = _rows(store)
    assert finished >= 60
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with sqlite3.connect(store) as kept:
        assert kept.execute("SELECT count(*) FROM generations").fetchone()[0] >= finished
    ours, whole = read_records(tmp_path / "run"), read_records(run)
    answers = ["condition", "doc_id", "response", "score"]
    first, second = (part[answers].sort_values(answers[:2], ignore_index=True) for part in (ours, whole))
    pd.testing.assert_frame_equal(first, second)


def _rows(store: Path) -> int:
    if not store.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as kept:
            return kept.execute("SELECT count(*) FROM generations").fetchone()[0]
    except sqlite3.OperationalError:  # the process is just making it
        return 0


def test_a_group_is_run_from_a_copy_of_its_data_set(
    vmcbench: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_ROOT, str(vmcbench))
    records = evaluate(plan(tmp_path / "out", tasks="in_domain", conditions=("mismatched",), limit=None))
    counts = records.groupby(["task", "condition"]).size()
    assert len(counts) == 12 and set(counts) == {6}
    (file,) = (tmp_path / "out" / "lmms_eval" / "sighted").glob("*_results.json")
    group = json.loads(file.read_text())["groups"]["in_domain"]["accuracy,none"]
    sighted = records[records["condition"] == "sighted"]
    assert group == pytest.approx(sighted.groupby("task")["score"].mean().mean())


def write_task(folder: Path, rows: list[dict]) -> None:  # type: ignore[type-arg]
    """A task of the user's own, in VMCBench's schema."""
    columns = {name: [row[name] for row in rows] for name in FEATURES}
    datasets.Dataset.from_dict(columns, features=FEATURES).to_parquet(str(folder / "rows.parquet"))
    task = (TASK_FOLDER / "in_domain" / "_vmcbench.yaml").read_text()
    task = task.replace("dataset_path: json", "dataset_path: parquet")
    task = task.replace("process_docs: !function sightscale.tasks.sources.follow_pointer\n", "")
    where = "dataset_kwargs: {data_files: {test: rows.parquet}}"
    (folder / "own.yaml").write_text(f"{task}task: own\n{where}\n")


def row(index: int, image: object) -> dict:  # type: ignore[type-arg]
    options = {"A": "yes", "B": "no", "C": None, "D": None}
    return {"index": index, "question": "is there a circle?", **options, "answer": "A", "category": "x", "image": image}


def test_a_corrupt_picture_costs_its_own_question_only(tmp_path: Path) -> None:
    rows = [row(i, Image.new("RGB", (64, 64), (i, 0, 0))) for i in range(4)]
    rows[2]["image"] = {"bytes": b"\x89PNG not a picture", "path": None}
    write_task(tmp_path, rows)
    records = evaluate(plan(tmp_path / "out", tasks="own", task_folders=(str(tmp_path),)))
    assert [outcome == "failed" for outcome in records["outcome"]] == [False, False, True, False]
    assert "document 2" in records["error"][2] and records["score"][2] == 0


def test_a_first_picture_that_is_corrupt_costs_its_own_question_only(tmp_path: Path) -> None:
    rows = [row(i, Image.new("RGB", (64, 64), (i, 0, 0))) for i in range(3)]
    rows[0]["image"] = {"bytes": b"nothing", "path": None}
    write_task(tmp_path, rows)
    records = evaluate(plan(tmp_path / "out", tasks="own", task_folders=(str(tmp_path),)))
    assert [outcome == "failed" for outcome in records["outcome"]] == [True, False, False]


def test_an_empty_data_set_is_named(tmp_path: Path) -> None:
    write_task(tmp_path, [])
    with pytest.raises(ValueError, match="'own' has no documents"):
        load_tasks(("own",), "sightscale", (str(tmp_path),))


def test_an_unknown_task_is_named_with_what_is_near() -> None:
    with pytest.raises(ValueError, match=r"unknown task 'easy_vq'.*easy_vqa"):
        load_tasks(("easy_vq",), "sightscale")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("decoupled:perception=x", "lacks reasoning"),
        ("easy_vqa_nano,batch_size", "not key=value"),
        ("", "names no model"),
    ],
)
def test_a_model_string_that_is_wrong_is_explained(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_model(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model", "easy_vqa_nano,colour=red", "--tasks", "easy_vqa"],
        ["--model", "lmms:no_such_model", "--tasks", "easy_vqa"],
        ["--model", "easy_vqa_nano", "--tasks", "easy_vqa", "--blind", "blurred"],
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_1(arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "run", *arguments, "--output", str(tmp_path / "out")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("sightscale: ") and "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place nobody can write to")
def test_an_output_that_cannot_be_written_is_named() -> None:
    with pytest.raises(UserError, match="cannot write to /proc/nowhere"):
        evaluate(plan(Path("/proc/nowhere")))
