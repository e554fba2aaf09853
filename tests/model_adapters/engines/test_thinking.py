"""Thinking told from the answer, however the response or the prompt marks it."""

import pytest
from hypothesis import assume, given, strategies as st

from sightscale.model_adapters.engines.thinking import join_thinking, opens_thinking, split_thinking


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("C", (None, "C")),
        ("<think>\na\n</think>\n\nC", ("a", "C")),
        ("a</think>C", ("a", "C")),  # the template opened it
        (" <think></think>C", ("", "C")),
        ("<think>a", ("a", "")),
        ("C, I <think>", (None, "C, I <think>")),
        ("<think>a</think>b</think>C", ("a", "b</think>C")),
        ("", (None, "")),
    ],
)
def test_thinking_is_told_from_the_answer(text: str, parts: tuple[str | None, str]) -> None:
    assert split_thinking(text) == parts


@given(st.text(), st.text(), st.booleans())
def test_what_is_joined_comes_apart_again(thinking: str, answer: str, ended: bool) -> None:
    assume(thinking.strip() and "think>" not in thinking + answer)
    expected = (thinking.strip(), answer.strip() if ended else "")
    assert split_thinking(join_thinking(thinking, answer, ended=ended)) == expected


@given(st.text())
def test_any_text_has_an_answer_that_is_part_of_it(text: str) -> None:
    thinking, answer = split_thinking(text)
    assert answer in text and (thinking is None or thinking in text)


@pytest.mark.parametrize(
    ("prompt", "opened"),
    [
        ("<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("<|im_start|>user\nwhat is <think>?<|im_end|>\n<|im_start|>assistant\n", False),
    ],
)
def test_only_a_prompt_that_ends_in_thinking_opens_it(prompt: str, opened: bool) -> None:
    assert opens_thinking(prompt) is opened
