"""Runs that reports are made of: plain ones, and one in which every text is hostile."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]

ATTACKS = (
    "<script>alert(1)</script>",
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=alert(2)>",
    "[link](javascript:alert(3)) | <a href='javascript:alert(4)'>x</a>",
    "\u202egnp.exe\u202c \u2066hidden",
    "\x1b[31mred\x1b[0m \x00 \x07 \x85 \ufffe",
    '=cmd|"/C calc"!A0',
    "long " * 200_000,
    "{{ 7 * 7 }} {% raw %} \u2028 ]]> -->",
)


@pytest.fixture
def plain_run(make_rows: Make, save_run: Save) -> Path:
    """60 questions in two categories, sighted 80 %, blind 30 %, with questions, options and some unparsed answers."""
    rng = np.random.default_rng(0)
    n = 60
    texts = {
        "category": ["colour" if i % 2 else "shape" for i in range(n)],
        "prompt": [f"Question: which is number {i}?\nOptions:\nA. circle\nB. square\nAnswer it.\n" for i in range(n)],
        "options": json.dumps({"A": "circle", "B": "square"}),
        "chance": 0.5,
    }
    sighted = (rng.random(n) < 0.8) * 1.0
    parts = []
    for condition, scores in (("sighted", sighted), ("none", (rng.random(n) < 0.3) * 1.0)):
        outcomes = ["unparsed" if i % 10 == 0 and not scores[i] else "answered" for i in range(n)]
        said = ["A" if score else "B" for score in scores]
        rows = make_rows("shapes", condition, scores, outcome=outcomes, response=said, prediction=said, **texts)
        parts.append(rows)
    return Path(save_run("org/model", *parts, folder="plain"))


@pytest.fixture
def hostile_run(make_rows: Make, save_run: Save) -> Path:
    """A row for each attack, which stands in every text of it, in the model's name and in the manifest."""
    n = len(ATTACKS)
    texts = list(ATTACKS)
    names = (
        *("item_id", "category", "l2_category", "prompt", "options", "order", "target", "response", "prediction"),
        *("error", "truth_description", "focus", "description", "thinking", "finish_reason", "image_hash"),
    )
    columns = dict.fromkeys(names, texts)
    parts = [
        make_rows(f"task {ATTACKS[2]}", condition, np.arange(n) % 2 * 1.0, **columns)
        for condition in ("sighted", "none")
    ]
    folder = Path(save_run(ATTACKS[1] + ATTACKS[5], *parts, folder="hostile"))
    (folder / "manifest.json").write_text(json.dumps({"model": ATTACKS[0], "data": ATTACKS[1], "options": ATTACKS[2]}))
    return folder
