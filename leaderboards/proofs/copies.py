"""Copies: entries that say the same where they needn't.

Right answers are alike in any good model; wrong ones and those without a picture are a model's own. So two entries are
compared on the questions that not both got right, sighted and without the picture, by what was read of their answers:
other words for the same option hide nothing. Of a limited entry the first questions are compared.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# From this share two entries are the same: the shipped family reaches 0.18, copies with 1 % edited 0.99.
ALIKE = 0.9
FEWEST = 30  # questions that say something
SAMPLED = 160  # answers of each entry by which the likeliest pairs of many are found
FEWEST_SAMPLED = 8  # of each task
CLOSEST = 3  # pairs of each entry that are compared in full, and all that the sample doesn't rule out
SUSPECT = 0.6  # share of sampled answers from which a pair is compared in full


class AskedQuestions(Protocol):
    """Which questions were asked: of each task what tells its questions from others, and their rows."""

    @property
    def tasks(self) -> Mapping[str, tuple[str, np.ndarray]]: ...


class Answers(Protocol):
    """An entry's answers as the site holds them: scores, NaN where none was asked, and each text as a number."""

    @property
    def questions(self) -> AskedQuestions: ...
    @property
    def sighted(self) -> np.ndarray: ...
    @property
    def blind(self) -> np.ndarray: ...
    @property
    def said_sighted(self) -> np.ndarray: ...
    @property
    def said_blind(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Pair:
    """Two entries, by their places, and the share of answers that are the same where not both are right."""

    first: int
    second: int
    alike: float
    questions: int

    @property
    def is_copy(self) -> bool:
        """Whether one is a copy of the other, or both are the same model."""
        return self.alike >= ALIKE


def find_copies(entries: Sequence[Answers]) -> Iterator[Pair]:
    """Every pair of entries that answered the same questions of some task, as far as enough of them say something."""
    for first in range(len(entries)):
        for second in range(first + 1, len(entries)):
            pair = _compare(first, second, entries)
            if pair:
                yield pair


def find_nearest(entries: Sequence[Answers]) -> dict[int, Pair]:
    """Each entry's pair with the one most like it, by its place; who shares questions with nobody isn't there.

    Of a thousand entries half a million pairs can't be compared in a second: a sample of the answers says which of them
    are worth it. Tasks are sampled one by one, so that a copy that leaves a task out, or adds one, is found too. A copy
    that differs in one answer of ten is passed over less than once in a million.
    """
    nearest: dict[int, Pair] = {}
    for first, second in _find_likely(entries):
        pair = _compare(first, second, entries)
        if pair is None:
            continue
        for place in (first, second):
            if place not in nearest or pair.alike > nearest[place].alike:
                nearest[place] = pair
    return nearest


def _find_likely(entries: Sequence[Answers]) -> list[tuple[int, int]]:
    """The pairs that are worth comparing in full, by a sample of each task's answers."""
    groups = defaultdict(list)
    for place, one in enumerate(entries):
        for digest, rows in one.questions.tasks.values():
            groups[digest].append((place, rows))
    most = max((len(one.questions.tasks) for one in entries), default=1)
    same, tells = (np.zeros((len(entries), len(entries)), np.float32) for _ in range(2))
    for members in groups.values():
        places = np.array([place for place, _ in members])
        # Not from a seed: who knew which answers are sampled could change those alone.
        shortest = min(len(rows) for _, rows in members)  # who limits an entry leaves the last questions out
        chosen = np.random.default_rng().permutation(2 * shortest)[: max(FEWEST_SAMPLED, SAMPLED // most)]
        said, right = (
            np.stack([_sample(entries[place], rows[:shortest], which)[chosen] for place, rows in members])
            for which in ("said", "right")
        )
        for at, place in enumerate(places[:-1]):
            telling = ~(right[at] & right[at + 1 :])
            tells[place, places[at + 1 :]] += telling.sum(axis=1)
            same[place, places[at + 1 :]] += ((said[at] == said[at + 1 :]) & telling).sum(axis=1)
    likely = []
    for place in range(len(entries) - 1):
        others = place + 1 + np.flatnonzero(tells[place, place + 1 :])
        if len(others):
            share = same[place, others] / tells[place, others]
            closest = others[(share >= SUSPECT) | (share >= np.sort(share)[-CLOSEST:][0])]
            likely += [(place, int(other)) for other in closest]
    return likely


def _sample(one: Answers, rows: np.ndarray, which: str) -> np.ndarray:
    """An entry's answers to some questions, sighted and blind: what was said, or whether it was right."""
    if which == "said":
        return np.concatenate([one.said_sighted[rows], one.said_blind[rows]])
    return np.concatenate([one.sighted[rows] == 1, one.blind[rows] == 1])


def _common(one: AskedQuestions, other: AskedQuestions) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the questions that both were asked, task by task."""
    pairs = [
        (rows, other.tasks[task][1])
        for task, (digest, rows) in one.tasks.items()
        if task in other.tasks and other.tasks[task][0] == digest
    ]
    sides = ([pair[side][: min(map(len, pair))] for pair in pairs] for side in (0, 1))
    first, second = (np.concatenate(side) if side else np.zeros(0, int) for side in sides)
    return first, second


def _compare(first: int, second: int, entries: Sequence[Answers]) -> Pair | None:
    one, other = entries[first], entries[second]
    rows, others_rows = _common(one.questions, other.questions)
    telling = same = 0
    for side in ("sighted", "blind"):
        scores, others = getattr(one, side)[rows], getattr(other, side)[others_rows]
        said, others_said = getattr(one, f"said_{side}")[rows], getattr(other, f"said_{side}")[others_rows]
        tells = ~np.isnan(scores) & ~np.isnan(others) & ~((scores == 1) & (others == 1))
        # Saying nothing, or what nobody could read, is no answer of one's own.
        tells &= (said != 0) | (others_said != 0)
        telling += int(tells.sum())
        same += int((tells & (said == others_said)).sum())
    return Pair(first, second, same / telling, telling) if telling >= FEWEST else None
