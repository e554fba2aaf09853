"""The answer reader: what counts as a commitment to an option, and what does not."""

import random
import string
import time

import pytest
from hypothesis import given, settings, strategies as st

from sightscale.tasks import read_answer

SHAPES = {"A": "circle", "B": "triangle", "C": "rectangle", "D": "blue"}
YES_NO = {"A": "yes", "B": "no"}

READ = [
    ("b", "B"),
    ("(b)", "B"),
    ("[B]", "B"),
    ("B.", "B"),
    ("“B”", "B"),
    ("Ｂ", "B"),
    ("Option B", "B"),
    ("the answer is b.", "B"),
    ("Answer: C", "C"),
    ("Answer：B", "B"),
    ("**Answer:** C\n", "C"),
    ("Answer:\nC", "C"),
    ("answer is B", "B"),
    ("The answer is A because it has no corners", "A"),
    ("I think the answer is (B) triangle", "B"),
    ("Correct answer: B. triangle", "B"),
    ("The correct option is D: blue", "D"),
    ("Option B is correct.", "B"),
    ("I would choose C", "C"),
    ("The answer is not A. Answer: B", "B"),
    ("Answer: A\nOn reflection.\nAnswer: B", "B"),
    ('The answer is indeed "B".', "B"),
    ("The answer is D.\n\nThe answer is D because the answer is a", "D"),
    ("B. triangle", "B"),
    ("A) circle", "A"),
    ("A: circle", "A"),
    ("triangle", "B"),
    ("a circle", "A"),
    ("Answer: triangle", "B"),
    ("The shape is a triangle.", "B"),
    ("It is the triangle (B)", "B"),
    ("B\n\nExplanation: three sides", "B"),
    ("Let's see.\nIt has three sides.\nB", "B"),
    (r"\boxed{B}", "B"),
    (r"The final answer is $\boxed{\text{C}}$", "C"),
    ("<think>Answer: A</think>\nAnswer: B", "B"),
    ("no thinking tag was opened, Answer: A</think>Answer: B", "B"),
    (r"Final Answer: $\boxed{B}$", "B"),
    ("It's C.", "C"),
    ("I believe it is (C)", "C"),
    ("I would say A", "A"),
    ("C, because it has four corners", "C"),
    ("D. The picture is too blurry to tell a corner.", "D"),
    ('```json\n{"answer": "B"}\n```', "B"),
    ("Ans: B", "B"),
    ("B</s>", "B"),
    ("A: circle is wrong. B: triangle is right.", "B"),
]
NOT_READ = [
    "",
    " \n",
    "A man is riding a horse",
    "The answer is A man",
    "Answer: a dog",
    "Based on the image",
    "As the image shows",
    "Because I say so",
    "D. H. Lawrence",
    "C major",
    "E",
    "A and B",
    "A, B",
    "Answer: B or C",
    "Both A and C are correct",
    "A B C D",
    "A. circle\nB. triangle\nC. rectangle",
    "The answer is not A",
    "It is not a triangle.",
    "The image shows a blue triangle.",
    "<think>Answer: A",
    "The image does not contain a green shape.",
    "I don't see a circle.",
    "It is a",
    "D. H. Lawrence wrote it",
]
REFUSED = [
    "Cannot determine",
    "I cannot see the image.",
    "I'm sorry, I can't tell whether it is a circle.",
    "There is no image provided, so I am unable to answer.",
    "Please upload the picture first.",
    "It is impossible to say without the image.",
    "I don't have access to the picture.",
    "I don't see any image here.",
    "The description does not provide enough information.",
]


