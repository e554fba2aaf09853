"""Thinking: the part of a response that a reasoning model writes before its answer."""

import re

START, END = "<think>", "</think>"

_THOUGHT = re.compile(r"\A\s*(?:<think>)?(.*?)</think>", re.DOTALL)


def split_thinking(text: str) -> tuple[str | None, str]:
    """The thinking and the rest. Thinking that never ends leaves an empty rest; without any it is None."""
    match = _THOUGHT.match(text) if END in text else None
    if match:
        return match[1].strip(), text[match.end() :].strip()
    if text.lstrip().startswith(START):
        return text.lstrip().removeprefix(START).strip(), ""
    return None, text


def join_thinking(thinking: str | None, answer: str, *, ended: bool = True) -> str:
    """A response as a model writes it, from its parts; `split_thinking` takes it apart again."""
    if not thinking:
        return answer
    return f"{START}\n{thinking}\n{END}\n\n{answer}" if ended else f"{START}\n{thinking}"


def opens_thinking(prompt: str) -> bool:
    """Whether a prompt as the chat template wrote it ends inside thinking, so that a model goes on with it."""
    return prompt.rstrip().endswith(START)
