"""Sequential estimates: intervals for a paired mean difference that hold at every number of questions at once.

Looking after each question and stopping when an interval excludes zero makes an ordinary 95 % interval wrong far more
often than 5 %. These *confidence sequences* may be looked at as often as one likes. Two are here.

`betting`: a gambler bets on each picture's difference against a mean m, in several stakes at once. If m is the mean, no
strategy is expected to win, so a wealth of 1/α is ever reached with probability α at most (Ville, 1939); the interval
is every m against which it isn't (Waudby-Smith & Ramdas, 2024, *JRSS B* 86, 1; mixtures of stakes after Robbins, 1970,
and Cover, 1991). It holds for any number of questions, however few.

`mixture`: Robbins' normal mixture with the variance seen, in its asymptotic form (Robbins, 1970; Waudby-Smith et al.,
2024, *Annals of Statistics* 52, 2613). It is narrower for many questions, and not to be trusted for the first dozens.

Both are of the questions' population, as all intervals here are: pictures in random order are drawn from it. A picture
with several questions is one draw; it counts with the number of its questions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy  # whose parts are imported when they are first used; `stats` takes longest of all
from numpy.typing import ArrayLike

from sightscale.harness.statistics.estimates import Array, Estimate, cluster_table

STAKES = np.concatenate([-np.geomspace(0.02, 0.9, 16), np.geomspace(0.02, 0.9, 16)])  # of what may be staked at most
FIRST = 30  # pictures below which `mixture` says nothing
TUNED_FOR = 100  # pictures at which `mixture` is narrowest
GRID = np.linspace(-1, 1, 401)  # means that `betting` is first tried against
MOST = 1_000_000  # questions beyond which nobody asks on
AT_ONCE = 4_000_000  # numbers in memory while means are tried


class Sequence(StrEnum):
    """Which confidence sequence."""

    BETTING = "betting"
    MIXTURE = "mixture"


@dataclass(frozen=True)
class Draws:
    """Pictures in the order in which they were asked about: the sum of their questions' differences, and how many.

    `largest` is the most questions that any picture has, which must be known before the first is asked.
    """

    sums: Array
    sizes: Array
    largest: float

    @property
    def mean(self) -> float:
        """The mean difference over questions."""
        return float(self.sums.sum() / self.sizes.sum()) if len(self.sums) else float("nan")

    @property
    def variance(self) -> float:
        """Of one picture's part in the mean; over the number of pictures it is the mean's own variance."""
        residuals = (self.sums - self.mean * self.sizes) / self.sizes.mean()
        return float((residuals**2).mean())


def draw_pictures(
    differences: ArrayLike, clusters: ArrayLike | None = None, *, seed: int = 0, order: ArrayLike | None = None
) -> Draws:
    """Differences in [−1, 1] as draws of whole pictures, in a seeded random order or in the `order` given.

    `order` numbers the pictures as `cluster_table` sorts them. Raises ValueError for a difference outside [−1, 1].
    """
    table = cluster_table(differences, clusters)
    if (np.abs(table[:, 0]) > table[:, 1] + 1e-9).any():
        raise ValueError("differences lie between −1 and 1")
    largest = float(table[:, 1].max()) if len(table) else 1.0
    places = np.random.default_rng(seed).permutation(len(table)) if order is None else np.asarray(order, int)
    return Draws(table[places, 0], table[places, 1], largest)


def follow(draws: Draws, level: float = 0.95, sequence: Sequence = Sequence.BETTING) -> Estimate:
    """The mean difference after all draws so far, with the interval that may be looked at after each of them."""
    count = len(draws.sums)
    if not count:
        return Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
    low, high = -1.0, 1.0
    if sequence is Sequence.BETTING:
        low, high = _invert(draws, level)
    elif count >= FIRST:
        reach = float(half_width(count, max(draws.variance, 1 / count), level))
        low, high = max(-1.0, draws.mean - reach), min(1.0, draws.mean + reach)
    return Estimate(draws.mean, min(low, draws.mean), max(high, draws.mean), int(draws.sizes.sum()), count)


def half_width(count: ArrayLike, variance: ArrayLike, level: float = 0.95) -> Array:
    """Half of the normal mixture's width after `count` draws with this variance."""
    alpha = 1 - level
    rho2 = (2 * np.log(1 / alpha) + np.log(1 + 2 * np.log(1 / alpha))) / TUNED_FOR
    spread = np.asarray(count, float) * rho2 + 1
    reach: Array = np.sqrt(
        np.asarray(variance) * 2 * spread / (np.asarray(count, float) ** 2 * rho2) * np.log(np.sqrt(spread) / alpha)
    )
    return reach


def foresee(draws: Draws, threshold: float, level: float = 0.95) -> int | None:
    """About how many more questions would place the mean on one side of `threshold`; None beyond a million.

    It takes mean and variance to stay as they are, and the normal mixture's width.
    """
    return _foresee(draws, abs(draws.mean - threshold), level)


def foresee_width(draws: Draws, width: float, level: float = 0.95) -> int | None:
    """About how many more questions would make the interval narrower than `width`; None beyond a million."""
    return _foresee(draws, width / 2, level)


def _foresee(draws: Draws, reach: float, level: float) -> int | None:
    count, size = len(draws.sums), float(draws.sizes.mean()) if len(draws.sums) else 1.0
    variance = max(draws.variance, 1 / max(count, 1)) if count else 0.5
    most = MOST / size
    if reach <= float(half_width(most, variance, level)):
        return None
    if reach >= float(half_width(max(count, 1), variance, level)):
        return 1  # the betting sequence needs a little more than the mixture
    needed = scipy.optimize.brentq(lambda n: float(half_width(n, variance, level)) - reach, max(count, 1), most)
    return max(1, round((float(needed) - count) * size))


