"""MMStar's questions: the options read out of a question's text, and put back in its own form.

Two forms are in use: `Options: A: x, B: y, …` on one line, and `Choices:` with a line `(A) x` for each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase

_LISTED = re.compile(r"Options:\s*(?=A\s*[:.])", re.IGNORECASE)
_LINES = re.compile(r"Choices:\s*(?=\(A\))", re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """A question's stem, its options by letter, and the form (`listed`, `lines`) that they stood in."""

    stem: str
    options: dict[str, str]
    form: str


def read_question(text: str) -> Question | None:
    """The question behind MMStar's text; None where no options from A on can be found in it.

    A letter opens an option only when it is the next one in the alphabet, so an option's own commas, colons
    and letters stay part of it. The last place where options begin counts.
    """
    for form, opening, mark in (
        ("listed", _LISTED, r"(?:^|\s){}\s*[:.]\s*"),
        ("lines", _LINES, r"(?:^|\s)\({}\)\s*"),
    ):
        starts = list(opening.finditer(text))
        if starts:
            options = _split(text[starts[-1].end() :], mark)
            if len(options) >= 2:
                return Question(text[: starts[-1].start()].rstrip(), options, form)
    return None


def write_question(question: Question, options: Mapping[str, str]) -> str:
    """The question's text with these options, in the form that it had."""
    if question.form == "lines":
        listed = "\n".join(f"({letter}) {text}" for letter, text in options.items())
        return f"{question.stem}\nChoices:\n{listed}"
    return f"{question.stem}\nOptions: " + ", ".join(f"{letter}: {text}" for letter, text in options.items())


def _split(text: str, mark: str) -> dict[str, str]:
    """Options by letter, each running to where the next letter opens one."""
    marks: list[tuple[str, int, int]] = []
    place = 0
    for letter in ascii_uppercase:
        match = re.compile(mark.format(letter)).search(text, place)
        if match is None or (letter == "A" and match.start() > 0):
            break
        marks.append((letter, match.start(), match.end()))
        place = match.end()
    ends = [start for _, start, _ in marks[1:]] + [len(text)]
    return {
        letter: text[start:end].strip().rstrip(",;").strip()
        for (letter, _, start), end in zip(marks, ends, strict=True)
    }
