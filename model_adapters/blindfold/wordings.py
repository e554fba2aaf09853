"""Wordings: conditions that change a question's text. Pictures are the other conditions' business.

`told` says that there is no picture and asks for a guess; `no_question` and `options_only` leave out all that stands
before the lettered options.
"""

import re
from typing import Any

from sightscale.tasks.vocabulary import Condition

Messages = list[dict[str, Any]]

TOLD = "There is no picture with this question. Give your best guess all the same.\n"

# The options as tasks write them: one a line, or several in one line after each other.
_FIRST_LINE = re.compile(r"(?:^[ \t]*options?:[ \t]*\n)?^[ \t]*\(?A[.):][ \t]*\S[^\n]*\n[ \t]*\(?B[.):]", re.M | re.I)
_FIRST_INLINE = re.compile(r"(?:\boptions?:\s*)?\(?\bA[.):][ \t]+[^\n]+?[\s,;]\(?B[.):][ \t]", re.I)

_LABEL = re.compile(r"\b\w[\w ]{0,39}:[ \t]*$")  # what names the picture after it


def reword(messages: Messages, condition: str) -> Messages:
    """The messages as the condition words them, the same where it changes no text.

    Raises ValueError where the options are asked for and the question has none with letters.
    """
    if condition == Condition.TOLD:
        return _tell(messages)
    if condition in (Condition.NO_QUESTION, Condition.OPTIONS_ONLY):
        return _keep_options(messages, labels=condition == Condition.NO_QUESTION)
    return messages


def split_options(text: str) -> tuple[str, str]:
    """A prompt's text before its lettered options, and from them on; nothing after it where it has none."""
    start = _find_options(text)
    return (text, "") if start is None else (text[:start], text[start:])


def _tell(messages: Messages) -> Messages:
    """The last message with what is told before its first text."""
    *earlier, last = messages
    parts = _parts_of(last)
    place = next((number for number, part in enumerate(parts) if part["type"] == "text"), len(parts))
    text = parts[place]["text"] if place < len(parts) else ""
    parts[place : place + 1] = [{"type": "text", "text": TOLD + text}]
    return [*earlier, {**last, "content": parts}]


def _keep_options(messages: Messages, labels: bool) -> Messages:
    """The last message from its options on; of what stands before them pictures are kept, and `labels` as `Image A:`.

    Labels aren't kept of pictures that aren't shown, whether or not these are taken out before.
    """
    *earlier, last = messages
    content = _parts_of(last)
    parts: list[dict[str, Any]] = []
    has_options = False
    for part, following in zip(content, [*content[1:], None], strict=True):
        if has_options or part["type"] != "text":
            parts.append(part)
            continue
        start = _find_options(part["text"])
        has_options = start is not None
        if start is not None:
            parts.append({**part, "text": part["text"][start:]})
        elif labels and following and following["type"] == "image" and (label := _LABEL.search(part["text"])):
            parts.append({**part, "text": label[0]})
    if not has_options:
        raise ValueError("this question has no lettered options, so nothing is left of it without its question")
    return [*earlier, {**last, "content": parts}]


def _parts_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _find_options(text: str) -> int | None:
    """Where the last list of lettered options starts, with its heading."""
    for pattern in (_FIRST_LINE, _FIRST_INLINE):
        starts = [match.start() for match in pattern.finditer(text)]
        if starts:
            return starts[-1]
    return None
