"""What tokens say: the marks of thinking survive whatever the tokenizer calls them."""

import re
from pathlib import Path
from typing import Any

import pytest
from transformers import AddedToken, AutoTokenizer

from sightscale.model_adapters.engines.thinking import read_response
from sightscale.tasks.box_conventions import box_convention_of
from sightscale.tasks.boxes import read_box


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


PLACES = {
    "paligemma": ("<loc0256><loc0128><loc0512><loc0768>", (0.125, 0.25, 0.75, 0.5)),
    "florence2": ("<loc_125><loc_250><loc_750><loc_500>", (0.125, 0.25, 0.75, 0.5)),
    "kosmos-2": ("<patch_index_0000><patch_index_1023>", (0, 0, 1, 1)),
    "internvl": ("<box>[[125, 250, 750, 500]]</box>", (0.125, 0.25, 0.75, 0.5)),
    "qwen2_vl": ("<|box_start|>(125,250),(750,500)<|box_end|>", (0.125, 0.25, 0.75, 0.5)),
}


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("family", list(PLACES))
def test_tokens_of_places_reach_the_reader_of_boxes(family: str, special: bool, tokenizer: Any) -> None:
    text, wanted = PLACES[family]
    added = re.findall(r"<[^<>]+>", text)
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=special) for token in added])
    ids = tokenizer.encode(f"a dog {text} here<|im_end|>", add_special_tokens=False)
    assert set(tokenizer.convert_tokens_to_ids(added)) <= set(ids)
    response, _ = read_response(tokenizer, ids)
    assert "".join(added) == "".join(re.findall(r"<[^<>]+>", response))
    box = read_box(response, (1000, 1000), box_convention_of(family)).box
    assert box is not None and box == pytest.approx(wanted, abs=0.02)


def test_text_is_cut_at_the_first_stop_mark(tokenizer: Any) -> None:
    ids = tokenizer.encode("one. two; three")
    assert read_response(tokenizer, ids, (";", ".")) == ("one", True)
    assert read_response(tokenizer, ids, ("!",)) == ("one. two; three", False)


def test_thinking_that_the_prompt_opened_gets_its_mark(tokenizer: Any) -> None:
    ids = tokenizer.encode("so</think> yes")
    assert read_response(tokenizer, ids, opened=True) == ("<think>\nso</think> yes", False)
