"""Perceptual similarity: which of two pictures is more like a reference? Each triplet asked in both orders.

A document is a row of `similarity.releases` (or of the mini suite) with an `order`: under `AB` the left picture
is Image A, under `BA` the right one is. So a model that prefers a letter, not a picture, scores one half.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import datasets
from PIL import Image

from sightscale.tasks.expansion import expand_rows
from sightscale.tasks.forced_choice import ceiling, majority_agreement, write_shares
from sightscale.tasks.multiple_choice import known_truth
from sightscale.tasks.pictures import MARK, open_picture
from sightscale.tasks.scoring import score_response
from sightscale.tasks.sources import follow_pointer

ORDERS = ("AB", "BA")
OPTIONS = {"A": "Image A", "B": "Image B"}
QUESTION = (
    f"Image A: {MARK}\nReference: {MARK}\nImage B: {MARK}\n"
    "Is Image A or Image B more similar to the reference?\nA. Image A\nB. Image B\n"
)
SIDES = {"AB": {"A": "left", "B": "right"}, "BA": {"A": "right", "B": "left"}}


def both_orders(pointer: datasets.Dataset) -> datasets.Dataset:
    """The triplets of a pointer, each twice: in the order AB, then BA."""
    rows = follow_pointer(pointer)
    return expand_rows(rows, [len(ORDERS)] * len(rows), {"order": list(ORDERS) * len(rows)})


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """Image A, the reference and Image B, as RGB."""
    sides = SIDES[doc["order"]]
    return [open_picture(doc[name]) for name in (sides["A"], "reference", sides["B"])]


def doc_to_no_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """No pictures: the blind variants."""
    return []


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt with `<image>` where a picture stands; `pre_prompt` and `post_prompt` come from the YAML."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{QUESTION}{around.get('post_prompt', '')}"


def doc_to_blind_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt without the places of the pictures, else the same to the byte."""
    return doc_to_text(doc, lmms_eval_specific_kwargs).replace(MARK, "")


def doc_to_messages(
    doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The prompt as one chat turn, each picture behind its name."""
    return _as_turn(doc_to_text(doc, lmms_eval_specific_kwargs), doc_to_visual(doc))


def doc_to_blind_messages(
    doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The chat turn with the same text parts, and no pictures."""
    return _as_turn(doc_to_text(doc, lmms_eval_specific_kwargs), [])


def doc_to_target(doc: Mapping[str, Any]) -> str:
    """The share of people who preferred Image A, and Image B, as JSON."""
    shares = {"left": 1 - doc["p_right"], "right": doc["p_right"]}
    return write_shares({letter: shares[side] for letter, side in SIDES[doc["order"]].items()})


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one choice: the share of people it agrees with (`two_afc`), the majority's, and what a record needs."""
    target = doc_to_target(doc)
    scored = score_response("2afc", results[0], target, OPTIONS)
    item = str(doc["index"])
    return {
        "two_afc": scored.score,
        "accuracy": majority_agreement(scored.prediction, target),
        "consistency": (item, SIDES[doc["order"]].get(scored.prediction or "", scored.prediction)),
        "ceiling": ceiling(target),
        "unparsed": float(scored.outcome == "unparsed"),
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "item_id": item,
        "cluster": doc.get("cluster") or f"triplet:{item}",
        "answer_format": "2afc",
        "options": OPTIONS,
        "order": doc["order"],
        "category": doc["order"],
        **known_truth(doc),
    }


def order_consistency(items: Iterable[tuple[str, str | None]]) -> float:
    """Of the triplets read in both orders, the share where both name the same picture (NaN without any)."""
    sides: dict[str, list[str | None]] = defaultdict(list)
    for item, side in items:
        sides[item].append(side)
    both = [answers for answers in sides.values() if len(answers) == len(ORDERS) and None not in answers]
    return sum(len(set(answers)) == 1 for answers in both) / len(both) if both else math.nan


def _as_turn(text: str, pictures: list[Image.Image]) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for number, part in enumerate(text.split(MARK)):
        if number and pictures:
            content.append({"type": "image", "url": pictures[number - 1]})
        content.append({"type": "text", "text": part})
    return [{"role": "user", "content": content}]
