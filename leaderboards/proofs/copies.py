"""Copies: entries that say the same where they needn't.

Right answers are alike in any good model; wrong ones and those without a picture are a model's own. So two entries are
compared on the questions that not both got right, sighted and without the picture, by the text of their answers.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# From this share two entries are the same: the shipped family reaches 0.13, copies with 1 % edited 0.99.
ALIKE = 0.9
FEWEST = 30  # questions that say something
SAMPLED = 160  # answers of each entry by which the likeliest pairs of many are found
CLOSEST = 3  # pairs of each entry that are compared in full, and all that the sample doesn't rule out
SUSPECT = 0.6  # share of sampled answers from which a pair is compared in full


class AskedQuestions(Protocol):
    """Which questions were asked."""

    @property
    def digest(self) -> str: ...


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
    """Every pair of entries that answered the same questions, as far as enough of them say something."""
    for first, one in enumerate(entries):
        for second in range(first + 1, len(entries)):
            if one.questions.digest == entries[second].questions.digest:
                pair = _compare(first, second, entries)
                if pair:
                    yield pair


def find_nearest(entries: Sequence[Answers]) -> dict[int, Pair]:
    """Each entry's pair with the one most like it, by its place; who shares questions with nobody isn't there.

    Of a thousand entries half a million pairs can't be compared in a second: a sample of the answers says which of them
    are worth it. A copy that differs in one answer of ten is passed over less than once in a million.
    """
    groups = defaultdict(list)
    for place, one in enumerate(entries):
        groups[one.questions.digest].append(place)
    nearest: dict[int, Pair] = {}
    for places in groups.values():
        # Not from a seed: who knew which answers are sampled could change those alone.
        chosen = np.random.default_rng().permutation(2 * len(entries[places[0]].sighted))[:SAMPLED]
        said, right = (_sample([entries[place] for place in places], chosen, which) for which in ("said", "right"))
        candidates = set()
        for at, first in enumerate(places[:-1]):
            tells = ~(right[at] & right[at + 1 :])
            same = ((said[at] == said[at + 1 :]) & tells).sum(axis=1) / np.maximum(1, tells.sum(axis=1))
            likely = np.flatnonzero((same >= SUSPECT) | (same >= np.sort(same)[-CLOSEST:][0]))
            candidates |= {(first, places[at + 1 + other]) for other in likely}
        for first, second in sorted(candidates):
            pair = _compare(first, second, entries)
            if pair is None:
                continue
            for place in (first, second):
                if place not in nearest or pair.alike > nearest[place].alike:
                    nearest[place] = pair
    return nearest


def _sample(entries: Sequence[Answers], chosen: np.ndarray, which: str) -> np.ndarray:
    """The sampled answers of each entry: what was said, or whether it was right."""
    sides = [
        np.concatenate([one.said_sighted, one.said_blind] if which == "said" else [one.sighted == 1, one.blind == 1])
        for one in entries
    ]
    return np.stack([side[chosen] for side in sides])


def _compare(first: int, second: int, entries: Sequence[Answers]) -> Pair | None:
    one, other = entries[first], entries[second]
    telling = same = 0
    for side in ("sighted", "blind"):
        scores, others = getattr(one, side), getattr(other, side)
        said, others_said = getattr(one, f"said_{side}"), getattr(other, f"said_{side}")
        tells = ~np.isnan(scores) & ~np.isnan(others) & ~((scores == 1) & (others == 1))
        # Saying nothing, or what nobody could read, is no answer of one's own.
        tells &= (said != 0) | (others_said != 0)
        telling += int(tells.sum())
        same += int((tells & (said == others_said)).sum())
    return Pair(first, second, same / telling, telling) if telling >= FEWEST else None
