"""Dose and response: readers of a known acuity, whose half dose the interval must hold."""

import math

import numpy as np
import pytest
from scipy import optimize

from sightscale.harness.statistics import fit_response
from sightscale.model_adapters.scripted import SPREAD

DOSES = (4, 8, 16, 32, 64, 128)


def read(rng: np.random.Generator, acuity: float, n: int, doses: tuple[float, ...] = DOSES) -> np.ndarray:
    """Scores of a reader as `scripted:reader` is: blind, at each dose, sighted."""
    needed = acuity * np.exp(rng.normal(0, SPREAD, n))
    luck = rng.random(n) < 0.25
    return np.column_stack([luck, *(luck | (dose >= needed) for dose in doses), np.ones(n)]).astype(float)


@pytest.mark.parametrize(("acuity", "n"), [(20, 100), (32, 100), (50, 300)])
def test_the_interval_holds_a_known_acuity(acuity: float, n: int) -> None:
    rng = np.random.default_rng(n + int(acuity))
    covered = []
    for trial in range(200 if n == 100 and acuity == 20 else 60):
        half = fit_response(read(rng, acuity, n), DOSES, seed=trial).half
        covered.append(half.low <= acuity <= half.high)
        assert half.low <= half.value <= half.high and half.high / half.low < 9
    assert np.mean(covered) >= 0.93


def test_a_step_between_two_doses_is_not_placed_more_finely_than_it_was_asked() -> None:
    needed = np.full(500, 40.0)  # every question needs just this
    scores = np.column_stack([np.zeros(500), *(dose >= needed for dose in DOSES), np.ones(500)]).astype(float)
    half = fit_response(scores, DOSES).half
    assert (half.low, half.high) == (pytest.approx(32), pytest.approx(64)) and 32 < half.value < 64


def test_the_fit_is_scipys_and_never_falls() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((200, 8)) < np.array([0.3, 0.35, 0.3, 0.5, 0.45, 0.8, 0.7, 0.8])) * 1.0
    found = fit_response(scores, DOSES)
    assert np.allclose(found.fitted, optimize.isotonic_regression(scores.mean(axis=0)).x)
    assert (
        (np.diff(found.fitted) >= 0).all() and (found.low <= found.fitted).all() and (found.fitted <= found.high).all()
    )


def test_amounts_that_fall_as_information_rises() -> None:
    rng = np.random.default_rng(1)
    needed = 4 * np.exp(rng.normal(0, SPREAD, 400))
    doses = (16.0, 8.0, 4.0, 2.0, 1.0)  # a blur, the strongest first
    scores = np.column_stack([np.zeros(400), *(dose <= needed for dose in doses), np.ones(400)]).astype(float)
    half = fit_response(scores, doses).half
    assert half.low <= 4 <= half.high and half.value == pytest.approx(4, rel=0.1)


def test_nothing_to_lose_and_beyond_the_doses_asked() -> None:
    luck = (np.random.default_rng(2).random(300) < 0.3) * 1.0
    same = fit_response(np.column_stack([luck] * 8), DOSES)
    assert math.isnan(same.half.value) and same.gain.value == 0
    fine = np.column_stack([np.zeros(300)] * 7 + [np.ones(300)])  # the finest dose asked is too coarse
    found = fit_response(fine, DOSES).half
    assert found.low == pytest.approx(128) and found.high == math.inf and found.value == pytest.approx(128)
    assert np.isnan(fit_response(np.empty((0, 8)), DOSES).fitted).all()
    with pytest.raises(ValueError, match="need 6 amounts"):
        fit_response(np.ones((3, 8)), (1, 2))


def test_questions_on_one_picture_count_once() -> None:
    rng = np.random.default_rng(3)
    single = read(rng, 30, 60)
    copied = np.repeat(single, 10, axis=0)
    alone, shared = fit_response(single, DOSES), fit_response(copied, DOSES, np.repeat(np.arange(60), 10))
    assert np.allclose(alone.fitted, shared.fitted) and alone.gain.n == 60 and shared.gain.clusters == 60
    assert shared.high[3] - shared.low[3] == pytest.approx(alone.high[3] - alone.low[3], abs=0.03)
