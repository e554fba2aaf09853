"""Standings: ranks hold the true ones as often as they say, ties are ties, the highest score is known to be high."""

import numpy as np
import pytest

from sightscale.leaderboards.site.standings import Scored, center, estimate_curse, find_ranks

QUESTIONS, PICTURES = 300, 150


def simulate(rng: np.random.Generator, abilities: np.ndarray) -> list[Scored]:
    """Answers of systems to the same questions, two on each picture, harder and easier ones."""
    pictures = np.repeat(np.arange(PICTURES), QUESTIONS // PICTURES)
    ease = rng.normal(0, 0.7, PICTURES)[pictures] + rng.normal(0, 0.7, QUESTIONS)
    chance = 1 / (1 + np.exp(-(abilities[:, None] + ease[None, :])))
    right = (rng.random(chance.shape) < chance).astype(float)
    flat = np.full(QUESTIONS, 1 / QUESTIONS), np.zeros(QUESTIONS, int), pictures
    return [center(row, *flat) for row in right]


@pytest.mark.parametrize(
    "abilities", [np.zeros(8), np.linspace(-1, 1, 8), np.array([0.0, 0.0, 0.15, 0.3, 0.3, 0.9]), np.array([0.0, 0.25])]
)
def test_rank_intervals_hold_the_true_ranks(abilities: np.ndarray) -> None:
    """True ranks of tied systems are a range, all of which the interval must hold; at least 93 % of the time."""
    rng = np.random.default_rng(7)
    held = leads = 0
    rounds = 400
    best = [1 + int((abilities > ability).sum()) for ability in abilities]
    worst = [len(abilities) - int((abilities < ability).sum()) for ability in abilities]
    for _ in range(rounds):
        ranks = find_ranks(simulate(rng, abilities))
        held += np.mean([r.best <= b and w <= r.worst for r, b, w in zip(ranks, best, worst, strict=True)])
        leads += ranks[int(abilities.argmax())].may_lead
    assert held / rounds >= 0.93 and leads / rounds >= 0.93


def test_far_apart_is_a_rank_and_close_together_is_a_tie() -> None:
    ranks = find_ranks(simulate(np.random.default_rng(1), np.array([2.5, 0.0, 0.0, -2.5])))
    assert [rank.text for rank in ranks] == ["1", "2–3", "2–3", "4"]
    assert [rank.may_lead for rank in ranks] == [True, False, False, False]
    assert find_ranks([]) == [] and find_ranks(simulate(np.random.default_rng(1), np.zeros(1)))[0].text == "1"


def test_three_answers_of_thirty_rank_nobody() -> None:
    """3 gains and no loss are no difference by the exact test (p 0.25); neither is a rank."""
    flat = np.full(30, 1 / 30), np.zeros(30, int), np.arange(30)
    worse = np.array([0.0] * 3 + [1.0] * 27)
    assert [rank.text for rank in find_ranks([center(np.ones(30), *flat), center(worse, *flat)])] == ["1–2", "1–2"]


def test_pairing_tells_more_than_two_intervals_do() -> None:
    """Two systems that err on the same questions differ surely where their own intervals overlap."""
    rng = np.random.default_rng(3)
    one = (rng.random(400) < 0.5).astype(float)
    two = one.copy()
    two[np.flatnonzero(one == 1)[:12]] = 0.0
    flat = np.full(400, 1 / 400), np.zeros(400, int), np.arange(400)
    assert [rank.text for rank in find_ranks([center(one, *flat), center(two, *flat)])] == ["1", "2"]


def test_the_winners_curse_is_what_simulation_finds() -> None:
    rng = np.random.default_rng(5)
    truth, rounds, excess, told = np.full(6, 0.5), 60, [], []
    for _ in range(rounds):
        right = (rng.random((6, 200)) < truth[:, None]).astype(float)
        flat = np.full(200, 1 / 200), np.zeros(200, int), np.arange(200)
        scored = [center(row, *flat) for row in right]
        excess.append(max(one.value for one in scored) - 0.5)
        told.append(estimate_curse(scored))
    assert 0.02 < np.mean(excess) < 0.07 and np.mean(told) == pytest.approx(np.mean(excess), rel=0.5)
    assert estimate_curse(scored[:1]) == 0.0