@pytest.mark.parametrize(("text", "letter"), READ)
def test_reads_a_commitment(text: str, letter: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (letter, "answered")


@pytest.mark.parametrize("text", NOT_READ)
def test_reads_nothing_out_of_prose(text: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (None, "unparsed")


@pytest.mark.parametrize("text", REFUSED)
def test_a_refusal_is_not_an_answer(text: str) -> None:
    reading = read_answer(text, SHAPES)
    assert (reading.letter, reading.outcome) == (None, "refused")


def test_an_option_that_says_cannot_be_determined_can_be_chosen() -> None:
    options = {**SHAPES, "D": "cannot be determined"}
    assert read_answer("Cannot be determined", options).letter == "D"


def test_a_question_that_is_called_unanswerable_is_answered_where_that_is_an_option() -> None:
    options = {**SHAPES, "D": "unanswerable"}
    assert read_answer("The question is unanswerable.", options).letter == "D"
    assert read_answer("The question is unanswerable.", SHAPES).outcome == "refused"
    assert read_answer("I cannot tell, so a circle or unanswerable.", options).outcome == "refused"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("There are 3 balls.", "C"),
        ("three", "C"),
        ("I count three balls on the grass.", "C"),
        ("Answer: three", "C"),
        ("There are 10.", "D"),
        ("3.5", None),
        ("3%", None),
        ("It is 3:15", None),
        ("Image 2 is empty.", None),
        ("2 red ones and 1 blue, so 3", None),
        ("The one on the left.", None),
        ("2. The dog.", None),
    ],
)
def test_a_number_is_named_in_digits_or_in_words(text: str, letter: str | None) -> None:
    assert read_answer(text, {"A": "1", "B": "2", "C": "3", "D": "10"}).letter == letter


def test_yes_and_no_open_a_sentence() -> None:
    assert read_answer("Yes, there is one.", YES_NO).letter == "A"
    assert read_answer("No.", YES_NO).letter == "B"


def test_options_with_the_same_text_are_told_apart_by_letter_only() -> None:
    options = {"A": "red", "B": "red", "C": "blue"}
    assert read_answer("red", options).letter is None
    assert read_answer("B", options).letter == "B"


def test_a_longer_option_hides_the_shorter_one_inside_it() -> None:
    assert read_answer("It is dark red.", {"A": "red", "B": "dark red"}).letter == "B"


def test_no_options_no_answer() -> None:
    assert read_answer("A", {}).letter is None
    assert read_answer(None, SHAPES).letter is None


@given(st.text(max_size=400))
@settings(max_examples=500)
def test_any_text_is_read_without_an_error_and_always_alike(text: str) -> None:
    first = read_answer(text, SHAPES)
    assert first == read_answer(text, SHAPES)
    assert (first.letter is None) == (first.outcome != "answered")
    assert first.letter is None or first.letter in SHAPES


@given(
    st.sampled_from("ABCD"),
    st.sampled_from(["{}", "({})", "{}.", "Answer: {}", "**{}**", "The answer is {}.", "Option {}"]),
)
def test_every_letter_is_read_alike(letter: str, form: str) -> None:
    assert read_answer(form.format(letter), SHAPES).letter == letter
    assert read_answer(form.format(letter.lower()), SHAPES).letter == letter


def test_a_hundred_thousand_random_strings() -> None:
    rng = random.Random(0)
    pieces = [
        *string.printable,
        "Answer:",
        "the answer is",
        "option",
        "(B)",
        "\\boxed{",
        "not",
        "triangle",
        "</think>",
        "é",
        "\u202e",
    ]
    for _ in range(100_000):
        text = "".join(rng.choices(pieces, k=rng.randrange(20)))
        reading = read_answer(text, SHAPES)
        assert reading.outcome in ("answered", "refused", "unparsed")


@pytest.mark.parametrize(
    "unit", ["A", "a ", "answer is ", "(", "not ", "Answer: ", "\\boxed{", "cannot ", "I would choose ", "\n"]
)
def test_a_huge_response_is_read_in_bounded_time(unit: str) -> None:
    start = time.process_time()
    read_answer(unit * 200_000, SHAPES)
    assert time.process_time() - start < 3
