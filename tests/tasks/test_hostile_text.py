"""Text that nobody would write on purpose: every parser takes it without an exception and in linear time."""

import random
import string
import time
from collections.abc import Callable
from typing import Any

import pytest

from sightscale.tasks import score_response
from sightscale.tasks.boxes import write_target
from sightscale.tasks.instructions import split_instruction
from sightscale.tasks.mmstar.questions import read_question, write_question

OPTIONS = {"A": "a (red) [x", "B": "3.5 cm²", "C": "unanswerable", "D": "10"}
BOX = write_target((0.1, 0.1, 0.3, 0.6), (640, 480))
PIECES = [
    *string.printable,
    *("Answer:", "the answer is", "option ", "(B)", "\\boxed{", "not ", "</think>", "<think>", "I cannot see", "three"),
    *("Options: A: ", "Choices:\n(A) ", " B: ", "\n(B) ", "both equally similar", "a tie", "yes", "no", "unanswerable"),
    *("<loc0123>", "<box>[[", "]]", "0.5, ", "1e999", "nan", "[1, 2, 3, 4]", "x1: ", "<|box:pixels|>", "9" * 400),
    *("é", "ﬁ", "①", "½", "²", "١", "\u202e", "\x00", "\ud800", "null", '{"answer": "'),
]
UNITS = (
    *(
        "A",
        "a ",
        "(",
        "\n",
        " ",
        "*",
        "1 ",
        "1,",
        "[1,",
        "A. ",
        "B: ",
        "- ",
        ". ",
        "'",
        "option ",
        "not ",
        "one ",
        "3. ",
    ),
    *("answer is ", "Answer: ", "ans: ", "it is ", "I think ", "so, ", "because ", "\\boxed{", "<think>", "cannot "),
    *("Options: A: x B: ", "Choices:\n(A) ", "both ", "equally similar ", "x1: ", "<loc0001>", "<box>", "image 1 "),
    *("Please answer yes or no. ", "unanswerable ", "do not provide any "),
)


def read_and_write_question(text: str) -> None:
    question = read_question(text)
    if question:
        write_question(question, question.options)


def scored(answer_format: str, target: str, options: dict[str, str] | None = None) -> Callable[[str], Any]:
    return lambda text: score_response(answer_format, text, target, options or {})


PARSERS: dict[str, Callable[[str], Any]] = {
    "choice": scored("choice", "A", OPTIONS),
    "box": scored("box", BOX),
    "short": scored("short", '["a", "b"]'),
    "class": scored("class", '["bike", "tench, Tinca"]'),
    "substring": scored("substring", '["bike"]'),
    "yes_no": scored("yes_no", "yes"),
    "2afc": scored("2afc", '{"A": 0.2, "B": 0.8}', {"A": "Image A", "B": "Image B"}),
    "question": read_and_write_question,
    "instruction": split_instruction,
    "target": lambda text: score_response("short", "a", text, {}),
}


def test_nested_brackets_without_end_are_no_target() -> None:
    for answer_format in ("box", "2afc"):
        with pytest.raises(ValueError, match=r"is no (box|preference)"):
            score_response(answer_format, "A", "[" * 100_000, {"A": "", "B": ""})
    assert score_response("short", "a", "[" * 100_000, {}).score == 0


def read_random_strings(name: str, count: int) -> None:
    rng = random.Random(name)
    for _ in range(count):
        PARSERS[name]("".join(rng.choices(PIECES, k=rng.randrange(20))))


@pytest.mark.parametrize("name", PARSERS)
def test_random_strings(name: str) -> None:
    read_random_strings(name, 3_000)


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_hundred_thousand_random_strings(name: str) -> None:
    read_random_strings(name, 100_000)


@pytest.mark.parametrize("name", PARSERS)
def test_long_repetitions_are_read_in_linear_time(name: str) -> None:
    for unit in UNITS:
        began = time.process_time()
        PARSERS[name](unit * (100_000 // len(unit)))
        assert time.process_time() - began < 2, unit  # milliseconds; a quadratic reader takes minutes
