"""Which tokens a text must not hold, by the tokenizers of several families, and how they are spelled then."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from sightscale.model_adapters.engines import Message, Prompt
from sightscale.model_adapters.engines.control_tokens import find_control_tokens, write_plainly

QWEN = {"<|im_start|>": True, "<|im_end|>": True, "<|image_pad|>": True, "<|vision_start|>": True, "<think>": False}
PIXTRAL = {"[IMG]": True, "[IMG_BREAK]": True, "[INST]": True, "[/INST]": True}
SENTENCES = {"\nAnswer with the box as [x1, y1, x2, y2], in fractions of the picture's width.\n": False, "image": False}
FLORENCE = {"<od>": True, "<loc_12>": True}


def tokenizer(added: dict[str, bool], template: str = "", **named: Any) -> Any:
    decoder = {i: SimpleNamespace(content=token, special=special) for i, (token, special) in enumerate(added.items())}
    names = {"bos_token": None, "eos_token": None, "pad_token": None, "chat_template": template, **named}
    return SimpleNamespace(added_tokens_decoder=decoder, **names)


@pytest.mark.parametrize(
    ("added", "template", "text", "plain"),
    [
        (QWEN, "<|im_start|>", "a <|image_pad|> b <|im_start|>", "a [image_pad] b [im_start]"),
        (QWEN, "<|im_start|>", "<think>hm</think> 2 < 3 [image]", "<think>hm</think> 2 < 3 [image]"),
        (PIXTRAL, "[INST]", "[IMG] of [INST]", "(IMG) of (INST)"),
        (SENTENCES, "", f"an image{next(iter(SENTENCES))}", f"an image{next(iter(SENTENCES))}"),  # words, not control
        (FLORENCE, "", "<od> at <loc_12>", "<od> at <loc_12>"),  # a task's own words, not control
    ],
)
def test_what_would_be_taken_for_pictures_or_turns_is_spelled_out(
    added: dict[str, bool], template: str, text: str, plain: str
) -> None:
    picture = Image.new("RGB", (2, 2))
    tokens = find_control_tokens(tokenizer(added, template))
    (message,) = write_plainly(Prompt((Message("user", (picture, text)),)), tokens).messages
    assert message.parts == (picture, plain)


def test_names_that_the_processor_gives_count_too() -> None:
    processor = SimpleNamespace(image_token="<soft>", chat_template="")
    assert find_control_tokens(tokenizer({}, eos_token="</s>", image_token="image"), processor) == ("<soft>", "</s>")


@given(st.text(alphabet="<|im_endago>[] ", max_size=60))
def test_no_text_keeps_a_token(text: str) -> None:
    tokens = find_control_tokens(tokenizer(QWEN, "<|im_start|> <|im_end|>"))
    (message,) = write_plainly(Prompt((Message("user", (text,)),)), tokens).messages
    assert not any(token in message.parts[0] for token in tokens)  # type: ignore[operator]
