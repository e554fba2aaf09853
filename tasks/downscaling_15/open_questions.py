"""The study's single-picture tasks with open answers, scored by lmms-eval's own functions of these data sets.

Their prompts and scores are lmms-eval's; here each result gets what a record needs beside its score, and each task a
blind variant and the mini suite's rows.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import datasets
from lmms_eval.api.metrics import exact_match_hf_evaluate
from lmms_eval.tasks.scienceqa.utils import sqa_process_results
from lmms_eval.tasks.textvqa.utils import textvqa_process_results
from lmms_eval.tasks.vizwiz_vqa.utils import vizwiz_vqa_process_results
from lmms_eval.tasks.vqav2.utils import vqav2_process_results_val

from sightscale.tasks.answers import outcome_of_text
from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import arrange_rows
from sightscale.tasks.multiple_choice import known_truth
from sightscale.tasks.sources import load_hub

Results = dict[str, Any]


def score_vqav2(doc: Mapping[str, Any], results: list[str]) -> Results:
    """VQA accuracy against ten people's answers."""
    return _complete(doc, doc["question_id"], results, vqav2_process_results_val)


def score_vizwiz(doc: Mapping[str, Any], results: list[str]) -> Results:
    """VQA accuracy against ten people's answers."""
    return _complete(doc, doc["question_id"], results, vizwiz_vqa_process_results)


def score_textvqa(doc: Mapping[str, Any], results: list[str]) -> Results:
    """VQA accuracy against ten people's answers, in the form of M4C."""
    return _complete(doc, doc["question_id"], results, textvqa_process_results)


def score_scienceqa(doc: Mapping[str, Any], results: list[str]) -> Results:
    """Whether the response is the right letter, or begins with it and a full stop."""
    return _complete(doc, doc.get("question_id", doc["question"]), results, sqa_process_results)


def score_whole_answer(doc: Mapping[str, Any], results: list[str]) -> Results:
    """Whether the response is the answer, but for case and punctuation: GQA's rule, and OCR-VQA's."""
    return _complete(doc, doc["id"], results, _match_exactly)


def _match_exactly(doc: Mapping[str, Any], results: list[str]) -> Results:
    """lmms-eval's metric as its gqa task sets it."""
    matched = exact_match_hf_evaluate([results[0].strip()], [doc["answer"]], ignore_case=True, ignore_punctuation=True)
    return {"exact_match": float(matched["exact_match"])}


def _complete(
    doc: Mapping[str, Any], name: Any, results: list[str], score: Callable[[dict[str, Any], list[str]], Results]
) -> Results:
    """What lmms-eval's function makes of one response, with what a record needs beside it."""
    words = {key: value for key, value in doc.items() if key != "image"}  # they change answers in place
    scored = score(deepcopy(words), results)
    return {
        "exact_match": float(scored["exact_match"]),
        "outcome": outcome_of_text(results[0]),
        "item_id": str(name),
        **known_truth(doc),
    }


def most_frequent_answer(doc: Mapping[str, Any]) -> str:
    """The answer that most people gave; of several, the first."""
    return Counter(doc["answers"]).most_common(1)[0][0] if doc.get("answers") else ""


def build_gqa(hub: str) -> datasets.Dataset:
    """GQA's balanced testdev questions with their pictures, which its repository holds apart, none of them decoded.

    Raises UserError where a question's picture isn't there.
    """
    questions = load_hub(hub, ["testdev"], "main", {}, "testdev_balanced_instructions")
    pictures = load_hub(hub, ["testdev"], "main", {}, "testdev_balanced_images")
    places = {name: place for place, name in enumerate(pictures["id"])}
    missing = [name for name in questions["imageId"] if name not in places]
    if missing:
        raise UserError(f"{hub} has no picture {missing[0]!r}, which a question is about")
    asked = {column: questions[column] for column in ("imageId", "question", "answer")}
    named = pictures.rename_column("id", "picture")
    return arrange_rows(named, [places[name] for name in questions["imageId"]], {**asked, "id": questions["id"]})
