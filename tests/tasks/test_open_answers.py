"""Open answers: what is read, what counts as the same, what is refused."""

import time

import pytest
from hypothesis import given, strategies as st

from sightscale.tasks import score_response
from sightscale.tasks.open_answers import names_one, normalise, read_names, read_open, read_yes_no, write_names


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("A red Car.", "red car"),
        ("Answer: two dogs", "2 dogs"),
        ("I see it clearly.\n**Answer:** the cup\n", "cup"),
        ("<think>a cat? no</think>\n\nAnswer: dog", "dog"),
        ("3.5", "3.5"),
        ("The answer is: Yes", "yes"),
    ],
)
def test_the_answer_is_read(response: str, text: str) -> None:
    assert read_open(response).text == text


@pytest.mark.parametrize(
    ("response", "outcome"),
    [("", "unparsed"), ("…", "unparsed"), ("I cannot see the image.", "refused"), ("word " * 100, "unparsed")],
)
def test_what_says_nothing_is_not_guessed(response: str, outcome: str) -> None:
    assert (read_open(response).text, read_open(response).outcome) == (None, outcome)


def test_formats_differ_in_what_they_accept() -> None:
    names = write_names(["bike", "bicycle", "mountain bike"])
    assert score_response("short", "A bicycle.", names, {}).score == 1
    assert score_response("short", "a red bicycle", names, {}).score == 0
    assert score_response("class", "a red bicycle", names, {}).score == 1
    assert score_response("class", "motorbike", names, {}).score == 0
    assert score_response("substring", "motorbike", names, {}).score == 1  # the loose rule, as published
    assert score_response("substring", "mount", names, {}).score == 1
    assert score_response("short", "two", "2", {}).score == 1


@pytest.mark.parametrize(
    ("response", "answer"),
    [("Yes, it is.", "yes"), ("no", "no"), ("It isn't there, so no.", "no"), ("Yes and no", None), ("maybe", None)],
)
def test_yes_and_no(response: str, answer: str | None) -> None:
    assert read_yes_no(response).text == answer
    assert score_response("yes_no", response, "yes", {}).score == float(answer == "yes")


@given(st.text(), st.lists(st.text(max_size=30), max_size=4))
def test_no_text_is_an_error(response: str, names: list[str]) -> None:
    target = write_names(names)
    assert read_names(target) == names
    for answer_format in ("short", "class", "substring", "yes_no"):
        scored = score_response(answer_format, response, target, {})
        assert scored.score in (0.0, 1.0) and scored.outcome in ("answered", "refused", "unparsed")
        assert scored.score == 0 or scored.prediction


@given(st.text(min_size=1))
def test_a_name_is_found_in_itself(name: str) -> None:
    if normalise(name):
        assert names_one(normalise(name), [name])


def test_long_hostile_text_is_read_fast() -> None:
    for text in ("answer:" * 50_000, "answer " * 100_000, "a " * 300_000, "Answer:\n" * 50_000, "." * 500_000):
        began = time.perf_counter()
        read_open(text)
        assert time.perf_counter() - began < 5
