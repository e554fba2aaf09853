"""Reading MMStar's options out of its questions, in both forms, and putting them back."""

import string
import time

import pytest
from hypothesis import given, strategies as st

from sightscale.tasks.mmstar.questions import Question, read_question, write_question

LISTED = "What is on the table?\nOptions: A: a cup, half full, B: 3:15 o'clock, C: B. Franklin, D: nothing"
LINES = "Hint: Please answer.\nQuestion: <image 1> How many?\nChoices:\n(A) 2\n(B) 10 (or so)\n(C) 4"


def test_options_on_one_line_may_hold_commas_colons_and_letters() -> None:
    question = read_question(LISTED)
    assert question is not None and question.stem == "What is on the table?"
    assert question.options == {"A": "a cup, half full", "B": "3:15 o'clock", "C": "B. Franklin", "D": "nothing"}


def test_options_on_lines_of_their_own() -> None:
    question = read_question(LINES)
    assert question is not None and question.form == "lines" and question.stem.endswith("How many?")
    assert question.options == {"A": "2", "B": "10 (or so)", "C": "4"}


BARE = "Hint: Please answer.\nQuestion: Which is the highest?\n(A) 54\n(B) 52\n(C) 2.5\n(D) 57"


def test_options_on_lines_without_a_heading() -> None:
    question = read_question(BARE)
    assert question is not None and question.form == "bare" and question.stem.endswith("highest?")
    assert question.options == {"A": "54", "B": "52", "C": "2.5", "D": "57"}
    assert write_question(question, question.options) == BARE


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (
            "Who plays?\nOptions: A: Team A and Team B., B: Team B and Team C., C: A: both, D: none",
            ["Team A and Team B.", "Team B and Team C.", "A: both", "none"],
        ),
        ("Which code?\nOptions: A: n = 6\nprint(n), B: n = 5\n\nprint(n)", ["n = 6\nprint(n)", "n = 5\n\nprint(n)"]),
        ("Which?\nOptions: A. one, two, B. three. four", ["one, two", "three. four"]),
        ("Which?\nChoices:\n(A) see (B) below\n(B) two\nlines\n(C) x", ["see (B) below", "two\nlines", "x"]),
    ],
)
def test_an_option_keeps_its_commas_letters_and_lines(text: str, options: list[str]) -> None:
    question = read_question(text)
    assert question is not None and list(question.options.values()) == options


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Options:",
        "What?\nOptions: B: x, C: y",
        "Choices:\n(A) only one",
        "Is (A) or (B) right?",
        "Options: A: alone",
    ],
)
def test_text_without_options_from_a_on_has_none(text: str) -> None:
    assert read_question(text) is None


def test_three_and_five_options_are_read() -> None:
    for count in (3, 5):
        options = {letter: f"text {letter.lower()}" for letter in "ABCDE"[:count]}
        for form in ("listed", "lines", "bare"):
            text = write_question(Question("What?", {}, form), options)
            question = read_question(text)
            assert question is not None and question.options == options


WORDS = (
    st.text(string.ascii_lowercase + string.digits + " -'/", min_size=1, max_size=20)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)


@given(st.lists(WORDS, min_size=2, max_size=6, unique=True), st.sampled_from(["listed", "lines", "bare"]), WORDS)
def test_what_is_written_is_read_again(texts: list[str], form: str, stem: str) -> None:
    options = dict(zip("ABCDEF", texts, strict=False))
    question = read_question(write_question(Question(f"{stem}?", {}, form), options))
    assert question == Question(f"{stem}?", options, form)


@given(st.text())
def test_no_text_is_an_error(text: str) -> None:
    for form in (text, f"Options: A: {text}, B: {text}", f"Choices:\n(A) {text}\n(B) {text}"):
        question = read_question(form)
        assert question is None or len(question.options) >= 2


def test_long_hostile_text_is_read_fast() -> None:
    for text in (
        "Options: A: " + "B" * 50_000,
        "Options: " * 20_000,
        "Options: A:" + " ," * 50_000 + " B:",
        "\n" * 100_000,
        "Options: A: x" + " " * 100_000 + "B" + " " * 100_000,
        "Choices:\n(A) x" + "\n" * 100_000 + "(B) y",
    ):
        began = time.perf_counter()
        read_question(text)
        assert time.perf_counter() - began < 2  # it takes milliseconds; a quadratic reader takes minutes