def _stakes(mean: ArrayLike) -> Array:
    """Stakes with which no draw can cost more than all there is, against each mean."""
    means = np.asarray(mean, float)[..., None]
    limit = np.where(STAKES > 0, 1 + means, 1 - means)
    stakes: Array = STAKES / np.maximum(limit, 1e-9)
    return stakes


def _bet(draws: Draws) -> Callable[[Array], Array]:
    """What gives the logarithm of the gambler's wealth against each mean after the last draw, from 0 before the first.

    Like draws are counted together. A mean of ±1 that the draws contradict makes it infinite.
    """
    pairs, counts = np.unique(np.column_stack([draws.sums, draws.sizes]), axis=0, return_counts=True)
    at_once = max(1, AT_ONCE // (len(STAKES) * max(1, len(pairs))))

    def log_wealth(means: Array) -> Array:
        parts = []
        for some in np.split(means, range(at_once, len(means), at_once)):
            gains = (pairs[:, 0] - some[:, None] * pairs[:, 1]) / draws.largest
            with np.errstate(divide="ignore"):
                each = np.log1p(_stakes(some)[:, :, None] * gains[:, None, :]) @ counts
            parts.append(scipy.special.logsumexp(each, axis=1) - np.log(len(STAKES)))
        return np.concatenate(parts)

    return log_wealth


def _invert(draws: Draws, level: float) -> tuple[float, float]:
    """The ends of the set of means against which the wealth stays below 1 / α: found on a grid, then between."""
    limit, log_wealth = float(np.log(1 / (1 - level))), _bet(draws)

    def excess(mean: float) -> float:
        return float(log_wealth(np.array([mean]))[0]) - limit

    tried: Array = np.append(GRID, np.clip(draws.mean, -1, 1))
    inside = tried[log_wealth(tried) < limit]
    if not len(inside):  # no mean is left: what was seen is nearly impossible under any
        return draws.mean, draws.mean
    ends, grid = [], GRID
    for edge, step in ((inside.min(), -1), (inside.max(), 1)):
        outside = grid[grid < edge - 1e-12] if step < 0 else grid[grid > edge + 1e-12]
        if not len(outside):
            ends.append(float(edge))
            continue
        beyond = float(outside[-1] if step < 0 else outside[0])
        ends.append(
            float(scipy.optimize.brentq(excess, edge, beyond, xtol=1e-5)) if np.isfinite(excess(beyond)) else beyond
        )
    return ends[0], ends[1]


@dataclass(frozen=True)
class Replay:
    """What stopping early would have done over many orders of the same answers.

    `asked` holds the questions asked in each order, all of them where nothing was decided; `verdicts` 1 for above the
    threshold, −1 for below, 0 for undecided; `covered` whether the interval held the mean of all questions throughout.
    """

    mean: float
    questions: int
    asked: Array
    verdicts: Array
    covered: Array

    @property
    def saved(self) -> float:
        """The share of questions that needn't be asked, on average over orders."""
        return float(1 - self.asked.mean() / self.questions)

    def wrong(self, threshold: float = 0.0) -> float:
        """The share of orders whose verdict the mean of all questions contradicts."""
        truth = np.sign(self.mean - threshold)
        return float(np.mean((self.verdicts != 0) & (self.verdicts != truth)))


def replay(
    differences: ArrayLike,
    clusters: ArrayLike | None = None,
    threshold: float = 0.0,
    *,
    orders: int = 1000,
    level: float = 0.95,
    sequence: Sequence = Sequence.BETTING,
    seed: int = 0,
) -> Replay:
    """Ask for the mean difference in many random orders of pictures; stop when it is on one side of `threshold`."""
    table = cluster_table(differences, clusters)
    rng = np.random.default_rng(seed)
    places = rng.permuted(np.tile(np.arange(len(table)), (orders, 1)), axis=1)
    sums, sizes = table[:, 0], table[:, 1]
    truth, largest = float(sums.sum() / sizes.sum()), float(sizes.max())
    asked = np.cumsum(sizes[places], axis=1)
    means = np.cumsum(sums[places], axis=1) / asked
    if sequence is Sequence.BETTING:
        limit = np.log(1 / (1 - level))
        out = {mean: _all_wealth(sums, sizes, largest, places, mean) >= limit for mean in (threshold, truth)}
        decided, missed = out[threshold], out[truth]
    else:
        count = np.arange(1, len(table) + 1)
        squares = [np.cumsum(values[places], axis=1) for values in (sums**2, sums * sizes, sizes**2)]
        variance = (squares[0] - 2 * means * squares[1] + means**2 * squares[2]) / count / (asked / count) ** 2
        reach = np.where(count >= FIRST, half_width(count, np.maximum(variance, 1 / count), level), np.inf)
        decided, missed = np.abs(means - threshold) > reach, np.abs(means - truth) > reach
    ever = decided.any(axis=1)
    stops = np.where(ever, decided.argmax(axis=1), len(table) - 1)
    rows = np.arange(orders)
    verdicts = np.where(ever, np.sign(means[rows, stops] - threshold), 0)
    return Replay(truth, int(sizes.sum()), asked[rows, stops], verdicts, ~missed.any(axis=1))


def _all_wealth(sums: Array, sizes: Array, largest: float, places: np.ndarray, mean: float) -> Array:
    """The logarithm of the wealth against `mean` after each draw of each order: orders × draws."""
    gains = (sums - mean * sizes) / largest
    wealth = np.full(places.shape, -np.inf)
    for stake in _stakes(mean):
        np.logaddexp(wealth, np.cumsum(np.log1p(stake * gains)[places], axis=1), out=wealth)
    logarithms: Array = wealth - np.log(len(STAKES))
    return logarithms
