"""Corrections and power: known truth by simulation."""

import numpy as np
import pytest

from sightscale.harness.statistics import (
    blind_corrected,
    blind_share,
    chance_corrected,
    paired_difference,
    smallest_difference,
    unparsed_bounds,
)


def guesses(rng: np.random.Generator, n: int, knows: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of a model that knows a share of the answers and guesses the others, among 2 to 5 options."""
    chance = 1 / rng.integers(2, 6, n)
    return ((rng.random(n) < knows) | (rng.random(n) < chance)).astype(float), chance


def test_chance_correction_finds_the_share_that_is_known() -> None:
    rng = np.random.default_rng(0)
    covered, values = [], []
    for trial in range(400):
        score, chance = guesses(rng, 400, 0.4)
        found = chance_corrected(score, chance, resamples=600, seed=trial)
        covered.append(found.low <= 0.4 <= found.high)
        values.append(found.value)
    assert np.mean(values) == pytest.approx(0.4, abs=0.01)
    assert 0.925 <= np.mean(covered) <= 0.975


def test_blind_correction_finds_what_looking_adds() -> None:
    rng = np.random.default_rng(1)
    covered, shares = [], []
    for trial in range(400):
        blind = (rng.random(500) < 0.35).astype(float)
        sighted = np.where(rng.random(500) < 0.6, 1.0, blind)  # 0.6 of what blind answering leaves open is won
        found = blind_corrected(sighted, blind, resamples=600, seed=trial)
        covered.append(found.low <= 0.6 <= found.high)
        share = blind_share(sighted, blind, resamples=600, seed=trial)
        shares.append(share.low <= 0.35 / (0.35 + 0.65 * 0.6) <= share.high)
    assert 0.925 <= np.mean(covered) <= 0.975
    assert 0.925 <= np.mean(shares) <= 0.975


def test_no_interval_ends_beyond_what_can_be_reached() -> None:
    found = chance_corrected(np.ones(40), np.full(40, 0.25))
    assert found.value == found.high == 1 and found.low < 0.95
    assert blind_share(np.ones(40), np.zeros(40)).low == 0


def test_no_score_has_no_blind_share() -> None:
    assert np.isnan(blind_share([0.0, 0.0], [0.0, 0.0]).value)


def test_unread_answers_bound_the_score() -> None:
    bounds = unparsed_bounds([1.0, 0.0, 0.0, 1.0], [False, True, False, False], [0.25] * 4)
    assert {name: found.value for name, found in bounds.items()} == {"wrong": 0.5, "chance": 0.5625, "right": 0.75}
    everything = unparsed_bounds([0.0] * 10, [True] * 10, [0.25] * 10)
    assert everything["wrong"].value == 0 and everything["right"].value == 1


def test_the_smallest_difference_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(2)
    members = np.repeat(np.arange(150), 2)

    def draw(edge: float) -> tuple[np.ndarray, np.ndarray]:
        base = rng.random(150)[members]
        return (
            (rng.random(300) < 0.3 + 0.3 * base + edge).astype(float),
            (rng.random(300) < 0.3 + 0.3 * base).astype(float),
        )

    sizes = [smallest_difference(*draw(0.1), members) for _ in range(50)]
    edge = float(np.mean([one.value for one in sizes]))
    assert 0.05 < edge < 0.25 and all(0.3 < one.discordance < 0.7 for one in sizes)
    found = [paired_difference(*draw(edge), members, resamples=500, seed=trial).low > 0 for trial in range(300)]
    assert 0.72 <= np.mean(found) <= 0.88


def test_power_needs_two_clusters_and_some_discordance() -> None:
    assert np.isnan(smallest_difference([1, 0], [1, 0]).value)
    assert np.isnan(smallest_difference([1, 0], [0, 0], ["a", "a"]).value)
