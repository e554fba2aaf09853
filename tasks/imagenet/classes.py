"""ImageNet's classes by name: what is asked, which names count, and two ways of matching them.

`accuracy` needs a whole name among the answer's words; `substring` is the rule of the study's source (CoIN): the
name in the answer or the answer in the name, whatever the case.
"""

from collections.abc import Mapping
from typing import Any

import datasets

from sightscale.tasks.multiple_choice import known_truth
from sightscale.tasks.open_answers import write_names
from sightscale.tasks.scoring import score_response
from sightscale.tasks.sources import follow_pointer

QUESTION = "What is the main object in the image?"


def name_classes(pointer: datasets.Dataset) -> datasets.Dataset:
    """A pointer's rows with `names`: every name of a row's class, as JSON. The data set's own labels name them."""
    rows = follow_pointer(pointer)
    labels = rows.features["label"].names
    names = [write_names([name.strip() for name in labels[label].split(",")]) for label in rows["label"]]
    index = [str(number) for number in range(len(rows))]
    return rows.add_column("names", names).add_column("index", index)


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt, the same for every picture."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{QUESTION}{around.get('post_prompt', '')}"


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one answer both ways, with what a record needs beside it."""
    scored = score_response("class", results[0], doc["names"], {})
    loose = score_response("substring", results[0], doc["names"], {})
    return {
        "accuracy": scored.score,
        "substring": loose.score,
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "item_id": doc["index"],
        "answer_format": "class",
        **known_truth(doc),
    }
