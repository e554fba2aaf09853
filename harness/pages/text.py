"""Hostile text: what models and submitters write, made harmless to show, bounded, with nothing in it hidden.

It ends in terminals, Markdown comments and pages. Pages show an answer as it is, line breaks and scripts' own joining
characters included, with what would reorder or hide it written out (`show_text`). A terminal gets one line in which
every character that isn't seen is written as its number (`show_value`). A name or sentence of a submission may not hold
such characters at all (`check_line`).
"""

import html
import re
import unicodedata
from functools import lru_cache
from typing import Any

LONGEST = 6000  # characters of one field that a page shows
SHORTEST_NAME = 80
LONGEST_VALUE = 120  # characters of a foreign value in a message

# Controls that a terminal or a reader's eye would obey: they are shown by name, not obeyed.
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_HIDDEN = (0x061C, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xE0000, 0xE0080))
_NAMED = {code: f"[U+{code:04X}]" for code in (*_HIDDEN, 0xFEFF, 0xFFFE, 0xFFFF)}
_SHOWN: dict[int, int | str | None] = {**_CONTROL, **_NAMED}
# Control, formatting (with the marks that turn the direction of text), surrogate, private, unassigned, separators.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
# Mark-up, and what GitHub makes a link, a mention or an issue of by itself.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|~@:]|(?<=www)\.)", re.IGNORECASE)
_FOLDERS = re.compile(r"(?<![\w:/.\\])(?:/|~/|[A-Za-z]:[\\/])(?=\S)(?:[^|(),;=@\"'\\/]+[\\/])*(?=[^|(),;=@\"'\\/])")


def show_text(text: object, limit: int = LONGEST) -> str:
    """Text with control characters and direction overrides made visible, cut at `limit` characters and saying so."""
    if text is None or text != text:
        return ""
    whole = str(text)
    visible = whole[:limit].replace("\r\n", "\n").translate(_SHOWN)
    return visible if len(whole) <= limit else f"{visible}… [{len(whole) - limit:,} more characters]"


def show_line(text: object, limit: int = SHORTEST_NAME) -> str:
    """The same on one line, ending in … where it was cut: for names, and for rows of a list."""
    return _show_line("" if text is None or text != text else str(text)[: limit + 200], limit)


@lru_cache(maxsize=2**15)  # a board of a thousand entries shows each name in every table
def _show_line(text: str, limit: int) -> str:
    line = " ".join(show_text(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def show_value(value: object, limit: int = LONGEST_VALUE) -> str:
    """A foreign value for a terminal: bounded, on one line, with every unseen character written as its number."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _UNSEEN else c for c in text[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}…"


def escape_markdown(value: object, limit: int = 200) -> str:
    """One line of a foreign value that Markdown shows as it is: no mark-up, no HTML, no link, no end of a cell."""
    return _MARKDOWN.sub(r"\\\1", html.escape(show_value(value, limit), quote=False))


def check_line(text: str) -> str:
    """One line of plain text as it is. Raises ValueError for mark-up, unseen characters and marks of direction."""
    for character in "" if text.isprintable() else text:  # what is printable holds none of these
        if unicodedata.category(character) in _UNSEEN:
            raise ValueError(f"holds the character U+{ord(character):04X}, which no name or sentence needs")
    if any(character in text for character in "<>"):
        raise ValueError("holds < or >; write plain text without markup")
    if text != text.strip() or unicodedata.normalize("NFC", text) != text:
        raise ValueError("must be without spaces around it, in Unicode's composed form (NFC)")
    return text


def hide_folders(value: Any) -> Any:
    """Values as JSON has them, the folders of every absolute path in a text left out: /home/me/x becomes x."""
    if isinstance(value, str):
        return _FOLDERS.sub("", value)
    if isinstance(value, dict):
        return {key: hide_folders(member) for key, member in value.items()}
    return [hide_folders(member) for member in value] if isinstance(value, list) else value


def name_model(model: str) -> str:
    """A model string short enough for a heading: the modules of a decoupled one, a folder's last name."""
    kind, _, rest = model.partition(":")
    if kind == "decoupled":
        arguments = dict(part.partition("=")[::2] for part in rest.split(","))
        modules = [_last(arguments[name]) for name in ("perception", "reasoning") if arguments.get(name)]
        return show_line(" → ".join(modules) + (" thinking" if arguments.get("mode") == "thinking" else ""))
    if kind == "lmms":
        return show_line(model)
    name, *options = model.split(",")
    return show_line(",".join([_last(name), *options]))


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2] if name.startswith(("/", ".", "~")) else name


def show_parameters(count: float | None) -> str:
    """A number of parameters as it is read: 8.0B, 0.6B, 86.0M; nothing where it isn't known."""
    if count is None:
        return ""
    return f"{count / 1e9:.1f}B" if count >= 0.95e8 else f"{count / 1e6:.1f}M"
