"""Submitted text: which strings an entry may hold, and how hostile ones are shown.

Names and sentences of a submission end in terminals, Markdown comments and pages. What can reorder, hide or break
them there is refused in an entry, and replaced where a file that we only report on holds it.
"""

import html
import re
import unicodedata
from typing import Any

MAX_SHOWN = 120  # characters of a foreign value in a issue
# Control, formatting (with the marks that turn the direction of text), surrogate, private, unassigned, separators.
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~<>&@:.])")
_FOLDERS = re.compile(r"(?<![\w:/.\\])(?:/|~/|[A-Za-z]:[\\/])(?=\S)(?:[^|(),;=@\"'\\/]+[\\/])*(?=[^|(),;=@\"'\\/])")


def hide_folders(value: Any) -> Any:
    """Values as JSON has them, the folders of every absolute path in a text left out: /home/me/x becomes x."""
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, dict):
        return {key: hide_folders(one) for key, one in value.items()}
    return [hide_folders(one) for one in value] if isinstance(value, list) else value


def check_line(text: str) -> str:
    """One line of plain text as it is. Raises ValueError for markup, control characters and marks of direction."""
    for character in text:
        if unicodedata.category(character) in _UNSAFE:
            raise ValueError(f"holds the character U+{ord(character):04X}, which no name or sentence needs")
    if any(character in text for character in "<>"):
        raise ValueError("holds < or >; write plain text without markup")
    if text != text.strip() or unicodedata.normalize("NFC", text) != text:
        raise ValueError("must be without spaces around it, in Unicode's composed form (NFC)")
    return text


def show(value: object) -> str:
    """A foreign value for a terminal: bounded, on one line, with every unsafe character written as its number."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _UNSAFE else c for c in text[: MAX_SHOWN + 1])
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def escape_markdown(value: object) -> str:
    """A foreign value inside a Markdown paragraph or table cell, where it can be neither markup nor a mention."""
    return html.escape(_MARKDOWN.sub(r"\\\1", show(value)), quote=False).replace("\\&amp;", "&amp;")
