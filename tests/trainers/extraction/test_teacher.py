"""Statements read from a teacher's text, and refusals told from descriptions."""

import pytest
from hypothesis import given, strategies as st

from sightscale.model_adapters.engines import Completion, failed
from sightscale.trainers.extraction.teacher import parse_statements, read_statements, refuses


@pytest.mark.parametrize(
    "said",
    [
        "The bus is red.\nThree people wait.",
        "1. The bus is red.\n2. Three people wait.",
        "Declarative Statement(s):\n\n- The bus is red.\n- Three people wait.\n",
        "Here are the statements:\n1) The bus is red.\n2) Three people wait.",
        "**Statement 1:** The bus is red.\n**Statement 2:** Three people wait.",
        "Statement #1: The bus is red.\nStatement #2: Three people wait.",
        "Declarative Statement(s): The bus is red.\nThree people wait.",
        "<think>\nhm\n</think>\n\n#1: The bus is red.\n#2: Three people wait.",
    ],
)
def test_lists_of_any_form_are_read(said: str) -> None:
    assert read_statements(Completion(said), 2).texts == ("The bus is red.", "Three people wait.")


def test_a_number_that_counts_nothing_stays() -> None:
    assert parse_statements("3.5 metres is the height.\n7. is on the shirt.\n2024 is the year.") == (
        "3.5 metres is the height.",
        "7. is on the shirt.",
        "2024 is the year.",
    )


@pytest.mark.parametrize("said", ["1 of 3 dogs is black.", "1.5 litres are in the bottle.", "1-star is the rating."])
def test_a_first_statement_may_open_with_one(said: str) -> None:
    assert parse_statements(said) == (said,)


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        (Completion("one.\ntwo."), "statement_count"),
        (Completion(""), "statement_count"),
        (Completion("The bus", finish_reason="length"), "statements_truncated"),
        (Completion("I'm sorry, I can't help with that."), "statements_refused"),
        (failed("no"), "failed"),
    ],
)
def test_what_cannot_be_used_has_a_reason(completion: Completion, reason: str) -> None:
    read = read_statements(completion, 1)
    assert read.reason == reason and read.detail and not read.texts


def test_a_description_may_say_that_something_cannot_be_seen() -> None:
    assert not refuses("The image shows a sign. The text on it is unclear and cannot be read.")
    assert not refuses("There is no person in the street.")
    for said in (
        "I cannot view images.",
        "As an AI language model, I",
        "Sorry, but no.",
        "There is no image attached.",
    ):
        assert refuses(said)


@given(st.lists(st.text(alphabet="abc d", min_size=1).map(lambda s: f"The {s.strip()} x."), min_size=1, max_size=12))
def test_numbered_lines_are_read_back(statements: list[str]) -> None:
    expected = tuple(statement.strip() for statement in statements)
    for form in ("{}", "{i}. {}", "{i}) {}", "- {}", "Statement {i}: {}"):
        said = "\n".join(form.format(text, i=i) for i, text in enumerate(statements, 1))
        assert parse_statements(said) == expected


@given(st.text(max_size=400))
def test_any_text_is_statements_without_an_error(said: str) -> None:
    assert all(text for text in parse_statements(said)) or parse_statements(said) == ()
    refuses(said)
