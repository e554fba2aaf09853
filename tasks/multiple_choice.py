"""Multiple choice: how a question with lettered options is asked, and how its answer is scored.

A multiple-choice document is a row with the fields `question`, `A`, `B`, … (missing or null
options are left out), `answer` (the letter) and `image`: the schema of VMCBench. The functions
here are named by task YAML files, so plain lmms-eval calls them too.
"""

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from PIL import Image

from sightscale.tasks.instructions import LETTER_INSTRUCTION
from sightscale.tasks.pictures import open_picture
from sightscale.tasks.scoring import score_response

DIRECT_INSTRUCTION = f"{LETTER_INSTRUCTION}\n"
TRUTH = ("blind_answer", "blind_probability", "truth_description")


def read_options(doc: Mapping[str, Any]) -> dict[str, str]:
    """The options of a document, letter to text, in order, without empty ones."""
    return {letter: str(doc[letter]) for letter in ascii_uppercase if doc.get(letter) is not None}


def pose_question(question: str, options: Mapping[str, str]) -> str:
    """The question with its lettered options, as lmms-eval's VMCBench task writes it."""
    listed = "".join(f"{letter}. {text}\n" for letter, text in options.items())
    return f"Question: {question}\nOptions:\n{listed}"


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The pictures of a document, as RGB."""
    return [open_picture(doc["image"])]


def doc_to_no_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """No picture: the blind variants of any task."""
    return []


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt of a document; `pre_prompt` and `post_prompt` come from the task's YAML."""
    around = lmms_eval_specific_kwargs or {}
    posed = pose_question(doc["question"], read_options(doc))
    return f"{around.get('pre_prompt', '')}{posed}{around.get('post_prompt', '')}"


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one answer: `accuracy` for lmms-eval's mean, and further fields for the record."""
    options = read_options(doc)
    scored = score_response("choice", results[0], doc["answer"], options)
    return {
        "accuracy": scored.score,
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "item_id": str(doc["index"]),
        "answer_format": "choice",
        "options": options,
        "category": doc.get("category"),
        **({"order": doc["order"]} if doc.get("order") else {}),
        **known_truth(doc),
    }


def known_truth(doc: Mapping[str, Any]) -> dict[str, Any]:
    """The known truth about a document of the mini suite, for its record; empty for other documents."""
    return {name: doc[name] for name in TRUTH if doc.get(name) is not None}
