"""Grounding: where is what a phrase describes? One question for each phrase of an object, one box an answer.

The data sets are RefCOCO, RefCOCO+ and RefCOCOg as `lmms-lab-encoder` keeps them: a row is an object with
`question_id`, `image`, `answer` (the phrases that people wrote for it) and `bbox` ([x, y, width, height] in
pixels). A box is right when it overlaps the object's box with an IoU of at least 0.5.
"""

import os
from collections.abc import Mapping
from typing import Any

import datasets
from PIL import Image

from sightscale.tasks.boxes import AUTO, Box, ground, parse_convention, split_convention, write_target
from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import expand_rows
from sightscale.tasks.multiple_choice import TRUTH, known_truth
from sightscale.tasks.pictures import UnreadablePicture, open_picture, read_size
from sightscale.tasks.scoring import score_response
from sightscale.tasks.sources import chosen, follow_pointer
from sightscale.tasks.vocabulary import DataOrigin

CONVENTION = "SIGHTSCALE_BOXES"  # what the evaluated model speaks, when its adapter doesn't say so itself
THRESHOLDS = (0.1, 0.3, 0.7, 0.9)  # reported beside 0.5, which is `accuracy`


def expand_phrases(pointer: datasets.Dataset) -> datasets.Dataset:
    """The questions of a pointer's rows: one for each phrase, with the columns that scoring needs.

    Raises UserError for an unknown convention in the environment. The questions of a picture that can't be opened
    stay, to be counted as failed.
    """
    _told_convention()
    fields = pointer[0]
    name = f"{fields['hub'].rpartition('/')[2]} {'+'.join(fields['splits'])}"
    return ask_phrases(
        follow_pointer(pointer), f"mini {fields['mini']}" if chosen().origin is DataOrigin.MINI else name
    )


def ask_phrases(rows: datasets.Dataset, category: str) -> datasets.Dataset:
    """One row for each phrase: `phrase`, `item_id`, `target` and `category` beside `question_id` and `image`."""
    phrases = [[answer] if isinstance(answer, str) else list(answer) for answer in rows["answer"]]
    names = [str(name) for name in rows["question_id"]]
    pictures = rows.select_columns("image").cast_column("image", datasets.Image(decode=False))
    targets = [_write_target(row["image"], bbox) for row, bbox in zip(pictures, rows["bbox"], strict=True)]
    return expand_rows(
        rows.select_columns(["question_id", "image", *(name for name in TRUTH if name in rows.column_names)]),
        [len(some) for some in phrases],
        {
            "phrase": [phrase for some in phrases for phrase in some],
            "item_id": [
                f"{name}:{number}" for name, some in zip(names, phrases, strict=True) for number in range(len(some))
            ],
            "target": [target for target, some in zip(targets, phrases, strict=True) for _ in some],
            "category": [category for some in phrases for _ in some],
        },
    )


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """The picture of a question, as RGB."""
    return [open_picture(doc["image"])]


def doc_to_text(doc: Mapping[str, Any], lmms_eval_specific_kwargs: Mapping[str, str] | None = None) -> str:
    """The prompt of a question; `pre_prompt` and `post_prompt` come from the task's YAML."""
    around = lmms_eval_specific_kwargs or {}
    return f"{around.get('pre_prompt', '')}{doc['phrase']}{around.get('post_prompt', '')}"


def process_results(doc: Mapping[str, Any], results: list[str]) -> dict[str, Any]:
    """Score one answer: `accuracy` (IoU of at least 0.5), the IoU, other thresholds, and what a record needs."""
    named, _ = split_convention(results[0])
    convention = _told_convention() if named == AUTO else named
    answer_format = "box" if convention == AUTO else f"box:{convention}"
    scored = score_response(answer_format, results[0], doc["target"], {})
    reading, overlap = ground(results[0], doc["target"], convention)
    return {
        "accuracy": scored.score,
        "iou": overlap,
        **{f"acc@{threshold}": float(overlap >= threshold) for threshold in THRESHOLDS},
        "unparsed": float(scored.outcome == "unparsed"),
        "outcome": scored.outcome,
        "prediction": scored.prediction,
        "reason": reading.reason,
        "item_id": doc["item_id"],
        "answer_format": answer_format,
        "category": doc["category"],
        **known_truth(doc),
    }


def _told_convention() -> str:
    convention = os.environ.get(CONVENTION) or AUTO
    try:
        parse_convention(convention)
    except ValueError as error:
        raise UserError(f"{CONVENTION}: {error}") from error
    return convention


def _write_target(picture: Mapping[str, Any], bbox: list[float]) -> str:
    """A row's target. Where the picture can't be opened it is one that no box meets: its questions will fail, alone."""
    try:
        size = read_size(picture)
    except UnreadablePicture:
        return write_target((0.0, 0.0, 0.0, 0.0), (1, 1))
    return write_target(_as_fractions(bbox, size), size)


def _as_fractions(bbox: list[float], size: tuple[int, int]) -> Box:
    x, y, across, down = bbox
    width, height = size
    return x / width, y / height, (x + across) / width, (y + down) / height
