"""Scoring: the one function that turns a raw answer into a prediction, an outcome and a score.

Task files call it while lmms-eval runs; records and leaderboard checks call it again later on the
same raw answers, so a published number can always be computed a second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sightscale.tasks.answers import read_answer
from sightscale.tasks.boxes import AUTO, ground, write_box
from sightscale.tasks.forced_choice import agreement, read_preference

FORMATS = ("choice", "box", "2afc")
CORRECT_IOU = 0.5  # a box is right from this overlap on


@dataclass(frozen=True)
class Scored:
    """What one raw answer is worth: the prediction read from it, its outcome, its score in [0, 1]."""

    prediction: str | None
    outcome: str
    score: float


def score_response(answer_format: str, response: str, target: str, options: Mapping[str, str]) -> Scored:
    """Score `response` against `target`; `options` maps letters to texts (empty for open answers).

    Raises ValueError for an unknown `answer_format`.
    """
    if answer_format == "choice":
        reading = read_answer(response, options)
        return Scored(reading.letter, reading.outcome, float(reading.letter == target))
    if answer_format == "2afc":
        reading = read_preference(response, options)
        return Scored(reading.letter, reading.outcome, agreement(reading.letter, target))
    kind, _, convention = answer_format.partition(":")  # box, or box:thousand when the model's convention is known
    if kind == "box":
        box, overlap = ground(response, target, convention or AUTO)
        return Scored(write_box(box.box) if box.box else None, box.outcome, float(overlap >= CORRECT_IOU))
    raise ValueError(f"unknown answer format {answer_format!r}; known: {', '.join(FORMATS)}")


def chance_level(answer_format: str, options: Mapping[str, str]) -> float:
    """The expected score of a uniform guess on one question."""
    if answer_format in ("choice", "2afc") and options:
        return 1.0 / len(options)
    return 0.0
