"""Thinking: the part of a response that a reasoning model writes before its answer."""

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

START, END = "<think>", "</think>"

# Tokens that say something: thinking, and places as several families write them, which boxes are read from.
_KEPT = re.compile(r"</?think>|</?box>|</?quad>|<\|box_(?:start|end)\|>|<\|/?det\|>|<loc_?\d{1,4}>|<patch_index_\d{4}>")
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


def read_response(
    tokenizer: Any, tokens: Sequence[int], stop: Sequence[str] = (), opened: bool = False
) -> tuple[str, bool]:
    """The text, cut before the first stop mark, and whether one was met.

    The marks of thinking and of places stay even if the tokenizer calls them special, and a prompt that
    `opened` thinking gives the text the mark that it stands after.
    """
    different = sorted(set(tokens))
    written = zip(different, tokenizer.convert_ids_to_tokens(different), strict=True)
    marks = {token: mark for token, mark in written if isinstance(mark, str) and _KEPT.fullmatch(mark)}
    pieces = [
        "".join(marks[token] for token in group) if is_mark else tokenizer.decode(list(group), skip_special_tokens=True)
        for is_mark, group in groupby(tokens, key=marks.__contains__)
    ]
    text = "".join(pieces)
    cut = min((at for mark in stop if (at := text.find(mark)) >= 0), default=None)
    return (f"{START}\n" if opened else "") + text[:cut], cut is not None
