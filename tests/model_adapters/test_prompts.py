"""The published prompts, to the letter: a changed word changes the score."""

import json
from pathlib import Path

import pytest

from sightscale.model_adapters.decoupled import bare_question, read_focus
from sightscale.model_adapters.prompts import perception_prompt, reasoning_prompt
from sightscale.model_adapters.thinking import split_thinking

GOLDEN = Path(__file__).parent / "golden"


def test_perception_prompts_are_the_published_ones() -> None:
    said = [perception_prompt(), perception_prompt("the main subject"), perception_prompt("the bars. ")]
    assert "\n".join(said) + "\n" == (GOLDEN / "perception.txt").read_text()


@pytest.mark.parametrize("mode", ["direct", "thinking"])
def test_reasoning_prompts_are_the_published_ones(mode) -> None:  # type: ignore[no-untyped-def]
    question = "Question: what is it?\nOptions:\nA. a cat\nB. a dog"
    assert reasoning_prompt("A cat.", question, mode) + "\n" == (GOLDEN / f"reasoning_{mode}.txt").read_text()


def test_a_question_gets_one_prefix() -> None:
    assert "Question: what?" in reasoning_prompt("d", "what?", "direct")
    assert "Question: Hint:" not in reasoning_prompt("d", "Hint: look. Question: what?", "direct")


def test_the_tasks_own_instruction_is_taken_off() -> None:
    asked = "Question: q\nOptions:\nA. x\nAnswer with the option's letter from the given choices directly.\n"
    assert bare_question(asked) == "Question: q\nOptions:\nA. x"


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


def test_a_focus_file_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "focus.json"
    path.write_text(json.dumps({"easy_vqa": {"0": "the shape"}}))
    assert read_focus(path) == {"easy_vqa": {"0": "the shape"}}
    for content in ("[1]", '{"easy_vqa": 3}', "{"):
        path.write_text(content)
        with pytest.raises(ValueError, match=r"focus\.json"):
            read_focus(path)
