"""The published prompts, to the letter: a changed word changes the score."""

from pathlib import Path

import pytest

from sightscale.model_adapters.decoupled.prompts import Mode, focus_prompt, perception_prompt, reasoning_prompt
from sightscale.model_adapters.engines.thinking import split_thinking
from sightscale.tasks.instructions import AskedFormat

GOLDEN = Path(__file__).parent / "golden"


def test_perception_prompts_are_the_published_ones() -> None:
    said = [perception_prompt(), perception_prompt("the main subject"), perception_prompt("the bars. ")]
    assert "\n".join(said) + "\n" == (GOLDEN / "perception.txt").read_text()


@pytest.mark.parametrize("mode", ["direct", "thinking"])
def test_reasoning_prompts_are_the_published_ones(mode: Mode) -> None:
    question = "Question: what is it?\nOptions:\nA. a cat\nB. a dog"
    assert reasoning_prompt("A cat.", question, mode) + "\n" == (GOLDEN / f"reasoning_{mode}.txt").read_text()


@pytest.mark.parametrize("mode", ["direct", "thinking"])
@pytest.mark.parametrize(
    ("answer_format", "question"),
    [
        ("short", "Question: what colour is the cat?"),
        ("yes_no", "Is it a cat?"),
        ("box", "Where is the cat on the left?"),
        ("open", "What differs between the pictures?"),
    ],
)
def test_endings_for_other_answers_are_the_reviewed_ones(answer_format: AskedFormat, question: str, mode: Mode) -> None:
    asked = reasoning_prompt("A cat.", question, mode, answer_format)
    assert asked + "\n" == (GOLDEN / f"reasoning_{mode}_{answer_format}.txt").read_text()


def test_a_question_gets_one_prefix() -> None:
    assert "Question: what?" in reasoning_prompt("d", "what?", "direct")
    assert "Question: Hint:" not in reasoning_prompt("d", "Hint: look. Question: what?", "direct")


def test_focus_prompts_are_the_published_ones_with_our_examples() -> None:
    asked = focus_prompt("what is it?\nOptions:\nA. a cat\nB. a dog")
    assert asked + "\n" == (GOLDEN / "focus.txt").read_text()


@pytest.mark.parametrize(
    ("text", "thinking", "rest"),
    [
        ("B", None, "B"),
        ("<think>\nhm\n</think>\n\nB", "hm", "B"),
        ("hm</think>B", "hm", "B"),
        ("<think>hm and on", "hm and on", ""),
    ],
)
def test_thinking_is_split_off(text: str, thinking: str | None, rest: str) -> None:
    assert split_thinking(text) == (thinking, rest)
