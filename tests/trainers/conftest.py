"""Conversation rows with pictures, as files in every format."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

Write = Callable[[list[Any], str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows beside three pictures, a.png, b.png and c.png, as a file whose suffix says how."""
    for number, name in enumerate("abc"):
        Image.effect_noise((40 + 10 * number, 30), 40).convert("RGB").save(tmp_path / f"{name}.png")

    def write_rows(rows: list[Any], name: str) -> Path:
        path = tmp_path / name
        if path.suffix == ".json":
            path.write_text(json.dumps(rows, indent=1, ensure_ascii=False))
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            datasets.Dataset.from_list(rows).to_parquet(str(path))
        return path

    return write_rows
