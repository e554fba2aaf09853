"""Boxes: how a response carries the convention that its coordinates are written in.

A model's convention is known to the adapter, not to the task, so the adapter writes it before the response.
"""

import re

_TAG = re.compile(r"\A<\|box:([a-z0-9_-]{1,40})\|>\n?")


def tag_convention(response: str, convention: str) -> str:
    """The response with its convention on a first line of its own. Raises ValueError for a name that isn't one."""
    tag = f"<|box:{convention}|>\n"
    if not _TAG.match(tag):
        raise ValueError(f"unknown box convention {convention!r}")
    return tag + response


def split_convention(tagged: str) -> tuple[str, str]:
    """The convention (`auto` where none is written) and the response."""
    match = _TAG.match(tagged)
    return (match[1], tagged[match.end() :]) if match else ("auto", tagged)
