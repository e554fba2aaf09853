"""Own questions: how the tasks of `sightscale tasks new` are asked and scored. Their YAML files name these functions.

Multiple choice uses `multiple_choice`, as all tasks do; open and yes/no questions use this module.
"""

from collections.abc import Mapping
from typing import Any

import datasets

from sightscale.tasks.answer_keys import check_keys
from sightscale.tasks.option_orders import arrange_options
from sightscale.tasks.scoring import score_response
from sightscale.tasks.sources import chosen


def arrange(rows: datasets.Dataset) -> datasets.Dataset:
    """Multiple-choice rows with checked keys, in the chosen order of options.

    Raises UserError for a key that is no option's letter.
    """
    return arrange_options(check_keys(rows, "the task's data"), chosen().options)


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt of an open or yes/no question; `pre_prompt` and `post_prompt` come from the task's YAML."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{doc['question']}\n{around.get('post_prompt', '')}"


def score_short(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score an answer against the accepted ones."""
    return _score("short", doc, results[0])


def score_yes_no(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score an answer of yes or no."""
    return _score("yes_no", doc, results[0])


def _score(answer_format: str, doc: Mapping[str, Any], response: str) -> dict[str, Any]:
    scored = score_response(answer_format, response, doc["answer"], {})
    return {
        "accuracy": scored.score,
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "item_id": str(doc["index"]),
        "answer_format": answer_format,
        "category": doc.get("category"),
    }
