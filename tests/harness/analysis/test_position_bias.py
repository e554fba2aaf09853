"""Position bias from records: known behaviours give known figures."""

import json

import pandas as pd
import pytest

from sightscale.harness.analysis.position_bias import position_bias, render_position_bias

TEXTS = ("red", "blue", "green", "pink")


def asked(pick) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    """Forty questions in four rotations, answered by `pick(options, answer)`; every text is right as often."""
    rows = []
    for item in range(40):
        right = TEXTS[item % 4]
        for turn in range(4):
            options = dict(zip("ABCD", TEXTS[turn:] + TEXTS[:turn], strict=True))
            target = next(letter for letter, text in options.items() if text == right)
            letter = pick(options, right)
            rows.append(
                {
                    "task": "t",
                    "condition": "sighted",
                    "item_id": str(item),
                    "cluster": str(item),
                    "target": target,
                    "answer_format": "choice",
                    "options": json.dumps(options),
                    "prediction": letter,
                    "score": float(letter == target),
                    "chance": 0.25,
                }
            )
    return pd.DataFrame(rows)


def find(options, text):  # type: ignore[no-untyped-def]
    return next(letter for letter, shown in options.items() if shown == text)


def test_a_model_that_always_says_a() -> None:
    (bias,) = position_bias(asked(lambda options, right: "A"))
    assert bias.chosen["A"] == 1 and bias.spread == pytest.approx(0.75) and bias.orders == 4
    assert bias.accuracy == {"A": 1.0, "B": 0.0, "C": 0.0, "D": 0.0}
    assert bias.always_right and bias.always_right.value == 0 and bias.consistent and bias.consistent.value == 0
    assert bias.always_right_by_chance == pytest.approx(0.25**4)


def test_a_model_that_knows() -> None:
    (bias,) = position_bias(asked(lambda options, right: find(options, right)))
    assert bias.spread == 0 and bias.always_right and bias.always_right.value == 1


def test_a_model_that_always_likes_red_is_consistent_and_mostly_wrong() -> None:
    (bias,) = position_bias(asked(lambda options, right: find(options, "red")))
    assert bias.consistent and bias.consistent.value == 1
    assert bias.always_right and bias.always_right.value == pytest.approx(0.25) and bias.always_right.n == 40


def test_silence_is_neither_consistent_nor_an_error() -> None:
    (bias,) = position_bias(asked(lambda options, right: None))
    assert bias.consistent and bias.consistent.value == 0 and set(bias.chosen.values()) == {0.0}
    assert render_position_bias([bias]).row_count == 1
    assert position_bias(asked(lambda options, right: "A").head(0)) == []


def test_one_order_alone_has_no_consistency() -> None:
    records = asked(lambda options, right: "B")
    (bias,) = position_bias(records.groupby("item_id").head(1))
    assert bias.orders == 1 and bias.consistent is None and bias.always_right is None
