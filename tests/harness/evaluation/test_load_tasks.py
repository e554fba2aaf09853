"""Loading tasks by name: an order of options is kept to, or refused where it can't be."""

from pathlib import Path

import pytest
from datasets import Dataset

from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import QUESTIONS
from sightscale.tasks.sources import reading

FOREIGN = """
task: foreign
dataset_path: parquet
dataset_kwargs:
  data_files:
    test: rows.parquet
test_split: test
output_type: generate_until
doc_to_text: question
doc_to_target: answer
metric_list:
  - metric: exact_match
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Dataset.from_list([{"question": "Which?", "A": "x", "B": "y", "answer": "A"}]).to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "foreign.yaml").write_text(FOREIGN)
    return tmp_path


def test_a_foreign_tasks_options_are_not_said_to_be_moved(folder: Path) -> None:
    assert "foreign" in load_tasks(("foreign",), "default", (str(folder),))[1]
    with reading("hub", None, "circular"), pytest.raises(ValueError, match="'foreign' can't be put in the order 'circ"):
        load_tasks(("foreign",), "default", (str(folder),))


def test_tasks_without_options_run_beside_those_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUESTIONS, "3")
    with reading("mini", None, "shuffled:1"):
        _, leaves = load_tasks(("in_domain_gqa", "grounding_refcocog_test", "imagenet"), "default")
    assert list(leaves) == ["in_domain_gqa", "grounding_refcocog_test", "imagenet"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("task: [", "broken.yaml is not YAML: line 1: expected the node content"),
        ("task: x\ntask: y", "broken.yaml is not YAML: the key 'task' is given twice"),
        ("task: x\ndoc_to_text: !wrong z", "broken.yaml is not YAML: line 2: could not determine a constructor"),
        ("- task: x", "broken.yaml is not a task file"),
        ("task: x\ninclude: nowhere.yaml", "nowhere.yaml: no such file"),
    ],
)
def test_a_broken_task_file_is_named_in_one_line(folder: Path, text: str, reason: str) -> None:
    (folder / "broken.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_tasks(("foreign",), "default", (str(folder),))
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_an_older_files_list_of_metadata_is_read(folder: Path) -> None:
    (folder / "foreign.yaml").write_text(f"{FOREIGN}metadata:\n  - version: 0.0\n")
    assert "foreign" in load_tasks(("foreign",), "default", (str(folder),))[1]
