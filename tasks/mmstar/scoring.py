"""MMStar as lmms-eval tasks: prompts, scores, and the two averages that are in use.

`official` is hits over questions (250 a category, 1,500 in all); `macro` is the mean over the axes of a category,
then over categories, as lmms-eval and the study's table have it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from PIL import Image

from sightscale.tasks.averages import AverageKind, stratify
from sightscale.tasks.mmstar.questions import read_question
from sightscale.tasks.multiple_choice import known_truth
from sightscale.tasks.pictures import open_picture
from sightscale.tasks.scoring import score_response

LETTERS = dict.fromkeys("ABCD", "")  # of a question whose options can't be read


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The picture of a question, as RGB."""
    return [open_picture(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt of a question, as lmms-eval's MMStar task writes it."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{doc['question'].strip()}{around.get('post_prompt', '')}"


def read_options(doc: Mapping[str, Any]) -> dict[str, str]:
    """The options of a question, letter to text; letters without texts where they can't be read."""
    question = read_question(doc["question"])
    return question.options if question else dict(LETTERS)


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one answer for both averages, with what a record needs beside it."""
    options = read_options(doc)
    scored = score_response("choice", results[0], doc["answer"].strip().upper(), options)
    return {
        "official": scored.score,
        "macro": {"axis": doc["l2_category"], "score": scored.score},
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "item_id": str(doc["index"]),
        "answer_format": "choice",
        "options": options,
        "category": doc["category"],
        "l2_category": doc["l2_category"],
        **({"order": doc["order"]} if doc.get("order") else {}),
        **known_truth(doc),
    }


def mean_of_axes(results: Iterable[Mapping[str, Any]]) -> float:
    """The mean over axes of each axis's mean score."""
    axes, scores = zip(*((result["axis"], result["score"]) for result in results), strict=True)
    one_category = ("",) * len(axes)
    return stratify(AverageKind.AXES, one_category, one_category, axes).mean(scores)
