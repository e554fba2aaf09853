"""Rows: items of the mini suite in the schemas that the hub's data sets have."""

from io import BytesIO
from typing import Any

import datasets
from PIL import Image

from sightscale.tasks.mini import iterate_items
from sightscale.tasks.mini.items import Split
from sightscale.tasks.mini.render import render

TRUTH = {  # known of every item, beyond what the hub's schemas hold
    "blind_answer": datasets.Value("string"),
    "blind_probability": datasets.Value("float64"),
    "truth_description": datasets.Value("string"),
}
VMCBENCH = {
    "index": datasets.Value("int64"),
    "question": datasets.Value("string"),
    **{letter: datasets.Value("string") for letter in "ABCD"},
    "answer": datasets.Value("string"),
    "category": datasets.Value("string"),
    "image": datasets.Image(),
}


def multiple_choice_rows(name: str, split: Split, n: int, seed: int) -> datasets.Dataset:
    """A set as VMCBench's rows."""
    rows: list[dict[str, Any]] = []
    for index, item in enumerate(iterate_items(name, split, n, seed)):
        rows.append(
            {
                "index": index,
                "question": item.question,
                **dict(zip("ABCD", item.options, strict=True)),
                "answer": item.letter,
                "category": item.category,
                "image": encode(render(item.scene)),
                "blind_answer": item.blind_letter,
                "blind_probability": item.blind_probability,
                "truth_description": item.description,
            }
        )
    return as_dataset(rows, {**VMCBENCH, **TRUTH})


def as_dataset(rows: list[dict[str, Any]], features: dict[str, Any]) -> datasets.Dataset:
    """Rows as a data set with these features."""
    return datasets.Dataset.from_list(rows, features=datasets.Features(features))


def encode(image: Image.Image) -> dict[str, Any]:
    """A picture as the hub's files hold it: PNG bytes."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return {"bytes": buffer.getvalue(), "path": None}
