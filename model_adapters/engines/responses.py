"""Responses: what a model's tokens say as text, with its thinking between marks whatever the tokenizer calls them."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sightscale.model_adapters.engines.thinking import END, START


def read_response(
    tokenizer: Any, tokens: Sequence[int], stop: Sequence[str] = (), opened: bool = False
) -> tuple[str, bool]:
    """The text, cut before the first stop mark, and whether one was met.

    The marks of thinking stay even if the tokenizer calls them special, and a prompt that `opened`
    thinking gives the text the mark that it stands after.
    """
    marks = {tokenizer.convert_tokens_to_ids(mark): mark for mark in (START, END)}
    special = set(tokenizer.all_special_ids) & set(marks)
    pieces = [
        "".join(marks[token] for token in group) if is_mark else tokenizer.decode(list(group), skip_special_tokens=True)
        for is_mark, group in groupby(tokens, key=special.__contains__)
    ]
    text = "".join(pieces)
    cut = min((at for mark in stop if (at := text.find(mark)) >= 0), default=None)
    return (f"{START}\n" if opened else "") + text[:cut], cut is not None
