"""Wording: strangers' text made harmless to show, bounded, with nothing in it hidden."""

import re

LONGEST = 6000  # characters of one field that a page shows
SHORTEST_NAME = 80

# Controls that a terminal or a reader's eye would obey: they are shown by name, not obeyed.
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
_HIDDEN = (0x061C, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xE0000, 0xE0080))
_NAMED = {code: f"[U+{code:04X}]" for code in (*_HIDDEN, 0xFEFF, 0xFFFE, 0xFFFF)}
_SHOWN: dict[int, int | str | None] = {**_CONTROL, **_NAMED}
_MARKDOWN = re.compile(r"([\\`*_\[\]|~])")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def show_text(text: object, limit: int = LONGEST) -> str:
    """Text with control characters and direction overrides made visible, cut at `limit` characters and saying so."""
    if text is None or text != text:
        return ""
    whole = str(text)
    visible = whole[:limit].replace("\r\n", "\n").translate(_SHOWN)
    return visible if len(whole) <= limit else f"{visible}… [{len(whole) - limit:,} more characters]"


def show_line(text: object, limit: int = SHORTEST_NAME) -> str:
    """The same on one line, ending in … where it was cut: for names, and for rows of a list."""
    line = " ".join(show_text("" if text is None or text != text else str(text)[: limit + 200]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def escape_markdown(text: object) -> str:
    """One line of text that Markdown shows as it is: no mark-up, no HTML, no end of a table's cell."""
    marked = _MARKDOWN.sub(r"\\\1", show_line(text, 200))
    return "".join(_ENTITIES.get(one, one) for one in marked)


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
