"""What tokens say: the marks of thinking survive whatever the tokenizer calls them."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from sightscale.model_adapters.engines.thinking import read_response


@pytest.fixture(params=[False, True], ids=["plain", "special"])
def tokenizer(request: pytest.FixtureRequest, tiny_thinker: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(tiny_thinker)
    if request.param:
        tokenizer.add_special_tokens({"extra_special_tokens": ["<think>", "</think>"]})
        assert "<think>" in tokenizer.all_special_tokens
    return tokenizer


def test_marks_are_kept_and_other_special_tokens_are_not(tokenizer: Any) -> None:
    ids = tokenizer.encode("<think>so</think> it is<|im_end|>")
    assert read_response(tokenizer, ids) == ("<think>so</think> it is", False)


def test_text_is_cut_at_the_first_stop_mark(tokenizer: Any) -> None:
    ids = tokenizer.encode("one. two; three")
    assert read_response(tokenizer, ids, (";", ".")) == ("one", True)
    assert read_response(tokenizer, ids, ("!",)) == ("one. two; three", False)


def test_thinking_that_the_prompt_opened_gets_its_mark(tokenizer: Any) -> None:
    ids = tokenizer.encode("so</think> yes")
    assert read_response(tokenizer, ids, opened=True) == ("<think>\nso</think> yes", False)
