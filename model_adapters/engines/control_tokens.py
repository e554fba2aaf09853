"""Control tokens in text: what a model would take for a picture or a turn's end is written as plain text.

Questions, descriptions and options are text of others. A `<|image_pad|>` in one of them asks for a picture that isn't
there, and fails the prompt; a `<|im_end|>` ends the user's turn in the middle.
"""

import re
from typing import Any

from sightscale.model_adapters.engines import Message, Prompt

_MEDIA = re.compile(r"image|img|video|vision|audio|picture|patch|pad\b|row_\d|col_\d", re.IGNORECASE)
_BRACKETS = "<>|[]{}/ "
_ENCLOSED = re.compile(r"\s*(?:<.*>|\[.*\]|\|.*\||\{.*\})\s*")


def find_control_tokens(tokenizer: Any, processor: Any = None) -> tuple[str, ...]:
    """The tokens that text parts mustn't hold, the longest first.

    These are added tokens for pictures, video and sound, those that the chat template writes, and those that start,
    end or pad a text, each between brackets as all of them are.
    """
    template = str(getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None) or "")
    tokens = {str(token) for token in (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) if token}
    for token in getattr(tokenizer, "added_tokens_decoder", {}).values():
        if _MEDIA.search(token.content) or (token.special and token.content in template):
            tokens.add(token.content)
    for name in ("image_token", "video_token", "audio_token", "boi_token", "eoi_token"):
        tokens |= {value for holder in (processor, tokenizer) if isinstance(value := getattr(holder, name, None), str)}
    # A word such as "image", or a sentence about pictures with brackets in it, that some tokenizer added whole is none.
    return tuple(sorted((token for token in tokens if _ENCLOSED.fullmatch(token)), key=lambda t: (-len(t), t)))


def write_plainly(prompt: Prompt, tokens: tuple[str, ...]) -> Prompt:
    """The prompt with each control token in its texts spelled in other brackets: `<|im_end|>` as `[im_end]`."""
    return Prompt(
        tuple(
            Message(
                message.role,
                tuple(respell(part, tokens) if isinstance(part, str) else part for part in message.parts),
            )
            for message in prompt.messages
        )
    )


def respell(text: str, tokens: tuple[str, ...]) -> str:
    """The text with each of the tokens spelled in other brackets."""
    for token in tokens:
        if token in text:
            name = token.strip(_BRACKETS)
            text = text.replace(token, f"[{name}]" if f"[{name}]" not in tokens else f"({name})")
    return text
