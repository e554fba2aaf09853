"""Closing instructions: the sentence with which a task's prompt says how to answer, and the answer format it means.

A decoupled model asks its reasoning module for another form of answer, so it takes the sentence off.
"""

import re
from collections.abc import Mapping
from typing import Literal

AskedFormat = Literal["choice", "short", "yes_no", "box", "open"]

LETTER_INSTRUCTION = "Answer with the option's letter from the given choices directly."
SHORT_INSTRUCTION = "Answer the question using a single word or phrase."
YES_NO_INSTRUCTION = "Please answer yes or no."
BOX_INSTRUCTION = (
    "Answer with the bounding box as [x1, y1, x2, y2], in fractions of the picture's width and height between 0 and 1."
)
OPEN_INSTRUCTION = "Answer the question in one or more sentences."

# The wordings that lmms-eval's tasks and ours close with. Case, kind of apostrophe and full stop don't matter.
INSTRUCTIONS: Mapping[str, AskedFormat] = {
    LETTER_INSTRUCTION: "choice",
    "Answer with the option letter from the given choices directly.": "choice",
    "Answer with the option letter only.": "choice",
    "Please answer directly with only the letter of the correct option and nothing else.": "choice",
    "Answer the question with A, B, C, or D.": "choice",
    YES_NO_INSTRUCTION: "yes_no",
    "Answer the question with Yes or No.": "yes_no",
    "Answer yes or no.": "yes_no",
    BOX_INSTRUCTION: "box",
    SHORT_INSTRUCTION: "short",
    "Please answer the question using a single word or phrase.": "short",
    "Answer the question with a single word.": "short",
    OPEN_INSTRUCTION: "open",
    "Give a detail answer to the question in English.": "open",
}

_CLOSINGS = tuple(
    (re.compile(re.escape(text.rstrip(".")).replace("'", "['’]").replace(r"\ ", r"\s+") + r"\.?\Z", re.I), means)
    for text, means in sorted(INSTRUCTIONS.items(), key=lambda item: -len(item[0]))
)
_FIRST_OPTION = re.compile(r"(?:^|[\s:(,])\(?A[.:)]\s")
_SECOND_OPTION = re.compile(r"[\s,(]\(?B[.:)]\s")


def split_instruction(text: str) -> tuple[str, AskedFormat]:
    """The question without its closing instruction, and the answer format.

    Of several closing instructions the one that asks for more than a short answer counts, the one
    nearest to the question before the others. Without any the format is `choice` when the text has
    lettered options (`has_options`), else `short`.
    """
    question, instructions = text.strip(), []
    while closing := _closing(question):
        end, means = closing
        question = question[:end].rstrip()
        instructions.append(means)
    for means in reversed(instructions):
        if means != "short":
            return question, means
    if instructions:
        return question, "short"
    return question, "choice" if has_options(question) else "short"


def has_options(text: str) -> bool:
    """Whether lettered options stand in a text: `A. x`, `A: x`, `A) x` or `(A) x`, then B in the same way."""
    first = _FIRST_OPTION.search(text)  # two searches, since one pattern for both would try each A with every B
    return first is not None and _SECOND_OPTION.search(text, first.end()) is not None


def _closing(text: str) -> tuple[int, AskedFormat] | None:
    """Where the closing instruction of a text begins, and what it means."""
    tail = text[-2 * max(map(len, INSTRUCTIONS)) :]
    for pattern, means in _CLOSINGS:
        match = pattern.search(tail)
        # A closing instruction is a sentence of its own, not the end of a longer one.
        if match and (match.start() == 0 or tail[match.start() - 1] in " \n\t"):
            return len(text) - len(tail) + match.start(), means
    return None
