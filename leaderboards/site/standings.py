"""Standings: places that say no more than the intervals do.

Two entries whose intervals overlap are tied, so each has a range of places.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from sightscale.harness.statistics import Estimate

RULE = (
    "A place is a range: the best is one more than the number of entries whose interval lies wholly above, the worst "
    "is the number of entries less those whose interval lies wholly below. Entries with ranges that overlap are tied."
)


@dataclass(frozen=True)
class Place:
    """The best and the worst place that an entry can hold among those asked the same questions."""

    best: int
    worst: int

    @property
    def text(self) -> str:
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"

    @property
    def sort(self) -> float:
        """Orders by the best place, then by the worst."""
        return self.best + self.worst / 1e7


def find_places(scores: Sequence[Estimate | None]) -> list[Place | None]:
    """Each estimate's range of places among all; None for what has no score or no interval."""
    there = [score for score in scores if score is not None and score.has_interval]
    lows, highs = sorted(score.low for score in there), sorted(score.high for score in there)
    return [
        Place(1 + len(there) - bisect_right(lows, score.high), len(there) - bisect_left(highs, score.low))
        if score is not None and score.has_interval
        else None
        for score in scores
    ]
