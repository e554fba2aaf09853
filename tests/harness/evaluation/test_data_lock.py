"""Data locks: one character or one pixel changed in one document stops a run before anything is asked."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.data_lock import Lock, LockedTask, find_commit, read_lock, write_lock
from sightscale.harness.evaluation.manifest import read_manifest
from sightscale.model_adapters.requests import digest_document
from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import expand_rows

FEATURES = datasets.Features(
    {name: datasets.Value("string") for name in ("question", "A", "B", "answer", "category")}
    | {"index": datasets.Value("int64"), "image": datasets.Image()}
)


def write_task(folder: Path, **change: Any) -> None:
    """A task of three questions in VMCBench's schema; `change` alters the second one."""
    rows = [
        {"index": i, "question": "Is it red?", "A": "yes", "B": "no", "answer": "A", "category": "x"} for i in range(3)
    ]
    for i, row in enumerate(rows):
        row["image"] = Image.new("RGB", (8, 8), (i, 0, 0))
    rows[1] |= change
    folder.mkdir(exist_ok=True)
    columns = {name: [row[name] for row in rows] for name in FEATURES}
    datasets.Dataset.from_dict(columns, features=FEATURES).to_parquet(str(folder / "rows.parquet"))
    task = (TASK_FOLDER / "in_domain" / "_vmcbench.yaml").read_text()
    task = task.replace("dataset_path: json", "dataset_path: parquet")
    task = task.replace("process_docs: !function sightscale.tasks.sources.follow_pointer\n", "")
    (folder / "own.yaml").write_text(f"{task}task: own\ndataset_kwargs: {{data_files: {{test: rows.parquet}}}}\n")


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def run(folder: Path, output: Path, *more: str) -> Any:
    model = ("--model", "lmms:dummy,response=A", "--tasks", "own", "--include-path", str(folder))
    return invoke("run", *model, "--lock", str(folder / "lock.json"), "--output", str(output), *more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A task's folder with its lock."""
    write_task(tmp_path / "task")
    lock = (
        "data",
        "lock",
        "own",
        "--include-path",
        str(tmp_path / "task"),
        "--output",
        str(tmp_path / "task/lock.json"),
    )
    shown = invoke(*lock)
    assert shown.exit_code == 0 and "3 documents of 1 tasks" in shown.output, shown.output
    return tmp_path / "task"


def test_a_run_of_the_locked_documents_is_a_run(folder: Path, tmp_path: Path) -> None:
    shown = run(folder, tmp_path / "out")
    assert shown.exit_code == 0, shown.output
    documents = read_manifest(tmp_path / "out" / "manifest.json")["documents"]["own"]
    assert documents["documents"] == 3 and len(documents["content"]) == 64 and documents["commit"] is None
    again = run(folder, tmp_path / "again")
    assert again.exit_code == 0
    assert read_manifest(tmp_path / "again" / "manifest.json")["documents"]["own"] == documents


def pixel() -> Image.Image:
    image = Image.new("RGB", (8, 8), (1, 0, 0))
    image.putpixel((7, 7), (1, 0, 1))
    return image


@pytest.mark.parametrize(
    "change",
    [{"question": "Is it  red?"}, {"answer": "B"}, {"image": pixel()}, {"image": {"bytes": b"x", "path": None}}],
)
def test_one_change_in_one_document_is_refused_before_anything_is_asked(
    folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    write_task(folder, **change)
    shown = run(folder, tmp_path / "out")
    assert shown.exit_code == 1
    assert (
        f"task 'own': 1 of 3 documents differ from those of {folder / 'lock.json'} (the first is number 1)"
        in shown.stderr
    )
    assert not (tmp_path / "out" / "records.parquet").exists()
    assert run(folder, tmp_path / "first", "--limit", "1").exit_code == 0  # the first document is as it was


def test_other_data_tasks_and_counts_are_named(folder: Path, tmp_path: Path) -> None:
    lock = read_lock(folder / "lock.json")
    for other, reason in (
        (Lock(data="mini@1", tasks=lock.tasks), "locks other data: mini@1, not hub"),
        (Lock(data="hub", options="circular", tasks=lock.tasks), "locks other data: hub, options circular, not hub"),
        (Lock(data="hub", tasks={"x": lock.tasks["own"]}), "doesn't hold task 'own'"),
        (Lock(data="hub", tasks={"own": LockedTask(documents=("a",))}), "has 3 documents, and 1 in"),
    ):
        write_lock(other, folder / "lock.json")
        shown = run(folder, tmp_path / "out")
        assert shown.exit_code == 1 and reason in shown.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is not a data lock"),
        ("[]", "is not a data lock"),
        ('{"data": "hub"}', "tasks: "),
        ("\x00", "is not a data lock"),
    ],
)
def test_a_file_that_is_no_lock_is_refused(content: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(content)
    with pytest.raises(UserError, match=reason):
        read_lock(tmp_path / "lock")
    with pytest.raises(UserError, match=r"cannot read the lock .*no such file"):
        read_lock(tmp_path / "gone")


def test_the_commit_is_the_one_that_the_hub_resolved() -> None:
    rows = datasets.Dataset.from_dict({"a": ["x"]})
    rows.info.download_checksums = {f"hf://datasets/lmms-lab/VMCBench@{'0a' * 20}/data/test.parquet": {"num_bytes": 1}}
    assert find_commit(expand_rows(rows, [2], {"b": ["1", "2"]})) == "0a" * 20
    assert find_commit(datasets.Dataset.from_dict({"a": ["x"]})) is None and find_commit([{"a": 1}]) is None


def test_digests_tell_documents_apart() -> None:
    documents: list[Any] = [
        {"a": "1"}, {"a": 1}, {"a": 1.0}, {"a": None}, {"a": True}, {"b": "1"}, {"a": ["1"]}, {"a": [["1"]]},
        {"a": ["1", "2"]}, {"a": ["12"]}, {"a": ["1"], "b": "2"}, {"a": {"b": "1"}}, {"a": "1", "b": None},
        {"a": pixel()}, {"a": Image.new("RGB", (8, 8), (1, 0, 0))}, {"a": b"1"},
    ]  # fmt: skip
    assert len({digest_document(document) for document in documents}) == len(documents)
    assert digest_document({"a": 1, "b": 2}) == digest_document({"b": 2, "a": 1})
    assert json.loads(json.dumps({"a": "\ud800"}))["a"] and digest_document({"a": "\ud800"})
