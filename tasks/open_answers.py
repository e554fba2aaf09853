"""Open answers: reads a free response, and compares it with the accepted answers."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sightscale.tasks.answers import ANSWERED, REFUSED, TRUNCATED, UNPARSED, Outcome, refuses, visible_answer

MAX_WORDS = 40  # of an answer that is one; a longer response only answers in its last line
_ARTICLES = frozenset(("a", "an", "the"))
_NUMBERS = {
    "zero": "0",
    **{"one": "1", "two": "2", "three": "3", "four": "4", "five": "5"},
    **{"six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10"},
}
_CUE = re.compile(
    r"(?:^|[\n.!?]\s{0,8})\W{0,8}(?:the\s+|my\s+)?(?:final\s+)?answer\s*(?:is\s*)?[:=]?\s*", re.IGNORECASE
)
_NOT_WORDS = re.compile(r"[^\w°%$.]+|(?<!\d)\.|\.(?!\d)|_")


@dataclass(frozen=True)
class OpenReading:
    """The answer in a response, normalised (None if there is none), and the outcome."""

    text: str | None
    outcome: Outcome


def write_names(names: Sequence[str]) -> str:
    """Accepted answers as the target text of a record: JSON."""
    return json.dumps(list(names), ensure_ascii=False)


def read_names(target: str) -> list[str]:
    """Accepted answers from a target text: a JSON list, or one answer as it is."""
    try:
        names = json.loads(target)
    except (ValueError, RecursionError):  # the latter for brackets nested without end
        return [target]
    return [str(name) for name in names] if isinstance(names, list) else [target]


def normalise(text: str) -> str:
    """Lower case, without articles and punctuation, numbers in digits, as in the VQA challenges."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = _NOT_WORDS.sub(" ", folded).split()
    return " ".join(_NUMBERS.get(word, word) for word in words if word not in _ARTICLES)


def read_open(response: str, *, truncated: bool = False) -> OpenReading:
    """The answer in a response: the text after its last "Answer:", or else all of it, or the last line of a long one.

    Nothing is read from a `truncated` response.
    """
    if truncated:
        return OpenReading(None, TRUNCATED)
    answer = visible_answer(response)
    cues = list(_CUE.finditer(answer))
    if cues and answer[cues[-1].end() :].strip():
        answer = answer[cues[-1].end() :].strip().splitlines()[0]
    elif len(answer.split()) > MAX_WORDS:
        answer = answer.strip().splitlines()[-1]
    if refuses(answer):
        return OpenReading(None, REFUSED)
    text = normalise(answer)
    if not text or len(text.split()) > MAX_WORDS:
        return OpenReading(None, UNPARSED)
    return OpenReading(text, ANSWERED)


def names_one(answer: str, names: Sequence[str]) -> bool:
    """Whether a normalised answer holds one of the names as whole words."""
    padded = f" {answer} "
    return any(f" {normalise(name)} " in padded for name in names if normalise(name))


def is_one(answer: str, names: Sequence[str]) -> bool:
    """Whether a normalised answer is one of the names."""
    return bool(answer) and any(answer == normalise(name) for name in names)


def holds_or_is_held(response: str, names: Sequence[str]) -> bool:
    """CoIN's rule: a name in the response, or the response in a name, whatever the case."""
    answer = response.strip().casefold()
    return bool(answer) and any(name.casefold() in answer or answer in name.casefold() for name in names)


def read_yes_no(response: str, *, truncated: bool = False) -> OpenReading:
    """`yes` or `no`, when a response opens or ends with one of them and doesn't say both."""
    reading = read_open(response, truncated=truncated)
    words = (reading.text or "").split()
    named = {word for word in (words[:1] + words[-1:]) if word in ("yes", "no")}
    if len(named) == 1:
        return OpenReading(named.pop(), ANSWERED)
    return OpenReading(None, UNPARSED if reading.outcome == ANSWERED else reading.outcome)
