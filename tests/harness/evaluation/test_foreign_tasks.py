"""Tasks whose metric has no score per question, through every command: a line that says so, and no wrong number."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import read_manifest, read_records

YAML = """task: NAME
dataset_path: json
dataset_kwargs: {data_files: {test: ROWS}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
process_results: !function scoring.PROCESS
generation_kwargs: {max_new_tokens: 8, until: []}
metric_list: [{metric: value, aggregation: mean, higher_is_better: true}]
"""
SCORING = """
def ratings(doc, results):
    return {"value": 37.5 if doc["answer"] == "A" else 80.0}

def hits(doc, results):
    return {"value": 100.0 if doc["answer"] == "A" else 0.0}
"""
UNSCORED = re.compile(r"no score (?:a|per) question for ratings")  # an entry and an analysis word it differently


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run of a task in per cent of hits beside one of ratings, and a run of ratings alone."""
    folder = tmp_path_factory.mktemp("foreign")
    rows = folder / "rows.jsonl"
    rows.write_text("".join(f'{{"question": "q{i}", "answer": "{"AB"[i % 2]}"}}\n' for i in range(6)))
    (folder / "scoring.py").write_text(SCORING)
    for name in ("ratings", "hits"):
        text = YAML.replace("NAME", name).replace("ROWS", str(rows)).replace("PROCESS", name)
        (folder / f"{name}.yaml").write_text(text)
    outputs = folder / "both", folder / "ratings"
    for output, tasks in zip(outputs, ("ratings,hits", "ratings"), strict=True):
        shown = invoke(
            *("run", "--model", "lmms:dummy,response=A", "--tasks", tasks, "--include-path", str(folder)),
            *("--blind", "none", "--output", str(output)),
        )
        assert shown.exit_code == 0, shown.output
        assert "warning: ratings has no score per question: value: its values lie between 37.5 and 80" in shown.stderr
    return outputs


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_percentages_of_hits_are_scaled_and_ratings_have_no_score(runs: tuple[Path, Path]) -> None:
    records = read_records(runs[0])
    sighted = records[records["condition"] == "sighted"]
    assert sighted.loc[sighted["task"] == "hits", "score"].tolist() == [1.0, 0.0] * 3
    assert sighted.loc[sighted["task"] == "ratings", "score"].isna().all()
    assert list(read_manifest(runs[0] / "manifest.json")["unscored"]) == ["ratings"]


@pytest.mark.parametrize(
    "command",
    [
        ["reliance", "RUN"],
        ["report", "RUN", "--output", "OUT.html"],
        ["export", "RUN", "--to", "model-index", "--output", "OUT.md"],
        ["leaderboard", "add", "RUN", "--output", "OUT", "--visual-data", "1K", "--licence", "MIT", "--contact", "x"],
    ],
)
def test_every_command_says_so(runs: tuple[Path, Path], command: list[str], tmp_path: Path) -> None:
    both, ratings = (
        invoke(*(word.replace("RUN", str(run)).replace("OUT", str(tmp_path / run.name)) for word in command))
        for run in runs
    )
    assert UNSCORED.search(both.output + both.stderr)
    assert ratings.exit_code == 1 and UNSCORED.search(ratings.stderr)
    assert "Traceback" not in both.output + ratings.output and "validation error" not in ratings.stderr


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a: [", "broken.yaml is not YAML: line 1"), (b"- a\n", "is not a task file"), (b"\xff\x00", "isn't UTF-8 text")],
)
def test_a_broken_task_file_beside_the_task_is_named_in_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "broken.yaml").write_bytes(content)
    shown = invoke(
        *("run", "--model", "scripted:coin", "--tasks", "in_domain_gqa", "--data", "mini", "--limit", "1"),
        *("--include-path", str(tmp_path), "--output", str(tmp_path / "run")),
    )
    assert shown.exit_code == 1 and reason in shown.stderr and not (tmp_path / "run").exists()
    assert len([line for line in shown.stderr.splitlines() if line.startswith("sightscale: ")]) == 1
