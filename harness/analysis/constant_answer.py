"""Floors: what the best answer that never looks would score, found from the records' targets.

The answer is chosen on the questions it is scored on, so a floor is on the high side: a model above it has
looked, or knows more than one constant answer.
"""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from sightscale.harness.statistics import Array
from sightscale.tasks.forced_choice import read_shares
from sightscale.tasks.scoring import CORRECT_IOU

CANDIDATES = 1000  # boxes tried as the constant one: targets, evenly taken, and their median


def constant_answer(about: pd.DataFrame) -> tuple[str, Array] | None:
    """The constant answer that scores best and its score on each question, or None where none can be told.

    For boxes: the prior box (in fractions of the picture). For two-alternative forced choice: the prior side.
    For lettered options: the prior letter. Targets that can't be read score nothing.
    """
    formats = {str(one).partition(":")[0] for one in about["answer_format"].dropna().unique()}
    if len(formats) != 1 or about.empty:
        return None
    targets = about["target"].fillna("").astype(str).tolist()
    if formats == {"choice"}:
        answers = np.array(targets)
        return _best({letter: (answers == letter).astype(float) for letter in set(targets) - {""}})
    if formats == {"2afc"}:
        shares = [_read_shares(one) for one in targets]
        letters = {letter for one in shares for letter in one}
        return _best({letter: np.array([one.get(letter, 0.0) for one in shares]) for letter in letters})
    return _constant_box(targets) if formats == {"box"} else None


def _best(scores: dict[str, Array]) -> tuple[str, Array] | None:
    if not scores:
        return None
    name = max(sorted(scores), key=lambda one: float(scores[one].mean()))
    return f"always {name}", scores[name]


def _read_shares(target: str) -> dict[str, float]:
    try:
        return read_shares(target)
    except ValueError:
        return {}


def _constant_box(targets: Sequence[str]) -> tuple[str, Array] | None:
    boxes = np.array([_read_box(one) for one in targets])
    readable = boxes[~np.isnan(boxes).any(axis=1)]
    if not len(readable):
        return None
    taken = np.unique(np.linspace(0, len(readable) - 1, min(len(readable), CANDIDATES)).astype(int))
    candidates = np.vstack([np.median(readable, axis=0), readable[taken]])
    hits = [_overlaps(one, boxes) >= CORRECT_IOU for one in candidates]
    best = int(np.argmax([one.mean() for one in hits]))
    named = ", ".join(f"{side:.2f}" for side in candidates[best])
    return f"always [{named}]", hits[best].astype(float)


def _read_box(target: str) -> list[float]:
    try:
        box = [float(side) for side in json.loads(target)["box"]]
    except (ValueError, TypeError, KeyError):
        box = []
    return box if len(box) == 4 and np.isfinite(box).all() else [float("nan")] * 4


def _overlaps(one: Array, boxes: Array) -> Array:
    """IoU of one box with many; 0 for a missing, empty or inverted one."""
    across = np.minimum(one[2], boxes[:, 2]) - np.maximum(one[0], boxes[:, 0])
    down = np.minimum(one[3], boxes[:, 3]) - np.maximum(one[1], boxes[:, 1])
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    shared = np.clip(across, 0, None) * np.clip(down, 0, None)
    union = (one[2] - one[0]) * (one[3] - one[1]) + width * height - shared
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = np.where((union > 0) & (width > 0) & (height > 0), shared / union, 0.0)
    return np.nan_to_num(overlap)
