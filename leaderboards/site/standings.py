"""Standings: ranks that say no more than the answers do.

A rank is an interval: every other entry is compared with this one on the same questions, questions on one picture
counted together, and only an entry that is surely better or worse moves it (confidence sets for ranks: Mogstad, Romano,
Shaikh & Wilhelm, Review of Economic Studies 2024; step-down by Holm, 1979). Which entries may be the best follows the
same way, one-sided. A score that was chosen for being the highest is too high on average (the winner's curse); how
much is simulated from the scores' own uncertainty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its functions are imported where ranks are found; a board of claims alone has none

RULE = (
    "Ranks are 95 % intervals from comparing every two entries on the same questions: rank 1–3 says that up to two "
    "entries may be ahead, and entries whose ranks overlap are tied. “May be best” marks the entries of which no other "
    "is surely better. Rows stand by their scores."
)
ALPHA = 0.05
DRAWS, MOST_DRAWN = 2000, 40  # simulated boards, and how many of the highest entries they hold


@dataclass(frozen=True)
class Rank:
    """The best and the worst rank that an entry can hold among those asked the same questions."""

    best: int
    worst: int
    may_lead: bool

    @property
    def text(self) -> str:
        """The interval as it is read."""
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"

    @property
    def sort(self) -> float:
        """Orders by the best rank, then by the worst."""
        return self.best + self.worst / 1e7


@dataclass(frozen=True)
class Scored:
    """One entry's answers to the questions of a score: the mean, and what each picture moves it by.

    `moves` sum to 0 within a stratum; two entries' moves are aligned, picture by picture.
    """

    value: float
    moves: np.ndarray
    questions: int


def center(scores: np.ndarray, weights: np.ndarray, strata: np.ndarray, clusters: np.ndarray) -> Scored:
    """The weighted mean of scores whose weights sum to 1, and what each cluster moves it by."""
    totals = np.bincount(strata, weights)
    means = np.bincount(strata, weights * scores) / np.where(totals > 0, totals, 1.0)
    moves = np.bincount(clusters, weights * (scores - means[strata]))
    return Scored(float(weights @ scores), moves, len(scores))


def find_ranks(entries: Sequence[Scored]) -> list[Rank]:
    """The 95 % interval of each entry's rank. Entries must have answered the same questions."""
    count = len(entries)
    if count < 2:
        return [Rank(1, 1, False)] * count
    ratios, freedom = _compare(entries)
    others = count - 1
    both = -scipy.special.stdtrit(freedom, ALPHA / 2 / np.arange(others, 0, -1))  # Student's t, from above
    one = -scipy.special.stdtrit(freedom, ALPHA / np.arange(others, 0, -1))
    better = _step_down(np.abs(ratios), both)
    above = (better & (ratios > 0)).sum(axis=1)  # entries that are surely ahead of this one
    below = (better & (ratios < 0)).sum(axis=1)
    led = np.asarray(_step_down(ratios, one).any(axis=1))
    return [Rank(int(1 + up), int(count - down), not lead) for up, down, lead in zip(above, below, led, strict=True)]


def estimate_curse(entries: Sequence[Scored]) -> float:
    """By how much the highest of these scores is too high on average; 0 for a single one."""
    highest = sorted(entries, key=lambda entry: -entry.value)[:MOST_DRAWN]
    if len(highest) < 2:
        return 0.0
    values, moves = np.array([entry.value for entry in highest]), np.stack([entry.moves for entry in highest])
    rng = np.random.default_rng(0)
    drawn = np.stack([(moves * rng.standard_normal(moves.shape[1])).sum(axis=1) for _ in range(DRAWS)])
    first = (values + drawn).argmax(axis=1)
    return float(max(0.0, drawn[np.arange(DRAWS), first].mean()))


def _compare(entries: Sequence[Scored]) -> tuple[np.ndarray, int]:
    """How many standard errors the entry of a column lies above that of a row, and the degrees of freedom.

    One pseudo-question each way keeps a handful of differing answers from being sure of anything, as the exact test
    of paired answers does.
    """
    values = np.array([entry.value for entry in entries])
    moves = np.stack([entry.moves for entry in entries])
    gram = moves @ moves.T
    own = np.diag(gram)
    pictures, questions = moves.shape[1], entries[0].questions
    squares = np.maximum(0.0, own[:, None] + own[None, :] - 2 * gram) * pictures / max(1, pictures - 1)
    errors = np.sqrt(squares + 2.0 / questions**2)
    return (values[None, :] - values[:, None]) / errors, max(1, pictures - 1)


def _step_down(ratios: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """Which comparisons of each row hold by Holm's step-down; an entry isn't compared with itself."""
    ratios = ratios.copy()
    np.fill_diagonal(ratios, -np.inf)
    order = np.argsort(-ratios, axis=1)[:, :-1]
    passed = np.take_along_axis(ratios, order, axis=1) > critical[None, :]
    passed = np.logical_and.accumulate(passed, axis=1)
    held = np.zeros_like(ratios, dtype=bool)
    np.put_along_axis(held, order, passed, axis=1)
    return held
