"""Questions without placeholders and instructions: what comes off, and that nothing else does."""

import pytest
from hypothesis import given, strategies as st

from sightscale.tasks.instructions import INSTRUCTIONS
from sightscale.trainers.extraction.sources import clean_question


@pytest.mark.parametrize(
    "text",
    [
        "<image>\nWhat is it?\nAnswer the question using a single word or phrase.",
        "What is it?\n<image>",
        "<image 1> What is it? Answer with one word.",
        "Answer in one word: What is it?",
        "Question: What is it?\nShort answer:",
        "What is it? (answer with a single word)",
        "What is it? Give a one word answer",
        "What is it?\nPlease respond with yes or no.",
        "What is it? Give a short answer. Answer with the letter only.",
        "Please answer with a single word or short phrase.\n<image>\nWhat is it?",
        *(f"What is it?\n{instruction}" for instruction in INSTRUCTIONS if "bounding" not in instruction),
    ],
)
def test_placeholders_and_instructions_come_off(text: str) -> None:
    assert clean_question(text) == "What is it?"


@pytest.mark.parametrize(
    "text",
    [
        "Is the answer sheet on the table?",
        "What answer did the boy write with one word?",
        "Which letter is on the sign?",
        "Provide a brief description of the given image.",
        "Describe the sign. Write the word on the sign.",
        "What is it?\nA. a cat\nB. a dog",
        "Who gives a short answer in the comic?",
        "Is x < image and y > 2?",
    ],
)
def test_what_is_asked_stays(text: str) -> None:
    assert clean_question(text) == text


def test_nothing_but_instructions_is_no_question() -> None:
    assert clean_question("<image>\nAnswer with one word.") == ""


@given(st.text(alphabet="aW <>image.?!\n:()answer", max_size=200) | st.text(max_size=200))
def test_any_text_is_cleaned_once_and_for_all(text: str) -> None:
    once = clean_question(text)
    assert clean_question(once) == once and "<image>" not in once
