"""Simulated runs with planted effects, written as the evaluator writes records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sightscale.harness.evaluation.records import SCHEMA, write_records


@pytest.fixture
def make_rows() -> Callable[..., pd.DataFrame]:
    """Makes rows of one task under one condition with the scores given."""
    return _make_rows


def _make_rows(task: str, condition: str, scores: np.ndarray, **columns: Any) -> pd.DataFrame:
    """Columns that aren't given are as plain as can be."""
    n = len(scores)
    rows = pd.DataFrame({name: [None] * n for name in SCHEMA.names}, dtype=object)
    rows["task"], rows["condition"], rows["doc_id"], rows["score"] = task, condition, range(n), scores
    rows["item_id"] = [f"{task}-{number}" for number in range(n)]
    rows["cluster"] = [f"{task}:{number}" for number in range(n)]
    rows["answer_format"], rows["target"], rows["outcome"], rows["chance"] = "choice", "A", "answered", 0.25
    for name in ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens"):
        rows[name] = 10
    rows["seconds"], rows["perception_seconds"] = 0.1, 0.2
    for name, values in columns.items():
        rows[name] = values
    return rows


@pytest.fixture
def save_run(tmp_path: Path) -> Callable[..., str]:
    """Writes rows as a run of a model and returns its folder."""

    def save(model: str, *parts: pd.DataFrame, folder: str = "", **columns: Any) -> str:
        rows = pd.concat(parts, ignore_index=True)
        rows["model"], rows["run_id"] = model, f"run of {model} {folder}"
        for name, value in columns.items():
            rows[name] = value
        target = tmp_path / (folder or model.replace("/", "_"))
        target.mkdir()
        rows = rows.astype({"score": float, "chance": float, "iou": float, "blind_probability": float})
        write_records(rows, target / "records.parquet")
        return str(target)

    return save


@pytest.fixture(scope="session")
def write_runs() -> Callable[..., None]:
    """Writes runs made by code, as many as are wanted: see `_write_runs`."""
    return _write_runs


TASKS = tuple(f"task_{number:02d}" for number in range(15))


def _write_runs(folder: Path, *, runs: int, questions: int, conditions: tuple[str, ...] = ("sighted", "none")) -> None:
    """Write `runs` run folders, each with `questions` questions of 15 tasks under every condition.

    Two questions share a picture. Run 0 is the best and looks most.
    """
    docs = np.arange(questions)
    rows = len(TASKS) * len(conditions) * questions
    repeated = {
        "kind": "end-to-end",
        "mode": "direct",
        "data": "hub",
        "answer_format": "choice",
        "options": '{"A": "a red cube", "B": "a blue ball", "C": "a green cone", "D": "a cat"}',
        "prompt": "What is left of the cube?\nA. a red cube\nB. a blue ball\nC. a green cone\nD. a cat\n" * 3,
        "response": "The answer is B, since the ball is blue.",
        "prediction": "B",
        "outcome": "answered",
        "finish_reason": "stop",
    }
    tasks = np.repeat(np.array(TASKS), questions * len(conditions))
    asked = np.tile(np.repeat(np.array(conditions), questions), len(TASKS))
    numbers = np.tile(docs, len(TASKS) * len(conditions))
    clusters = pa.array([f"{task}:{doc // 2:062d}" for task, doc in zip(tasks, numbers, strict=True)])
    targets = pa.array(np.array(list("ABCD"))[np.random.default_rng(0).integers(0, 4, questions)][numbers])
    items = pa.array([f"{task}-{doc}" for task, doc in zip(tasks, numbers, strict=True)])
    for number in range(runs):
        rng = np.random.default_rng(number)
        right = np.where(asked == "sighted", 0.8 - 0.3 * number / runs, 0.4 - 0.05 * number / runs)
        columns = {name: pa.nulls(rows, SCHEMA.field(name).type) for name in SCHEMA.names}
        columns |= {name: pa.array([text] * rows) for name, text in repeated.items()}
        columns |= {
            "run_id": pa.array([f"{number:012x}"] * rows),
            "model": pa.array([f"model-{number:03d}"] * rows),
            "parameters": pa.array(np.full(rows, 10**9 - number * 10**6)),
            "task": pa.array(tasks),
            "condition": pa.array(asked),
            "doc_id": pa.array(numbers),
            "item_id": items,
            "cluster": clusters,
            "target": targets,
            "score": pa.array((rng.random(rows) < right).astype(float)),
            "chance": pa.array(np.full(rows, 0.25)),
            "output_tokens": pa.array(rng.integers(1, 200, rows)),
        }
        output = folder / f"run-{number:03d}"
        output.mkdir(parents=True)
        table = pa.table([columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names], schema=SCHEMA)
        pq.write_table(table, output / "records.parquet", compression="zstd")
