"""Simulated runs with planted effects, written as the evaluator writes records."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
