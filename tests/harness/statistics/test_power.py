"""Power: numbers of questions that show what they promise, by simulation and against statsmodels' formula by hand."""

import numpy as np
import pytest
from scipy import stats

from sightscale.harness.statistics import (
    mcnemar,
    paired_difference,
    questions_for_difference,
    questions_for_width,
    spread,
)


def draw(rng: np.random.Generator, n: int, discordance: float, difference: float) -> np.ndarray:
    gains = (discordance + difference) / 2
    return rng.choice([1.0, -1.0, 0.0], p=[gains, discordance - gains, 1 - discordance], size=n)


@pytest.mark.parametrize(("discordance", "difference"), [(0.2, 0.05), (0.4, 0.1), (0.1, 0.06)])
def test_the_questions_asked_for_show_the_difference_as_often_as_promised(
    discordance: float, difference: float
) -> None:
    rng = np.random.default_rng(0)
    measured = spread(draw(rng, 200_000, discordance, 0.0), np.zeros(200_000))
    assert measured.discordance == pytest.approx(discordance, abs=0.003)
    n = int(questions_for_difference(measured, difference))
    found = []
    for _ in range(1000):
        gaps = draw(rng, n, discordance, difference)
        found.append(mcnemar(np.maximum(gaps, 0), np.maximum(-gaps, 0)).p < 0.05)
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_it_is_connors_number_of_pairs() -> None:
    discordance, difference = 0.3, 0.08
    z_test, z_power = stats.norm.ppf([0.975, 0.9])
    by_hand = ((z_test * np.sqrt(discordance) + z_power * np.sqrt(discordance - difference**2)) / difference) ** 2
    gaps = np.r_[np.ones(1500), -np.ones(1500), np.zeros(7000)]
    found = questions_for_difference(spread(gaps, np.zeros(10_000)), difference, power=0.9)
    assert found == pytest.approx(by_hand, rel=0.002)


def test_the_questions_asked_for_place_a_reliance_with_shared_pictures() -> None:
    rng = np.random.default_rng(1)
    members = np.repeat(np.arange(4000), 5)
    gaps = np.where(rng.random(4000) < 0.3, rng.choice([1.0, 1.0, -1.0], 4000), 0.0)[members]
    alone, shared = spread(gaps, np.zeros(20_000)), spread(gaps, np.zeros(20_000), members)
    assert questions_for_width(shared, 0.03) == pytest.approx(5 * questions_for_width(alone, 0.03), rel=0.02)
    n = int(questions_for_width(shared, 0.03)) // 5 * 5
    estimate = paired_difference(gaps[:n], np.zeros(n), members[:n])
    assert (estimate.high - estimate.low) / 2 == pytest.approx(0.03, rel=0.12)


def test_answers_that_never_differed_still_need_questions() -> None:
    assert questions_for_difference(spread(np.ones(50), np.ones(50)), 0.03) > 20
    with pytest.raises(ValueError, match="no pair"):
        spread([], [])
