"""Copies: entries that say the same where they needn't.

Right answers are alike in any good model; wrong ones and those without a picture are a model's own. So two entries are
compared on the questions that not both got right, sighted and without the picture, by the text of their answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sightscale.leaderboards.site import Answers

# From this share two entries are the same: the shipped family reaches 0.13, copies with 1 % edited 0.99.
ALIKE = 0.9
FEWEST = 30  # questions that say something


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
            other = entries[second]
            if one.questions.digest != other.questions.digest:
                continue
            telling = same = 0
            for side in ("sighted", "blind"):
                scores, others = getattr(one, side), getattr(other, side)
                said, others_said = getattr(one, f"said_{side}"), getattr(other, f"said_{side}")
                tells = ~np.isnan(scores) & ~np.isnan(others) & ~((scores == 1) & (others == 1))
                # Saying nothing, or what nobody could read, is no answer of one's own.
                tells &= (said != 0) | (others_said != 0)
                telling += int(tells.sum())
                same += int((tells & (said == others_said)).sum())
            if telling >= FEWEST:
                yield Pair(first, second, same / telling, telling)
