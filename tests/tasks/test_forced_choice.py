"""Two-alternative forced choice: what a choice, a tie and silence are worth."""

import math

import pytest
from hypothesis import given, strategies as st

from sightscale.tasks import chance_level, score_response
from sightscale.tasks.forced_choice import agreement, majority_agreement, read_preference, write_shares
from sightscale.tasks.similarity.triplets import OPTIONS, order_consistency

TARGET = write_shares({"A": 0.2, "B": 0.8})


@pytest.mark.parametrize(
    ("response", "prediction", "outcome", "score"),
    [
        ("B", "B", "answered", 0.8),
        ("Image A", "A", "answered", 0.2),
        ("Image B is more similar to the reference.", "B", "answered", 0.8),
        ("Both images are equally similar to the reference.", "tie", "answered", 0.5),
        ("It's a tie.", "tie", "answered", 0.5),
        ("They are not equally similar.", None, "unparsed", 0.0),
        ("Both are equally blurred, so it is hard to say.", None, "unparsed", 0.0),
        ("<think>Both are equally similar", None, "unparsed", 0.0),
        ("A or B", None, "unparsed", 0.0),
        ("I cannot see the images.", None, "refused", 0.0),
        ("", None, "unparsed", 0.0),
    ],
)
def test_a_choice_scores_the_people_who_agree(
    response: str, prediction: str | None, outcome: str, score: float
) -> None:
    scored = score_response("2afc", response, TARGET, OPTIONS)
    assert (scored.prediction, scored.outcome, scored.score) == (prediction, outcome, pytest.approx(score))


def test_majority_and_chance() -> None:
    assert [majority_agreement(choice, TARGET) for choice in ("A", "B", "tie", None)] == [0.0, 1.0, 0.5, 0.0]
    even = write_shares({"A": 0.5, "B": 0.5})
    assert [majority_agreement(choice, even) for choice in ("A", "B", "tie", None)] == [0.5, 0.5, 0.5, 0.0]
    assert chance_level("2afc", OPTIONS) == 0.5


@given(st.floats(0, 1))
def test_both_choices_together_score_one_and_a_tie_is_their_mean(share: float) -> None:
    target = write_shares({"A": 1 - share, "B": share})
    a, b, tie = (agreement(choice, target) for choice in ("A", "B", "tie"))
    assert a + b == pytest.approx(1, abs=1e-5)
    assert tie == pytest.approx((a + b) / 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_a_metric_scores_what_the_published_formula_gives(triplets: list[tuple[float, int, int]]) -> None:
    """LPIPS' and DreamSim's 2AFC: (d0 < d1)(1 - p) + (d1 < d0) p + (d0 = d1) / 2, for p = share preferring right."""
    published = [(d0 < d1) * (1 - p) + (d1 < d0) * p + (d0 == d1) * 0.5 for p, d0, d1 in triplets]
    said = ["A" if d0 < d1 else "B" if d1 < d0 else "It is a tie." for _, d0, d1 in triplets]
    ours = [
        score_response("2afc", text, write_shares({"A": 1 - p, "B": p}), OPTIONS).score
        for (p, _, _), text in zip(triplets, said, strict=True)
    ]
    assert ours == pytest.approx(published, abs=1e-5)


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    reading = read_preference(text, OPTIONS)
    assert (reading.letter is None) == (reading.outcome != "answered")


@pytest.mark.parametrize("target", ["", "B", "[0.2, 0.8]", '{"A": 2.0}', '{"A": "x"}', "{}", '{"A": NaN}'])
def test_a_target_that_is_none_is_named(target: str) -> None:
    with pytest.raises(ValueError, match="is no preference"):
        agreement("A", target)


def test_order_consistency_counts_pairs_that_were_read_twice() -> None:
    items = [("1", "left"), ("1", "left"), ("2", "left"), ("2", "right"), ("3", None), ("3", "left"), ("4", "left")]
    assert order_consistency(items) == 0.5
    assert math.isnan(order_consistency([("1", "left"), ("2", None), ("2", None)]))
