"""Scoring: the one function that turns a raw answer into a prediction, an outcome and a score.

Task files call it while lmms-eval runs. `rescore` and leaderboard checks call it again on the same raw answers, so
every published number can be computed a second time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sightscale.tasks.answers import outcome_of_text, read_answer, visible_answer
from sightscale.tasks.boxes import AUTO, ground, write_box
from sightscale.tasks.forced_choice import agreement, read_preference
from sightscale.tasks.open_answers import holds_or_is_held, is_one, names_one, read_names, read_open, read_yes_no
from sightscale.tasks.vocabulary import Outcome

FORMATS = ("choice", "box", "2afc", "short", "yes_no", "class", "substring")
CORRECT_IOU = 0.5  # a box is right from this overlap on


@dataclass(frozen=True)
class Scored:
    """The result for one raw answer: its prediction, its outcome, and its score in [0, 1]."""

    prediction: str | None
    outcome: str
    score: float


def score_response(
    answer_format: str, response: str, target: str, options: Mapping[str, str], *, truncated: bool = False
) -> Scored:
    """Score `response` against `target`; `options` maps letters to texts (empty for open answers).

    Nothing is read from a `truncated` response, which reached its token limit: a number, a box or a list may be
    incomplete, and an answer might have been taken back. Raises ValueError for an unknown `answer_format`.
    """
    if truncated and answer_format.partition(":")[0] in FORMATS:
        return Scored(None, Outcome.TRUNCATED, 0.0)
    if answer_format == "choice":
        reading = read_answer(response, options)
        return Scored(reading.letter, reading.outcome, float(reading.letter == target))
    if answer_format in _OPEN:
        return _OPEN[answer_format](response, target)
    if answer_format == "2afc":
        reading = read_preference(response, options)
        return Scored(reading.letter, reading.outcome, agreement(reading.letter, target))
    kind, _, convention = answer_format.partition(":")  # box, or box:thousand if the model's convention is known
    if kind == "box":
        box, overlap = ground(response, target, convention or AUTO)
        return Scored(write_box(box.box) if box.box else None, box.outcome, float(overlap >= CORRECT_IOU))
    raise ValueError(f"unknown answer format {answer_format!r}; known: {', '.join(FORMATS)}")


def _score_short(response: str, target: str) -> Scored:
    reading = read_open(response)
    return Scored(reading.text, reading.outcome, float(is_one(reading.text or "", read_names(target))))


def _score_yes_no(response: str, target: str) -> Scored:
    reading = read_yes_no(response)
    return Scored(reading.text, reading.outcome, float(reading.text == target.strip().lower()))


def _score_class(response: str, target: str) -> Scored:
    reading = read_open(response)
    return Scored(reading.text, reading.outcome, float(names_one(reading.text or "", read_names(target))))


def _score_substring(response: str, target: str) -> Scored:
    answer = visible_answer(response)
    return Scored(answer or None, outcome_of_text(response), float(holds_or_is_held(answer, read_names(target))))


_OPEN: dict[str, Callable[[str, str], Scored]] = {
    "short": _score_short,  # exact match with one of the accepted answers
    "yes_no": _score_yes_no,
    "class": _score_class,  # one of the class's names as whole words
    "substring": _score_substring,  # CoIN's rule
}


def chance_level(answer_format: str, options: Mapping[str, str]) -> float:
    """The expected score of a uniform guess on one question."""
    if answer_format in ("choice", "2afc") and options:
        return 1.0 / len(options)
    return 0.5 if answer_format == "yes_no" else 0.0
