"""Likelihoods: which option is likeliest by each rule, its share, what it is worth, and how a record keeps it."""

import json
import math

import pytest

from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import (
    OptionLikelihood,
    choose,
    letter_mass,
    parse_answers,
    read_likelihoods,
    score_likelihoods,
    share_of,
    write_likelihoods,
)
from sightscale.tasks.vocabulary import AnswersBy, Outcome

OPTIONS = {"A": "a cat", "B": "a very large dog"}
# By letter A is likelier; by text B, whose six tokens cost less each.
TOLD = {"A": OptionLikelihood(math.log(0.6), 1, -4.0, 2), "B": OptionLikelihood(math.log(0.2), 1, -6.0, 6)}


def test_each_rule_has_its_likeliest_option() -> None:
    assert choose(TOLD, AnswersBy.LETTER) == "A" and choose(TOLD, AnswersBy.TEXT) == "B"
    assert score_likelihoods(TOLD, AnswersBy.LETTER, "A", OPTIONS).score == 1.0
    by_text = score_likelihoods(TOLD, AnswersBy.TEXT, "A", OPTIONS)
    assert (by_text.prediction, by_text.outcome, by_text.score) == ("B", Outcome.LIKELIEST, 0.0)


def test_shares_are_of_the_options_alone() -> None:
    assert share_of("A", TOLD, AnswersBy.LETTER) == pytest.approx(math.log(0.75))
    by_text = [share_of(letter, TOLD, AnswersBy.TEXT) for letter in "AB"]
    assert sum(math.exp(share or 0.0) for share in by_text) == pytest.approx(1.0)
    assert by_text[1] == pytest.approx(-math.log(1 + math.exp(-1.0)))
    assert share_of("C", TOLD, AnswersBy.LETTER) is None  # a key that is no option
    assert letter_mass(TOLD) == pytest.approx(0.8)


def test_very_unlikely_options_have_shares_too() -> None:
    told = {letter: OptionLikelihood(value, 1) for letter, value in {"A": -5000.0, "B": -5001.0}.items()}
    assert share_of("B", told, AnswersBy.LETTER) == pytest.approx(-1 - math.log(1 + math.exp(-1.0)))


def test_no_option_is_chosen_of_two_alike_or_without_a_text() -> None:
    alike = {"A": OptionLikelihood(-1.0, 1, -3.0, 1), "B": OptionLikelihood(-1.0, 1)}
    for rule in AnswersBy:
        scored = score_likelihoods(alike, rule, "A", OPTIONS)
        assert (scored.prediction, scored.outcome, scored.score) == (None, Outcome.UNPARSED, 0.0)
    assert share_of("A", alike, AnswersBy.TEXT) is None and share_of("A", alike, AnswersBy.LETTER) == pytest.approx(
        math.log(0.5)
    )


def test_a_record_keeps_every_number() -> None:
    told = {**TOLD, "C": OptionLikelihood(-0.1 - 1e-13, 2)}
    assert read_likelihoods(write_likelihoods(told)) == told
    assert json.loads(write_likelihoods(told))["B"] == {"letter": [math.log(0.2), 1], "text": [-6.0, 6]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"A": 1}',
        '{"A": {"letter": [NaN, 1]}}',
        '{"A": {"letter": [-1, 0]}}',
        '{"A": {"letter": [-1, 1], "text": [-Infinity, 2]}}',
        '{"A": {"text": [-1, 1]}}',
        '{"A": {"letter": ["x", 1]}}',
        "[" * 100_000,
    ],
)
def test_what_no_record_of_ours_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_likelihoods(text)


def test_answers_are_read_by_a_rule_that_has_a_name() -> None:
    assert parse_answers("") == "" and parse_answers("likelihood") == parse_answers("likelihood:letter")
    assert parse_answers("likelihood:text") == "likelihood:text"
    for text in ("written", "likelihood:", "likelihood:both", "LIKELIHOOD"):
        with pytest.raises(UserError, match="--answers"):
            parse_answers(text)
