"""Questions as the teacher may read them: without picture placeholders and without how to answer.

A placeholder would be taken for a picture that the text-only prompt lacks, and an instruction to answer with
a word or a letter would be obeyed in place of the prompt's own.
"""

import re

from sightscale.tasks.instructions import split_instruction

_PLACEHOLDER = re.compile(r"<\s*(?:image|video)(?:[\s_-]*\d+)?\s*/?>", re.I)
_HOW = (
    r"(?:please\s+|kindly\s+|just\s+|only\s+)*(?:(?:answer|respond|reply)\b|(?:give|provide|select|choose|pick|write)\b"
    r"(?=[^.?!\n]*\b(?:answer|option|choice|(?:correct|right|option['’]?s?)\s+letter|(?:one|single)[\s-]word)\b))"
    r"[^.?!\n]{0,120}?"
    r"\b(?:words?|phrase|letters?|yes\s+or\s+no|(?:short|brief|concise)\s+answer|directly|briefly|"
    r"option|choices?|single\s+(?:number|digit|name))\b[^.?!\n]{0,80}"
)
_OPENING = re.compile(rf"\A{_HOW}(?:[.:!]\s+|\s*\n+)", re.I)
_CLOSING = re.compile(rf"(?:\A|(?<=[.?!:\n)])\s*){_HOW}[.!:]*\s*\Z", re.I)
_BRACKETED = re.compile(rf"[(\[]\s*{_HOW}[.!]?\s*[)\]]\s*\Z", re.I)
_LABEL = re.compile(r"\A(?:question|q)\s*:\s*", re.I)
_MARK = re.compile(r"(?:\A|(?<=[\s.?!]))(?:(?:short|final|your)\s+)?answer\s*:\s*\Z", re.I)


def clean_question(text: str) -> str:
    """The question alone; empty where there is nothing but placeholders and instructions."""
    question = _LABEL.sub("", re.sub(r"[ \t]+", " ", _PLACEHOLDER.sub(" ", text)).strip())
    while True:
        shorter = split_instruction(question)[0]
        for pattern in (_MARK, _BRACKETED, _CLOSING, _OPENING):
            shorter = pattern.sub("", shorter, count=1).strip()
        if shorter == question:
            break
        question = _LABEL.sub("", shorter)
    return re.sub(r"\s*\n\s*", "\n", question)
