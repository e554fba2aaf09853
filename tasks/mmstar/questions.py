"""MMStar's questions: the options read out of a question's text, and put back in its own form.

Three forms are in use: `Options: A: x, B: y, …` on one line (1,154 questions), `Choices:` with a line `(A) x` for each
(339), and such lines without a heading (7).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_uppercase

_LISTED = re.compile(r"Options:\s*(?=A\s*[:.])", re.IGNORECASE)
_LINES = re.compile(r"Choices:\s*(?=\(A\))", re.IGNORECASE)
_BARE = re.compile(r"\n\s{0,20}(?=\(A\)[^\n]{0,2000}\n\s{0,20}\(B\))")
# Of each form, what may stand before and behind a letter that opens an option: the usual way, then any.
_MARKS = {
    "listed": (r"(?:\A|[,;\n]\s{0,20}){}\s{0,4}{mark}\s*", r"(?:\A|\s){}\s{0,4}{mark}\s*"),
    "lines": (r"(?:\A|\n\s{0,20})\({}\)\s*", r"(?:\A|\s)\({}\)\s*"),
    "bare": (r"(?:\A|\n\s{0,20})\({}\)\s*",),
}


@dataclass(frozen=True)
class Question:
    """A question's stem, its options by letter, and the form (`listed`, `lines`, `bare`) that they stood in."""

    stem: str
    options: dict[str, str]
    form: str


def read_question(text: str) -> Question | None:
    """The question behind MMStar's text; None where no options from A on can be found in it.

    A letter opens an option only when it is the next one in the alphabet, so an option's own commas, colons
    and letters stay part of it. The last place where options begin counts.
    """
    for form, opening in (("listed", _LISTED), ("lines", _LINES), ("bare", _BARE)):
        starts = list(opening.finditer(text))
        if starts:
            options = _split(text[starts[-1].end() :], form)
            if len(options) >= 2:
                return Question(text[: starts[-1].start()].rstrip(), options, form)
    return None


def write_question(question: Question, options: Mapping[str, str]) -> str:
    """The question's text with these options, in the form that it had."""
    if question.form != "listed":
        listed = "\n".join(f"({letter}) {text}" for letter, text in options.items())
        heading = "Choices:\n" if question.form == "lines" else ""
        return f"{question.stem}\n{heading}{listed}"
    return f"{question.stem}\nOptions: " + ", ".join(f"{letter}: {text}" for letter, text in options.items())


def _split(text: str, form: str) -> dict[str, str]:
    """Options by letter, each running to where the next letter opens one."""
    opening = re.match(r"A\s*([:.])", text)
    mark = re.escape(opening[1]) if opening else ""
    marks: list[tuple[str, int, int]] = []
    place = 0
    for letter in ascii_uppercase:
        patterns = (re.compile(pattern.replace("{mark}", mark).replace("{}", letter)) for pattern in _MARKS[form])
        match = next((met for pattern in patterns if (met := pattern.search(text, place))), None)
        if match is None or (letter == "A" and match.start() > 0):
            break
        marks.append((letter, match.start(), match.end()))
        place = match.end()
    ends = [start for _, start, _ in marks[1:]] + [len(text)]
    return {
        letter: text[start:end].strip().rstrip(",;").strip()
        for (letter, _, start), end in zip(marks, ends, strict=True)
    }
