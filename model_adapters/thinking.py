"""Thinking: the part of a response that a reasoning model writes before its answer."""

import re

_THOUGHT = re.compile(r"\A\s*(?:<think>)?(.*?)</think>", re.DOTALL)


def split_thinking(text: str) -> tuple[str | None, str]:
    """The thinking and the rest. Thinking that never ends leaves an empty rest; without any it is None."""
    match = _THOUGHT.match(text) if "</think>" in text else None
    if match:
        return match[1].strip(), text[match.end() :].strip()
    if text.lstrip().startswith("<think>"):
        return text.lstrip().removeprefix("<think>").strip(), ""
    return None, text
