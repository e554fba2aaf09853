"""Wordings: what is left of a prompt without its question, in the forms that tasks write options in."""

from typing import Any

import pytest

from sightscale.model_adapters.blindfold.wordings import reword
from sightscale.tasks.vocabulary import Condition


def say(*parts: Any) -> list[dict[str, Any]]:
    """A user's message of texts and pictures, these named by numbers."""
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "url": part} for part in parts
    ]
    return [{"role": "user", "content": content}]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Hint: look.\nWhich?\nOptions:\nA. cat\nB. dog\nOne letter.", "Options:\nA. cat\nB. dog\nOne letter."),
        ("Which?\n(A) cat\n(B) dog", "(A) cat\n(B) dog"),
        ("Which?\nOptions: A: cat, B: dog\nAnswer:", "Options: A: cat, B: dog\nAnswer:"),
        ("A. is a letter?\nB. too.\nWhich?\nA) cat\nB) dog", "A) cat\nB) dog"),  # the last list counts
    ],
)
def test_the_options_and_what_follows_are_left(text: str, left: str) -> None:
    for condition in (Condition.NO_QUESTION, Condition.OPTIONS_ONLY):
        assert reword(say(1, text), condition) == say(1, left)
        assert reword(say("See", 1, text, 2), condition) == say(1, left, 2)


def test_what_names_a_picture_stays_with_one_that_is_shown() -> None:
    asked = say("Compare. Image A: ", 1, "\nImage B:", 2, "\nWhich?\nA. Image A\nB. Image B\n")
    options = "A. Image A\nB. Image B\n"
    assert reword(asked, Condition.NO_QUESTION) == say("Image A: ", 1, "Image B:", 2, options)
    assert reword(asked, Condition.OPTIONS_ONLY) == say(1, 2, options)


@pytest.mark.parametrize("text", ["What is it?", "Where is cup A. in it?", ""])
def test_a_question_without_options_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no lettered options"):
        reword(say(1, text), Condition.OPTIONS_ONLY)


def test_told_changes_the_last_message_alone() -> None:
    told = "There is no picture with this question. Give your best guess all the same.\n"
    assert reword(say("Q", "more"), Condition.TOLD) == say(told + "Q", "more")
    assert reword([*say("example"), *say("Q")], Condition.TOLD) == [*say("example"), *say(told + "Q")]
    assert reword(say("Q", 1), Condition.BLACK) == say("Q", 1)
