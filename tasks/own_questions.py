"""Own questions: how the tasks that `sightscale tasks new` writes are asked and scored. Their YAML files name these.

Multiple choice is asked and scored as everywhere (`multiple_choice`); open and yes/no questions are so here.
"""

from collections.abc import Mapping
from typing import Any

import datasets

from sightscale.tasks.answer_keys import check_keys
from sightscale.tasks.option_orders import arrange_options
from sightscale.tasks.scoring import score_response
from sightscale.tasks.sources import chosen


def arrange(rows: datasets.Dataset) -> datasets.Dataset:
    """Multiple-choice rows with checked keys, in the order of options that was asked for.

    Raises UserError for a key that no option bears.
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
