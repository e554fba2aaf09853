"""Tests of difference: against scipy's exact binomial, by their size under no difference, and Holm's by hand."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy import stats

from sightscale.harness.statistics import holm, mcnemar, sign_flip


def scores(ahead: int, behind: int, equal: int) -> tuple[np.ndarray, np.ndarray]:
    """Two models' scores with these counts of questions that only one gets right."""
    first = np.r_[np.ones(ahead), np.zeros(behind), np.ones(equal)]
    second = np.r_[np.zeros(ahead), np.ones(behind), np.ones(equal)]
    return first, second


@given(st.integers(0, 60), st.integers(0, 60))
def test_p_is_exact_where_few_differ_and_half_of_the_observed_less_where_many_do(ahead: int, behind: int) -> None:
    found = mcnemar(*scores(ahead, behind, 40))
    assert (found.first_only, found.second_only) == (ahead, behind)
    exact = stats.binomtest(ahead, ahead + behind).pvalue if ahead + behind else 1.0
    if ahead + behind < 20:
        assert (found.test, found.p) == ("McNemar exact", pytest.approx(exact, abs=1e-12))
    elif ahead != behind:
        observed = stats.binom.pmf(ahead, ahead + behind, 0.5)
        assert (found.test, found.p) == ("McNemar mid-p", pytest.approx(exact - observed, abs=1e-9))
    else:
        assert found.p == 1


def test_sign_flips_of_single_questions_are_mcnemars_exact_test() -> None:
    for ahead, behind in ((12, 5), (30, 30), (40, 20)):
        found = sign_flip(*scores(ahead, behind, 100), None)
        assert found.p == pytest.approx(stats.binomtest(ahead, ahead + behind).pvalue, abs=0.006)


def test_clusters_that_agree_count_once() -> None:
    first, second = scores(20, 0, 0)
    assert mcnemar(first, second).p < 1e-5
    assert sign_flip(first, second, ["one picture"] * 20).p == pytest.approx(1)


def test_sign_flips_keep_their_level_with_clusters_where_mcnemar_doesnt() -> None:
    rng = np.random.default_rng(0)
    members = np.repeat(np.arange(40), 6)
    clustered, naive = [], []
    for trial in range(300):
        lean = rng.normal(0, 2, 40)[members]  # a picture favours one of the two equal models
        first = (rng.random(240) < stats.norm.cdf(lean)).astype(float)
        second = (rng.random(240) < stats.norm.cdf(-lean)).astype(float)
        clustered.append(sign_flip(first, second, members, draws=2000, seed=trial).p < 0.05)
        naive.append(mcnemar(first, second).p < 0.05)
    assert 0.02 <= np.mean(clustered) <= 0.085
    assert np.mean(naive) > 0.2


def test_nothing_differs() -> None:
    assert mcnemar([1, 0], [1, 0]).p == 1 and sign_flip([1, 0], [1, 0], None).p == 1
    with pytest.raises(ValueError, match="same length"):
        mcnemar([1], [1, 0])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    with_missing = holm([0.02, float("nan"), 0.5])
    assert with_missing[0] == pytest.approx(0.04) and np.isnan(with_missing[1]) and with_missing[2] == 0.5


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(p <= adjusted <= 1 for p, adjusted in zip(p_values, found, strict=True))
    ordered = [adjusted for _, adjusted in sorted(zip(p_values, found, strict=True))]
    assert ordered == sorted(ordered)
