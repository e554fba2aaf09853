"""Reading a multiple-choice answer: which option a response commits to, or that it commits to none.

`read_answer` never guesses. A letter counts only where the response sets it apart as a choice
(alone, in brackets, before a full stop, after "Answer:"), or where the response names exactly one
option's text. Letters inside prose ("A man is riding", "Cannot determine") are not answers.
lmms-eval's and VMCBench's readers take those, and draw a random letter when nothing parses.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "unparsed"]

ANSWERED: Outcome = "answered"
REFUSED: Outcome = "refused"
UNPARSED: Outcome = "unparsed"
MAX_CHARACTERS = 20_000  # of a response, its end; an answer stands at the end, and patterns stay fast
MAX_CUES = 20  # of a kind, the last ones; enough for any reasoning, and a loop can't make reading slow
MAX_PROSE_WORDS = 60  # a longer response names options by the way; only its last line is searched


@dataclass(frozen=True)
class Reading:
    """What a response commits to: an option's letter (None without one) and the outcome."""

    letter: str | None
    outcome: Outcome


_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_BOXED = re.compile(r"\\boxed\s*\{([^{}]*)\}")
_TEX_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}")
_MARKUP = re.compile(r"\*+|`+|__+|\$+|</?answer>|</?s>|<\|[^|>]{1,40}\|>", re.IGNORECASE)
_LABEL = r"(?:the\s+)?(?:option|choice|letter)\s*:?\s*"

# A letter set apart: "b", "(b)", "[B].", "Option B", "B)". The whole line must be nothing else.
_ALONE = re.compile(
    rf"[\s\"'“”‘’]{{0,20}}(?:{_LABEL})?[(\[{{<\"'“‘]{{0,20}}([A-Za-z])[)\]}}>.:,;!\"'”’]*\s*", re.IGNORECASE
)
# "Answer: …" opening a line (or after a sentence's end), then "the answer is …" inside prose.
_ANSWER_LINE = re.compile(
    r"(?:^|[.!?;)]\s{1,20}|\n)\W{0,20}(?:(?:so|therefore|thus|hence),?\s+)?(?:(?:my|the|your)\s+)?(?:(?:final|correct|best|right)\s+)?"
    r"(?:answer|ans|solution|答案)[\"']?\s*(?:is\s*)?[:=][^\S\n]*",  # a line's end stays: a cue may follow on the next
    re.IGNORECASE,
)
_ANSWER_PROSE = re.compile(
    r"\b(?:answer|(?:correct|right|best)\s+(?:option|choice|letter|one))\s+"
    r"(?:(?:would|should|must|will|to\s+(?:the|this|your)\s+question)\s+)*(?:is|be)\s*:?\s+"
    r"(?:(?:indeed|actually|therefore|thus|definitely|clearly|obviously|simply|probably|(?:most\s+)?likely)\s+)?|"
    r"\b(?:i(?:\s+would|'d|\s+will|'ll)?\s+(?:choose|pick|select|go\s+with)|i\s+(?:chose|picked|selected))\s+",
    re.IGNORECASE,
)
# "It's C.", "I believe it is (C)", "C, because …": a whole line or its opening, with nothing else it could mean.
_CLAIM = re.compile(
    r"\W{0,20}(?:(?:so|therefore|thus|hence),?\s+)?(?:i\s+(?:think|believe|guess|would\s+say|'d\s+say),?\s+(?:that\s+)?)?"
    r"(?:(?:it\s+is|it['’]s|it\s+must\s+be)\s+)?(?:(?:option|choice)\s+)?[(\[]?((?-i:[A-Z]))[)\]]?[\s.!]*",
    re.IGNORECASE,
)
_BECAUSE = re.compile(r"[(\[]?([A-Z])[)\]]?,?\s{1,4}(?:because|since)\s")
# After a cue: a letter that its surroundings set apart from a word of prose.
_CUED_LETTER = re.compile(
    rf"(?:{_LABEL})?([(\[{{<\"'“‘]*)([A-Za-z])([)\]}}>\"'”’]*)(?=[\s.,:;!?)—–-]|$)", re.IGNORECASE
)
_REASON_NEXT = re.compile(r"\s*(?:$|[\n.,:;!?()—–-]|(?:because|since|as|for|due|given|based)\b)", re.IGNORECASE)
_ANOTHER = re.compile(
    r"\s*(?:,|/|&|\bor\b|\band\b)\s*(?:and\s+|or\s+)?(?:option\s+)?[(\[]?([A-Za-z])[)\]]?(?![\w'’])", re.IGNORECASE
)
_LEADING = re.compile(
    r"\s*(?:(?:option|choice)\s+)?(?:[(\[]([A-Za-z])[)\]]\s*[:.,-]?|([A-Za-z])\s*[).:])(?=\s|$)", re.IGNORECASE
)
_BRACKETED = re.compile(r"[(\[]([A-Z])[)\]]")
_OPTION_WORD = re.compile(r"\b(?:option|choice)\s+\(?([A-Z])\b(?!['’])", re.IGNORECASE)
_OPTION_COMMITS = re.compile(
    r"\b(?:option|choice)\s+\(?([A-Z])\)?\s+(?:is|seems|appears|looks)\s+(?:the\s+)?(?:most\s+)?(?:correct|right|best|likely|accurate|appropriate|answer)\b",
    re.IGNORECASE,
)
# "D. H. Lawrence", "B. Franklin": a name, unless a word follows that no name begins with ("D. The picture …").
_INITIALS = re.compile(
    r"\s*[A-Z]\.\s*(?!(?:the|this|that|these|there|it|its|an?|in|on|because|since|as|based|he|she|they|we|you|no|yes)\b)"
    r"(?-i:[A-Z][.a-z])",
    re.IGNORECASE,
)
_ALSO_LISTED = re.compile(r"(?:(?:^|[\s(])([A-Z])\s*[):]|[.,;!?]\s+([A-Z])\s*\.)(?=\s)")
_NEGATION = re.compile(
    r"(?:\bnot|n['’]t|\bno|\bnever|\bneither|\bnor|\bwithout|\brather\s+than|\binstead\s+of)(?:\s+\w+){0,2}\s*$",
    re.IGNORECASE,
)
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERED = re.compile(
    r"\b(?:image|picture|figure|step|option|choice|question|number|no)\.?\s$"
)  # "image 1" counts nothing
_CANNOT = (
    r"(?:can(?:no|\s+no|['’])?t|could(?:n['’]t|\s+not)|(?:am|is|are|was|['’]m)\s+(?:not\s+able|unable)|unable)\s+"
    r"(?:be\s+)?(?:to\s+)?(?:\w+\s+){0,2}?"
    r"(?:see|view|determined?|answer(?:ed)?|tell|say|identif(?:y|ied)|know|provide|assist|help|confirm|access|process|display|analy[sz]e|read)"
)
_REFUSAL = re.compile(
    rf"{_CANNOT}|"
    r"\b(?:i['’]?m|i\s+am)\s+(?:sorry|not\s+sure|afraid|uncertain)|"
    r"\bi\s+(?:do\s+not|don['’]?t)\s+(?:know|have\s+(?:enough|access|the\s+ability|any|an?\s+(?:image|picture)))|"
    r"\b(?:do\s+not|don['’]?t)\s+see\s+(?:an?|any|the)\s+(?:image|picture|photo)|"
    r"\b(?:do|does)(?:n['’]t|\s+not)\s+(?:provide|contain|show|include|have|give)\s+(?:any\s+|enough\s+|sufficient\s+)?"
    r"(?:information|details?|context)|"
    r"\bno\s+(?:image|picture|photo|visual)|\bwithout\s+(?:the\s+|an\s+|any\s+)?(?:image|picture|visual)|"
    r"\b(?:image|picture|photo)\s+(?:is|was|has)(?:n['’]t|\s+not)\s+(?:been\s+)?(?:provided|visible|available|attached|included|shown|loaded|clear)|"
    r"\b(?:image|picture|photo)\s+is\s+(?:missing|blank|black|unavailable)|"
    r"\b(?:not\s+enough|insufficient|lacks?)\s+(?:\w+\s+)?(?:information|context|detail)|"
    r"\bnot\s+possible\s+to\b|\bimpossible\s+to\b|\bas\s+an?\s+(?:ai|language\s+model)\b|"
    r"\bplease\s+(?:provide|upload|share|attach)\b|\bnone\s+of\s+the\s+(?:above|options|choices)|\bunanswerable\b|\bunclear\b",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """Text as compared with an option: lower case, no article, no surrounding punctuation, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"[\"'“”‘’`*]", "", folded)
    folded = re.sub(r"\s+", " ", folded).strip(" \t.,;:!?()[]")
    return re.sub(r"^(?:a|an|the)\s+(?=\S)", "", folded)


def read_answer(text: str | None, options: Mapping[str, str]) -> Reading:
    """The option that `text` commits to.

    `options` maps letters to option texts. The outcome is `answered` with a letter, or `refused`
    or `unparsed` with None. Any string is read without an error and without randomness.
    """
    cleaned = visible_answer(text or "")
    if not cleaned or not options:
        return Reading(None, UNPARSED)
    letters = {letter.upper(): letter for letter in options}
    by_text = _texts_to_letters(options)
    letter = (
        _read_whole(cleaned, letters, by_text)
        or _read_cues(cleaned, letters, by_text)
        or _read_lines(cleaned, letters, by_text)
        or _read_marks(cleaned, letters)
    )
    if letter:
        return Reading(letter, ANSWERED)
    letter = _read_named_option(cleaned, by_text)
    if refuses(cleaned) and not (letter and refuses(options[letter])):  # "It is unanswerable" may be an option
        return Reading(None, REFUSED)
    return Reading(letter, ANSWERED) if letter else Reading(None, UNPARSED)


def visible_answer(text: str) -> str:
    """The end of a response, without thinking, mark-up and compatibility characters."""
    text = _THINKING.sub("", text[-4 * MAX_CHARACTERS :])
    if "</think>" in text:
        text = text.rsplit("</think>", 1)[1]
    text = unicodedata.normalize("NFKC", text)[-MAX_CHARACTERS:]
    text = _BOXED.sub(r"\nAnswer: \1\n", _TEX_TEXT.sub(r"\1", text))
    return _MARKUP.sub("", text).strip()


def refuses(text: str) -> bool:
    """Whether a response declines to answer, or says that it can't."""
    return bool(_REFUSAL.search(text))


def _texts_to_letters(options: Mapping[str, str]) -> dict[str, str]:
    """Normalised option text to letter; texts that two options share can't tell them apart and are left out."""
    seen: dict[str, list[str]] = {}
    for letter, text in options.items():
        seen.setdefault(normalise(text), []).append(letter)
    for number, word in enumerate(_NUMBER_WORDS):  # "three" says 3, unless both are options
        for said, other in ((str(number), word), (word, str(number))):
            if said in seen and other not in seen:
                seen[other] = seen[said]
    return {text: found[0] for text, found in seen.items() if text and len(found) == 1}


def _read_whole(text: str, letters: Mapping[str, str], by_text: Mapping[str, str]) -> str | None:
    """The response is a letter, or an option's text, and nothing else."""
    alone = _ALONE.fullmatch(text)
    if alone and alone[1].upper() in letters:
        return letters[alone[1].upper()]
    return by_text.get(normalise(text))


def _read_cues(text: str, letters: Mapping[str, str], by_text: Mapping[str, str]) -> str | None:
    """The last "Answer: X" line that says something readable, else the last "the answer is X"."""
    for cue in (_ANSWER_LINE, _ANSWER_PROSE):
        matches = list(cue.finditer(text))[-MAX_CUES:]
        for match in reversed(matches):
            rest = text[match.end() :]
            if rest == "a" and len(matches) > 1:
                continue  # the article of a sentence that was cut off
            letter = _read_after_cue(rest, letters, by_text)
            if letter:
                return letter
    return None


def _read_after_cue(rest: str, letters: Mapping[str, str], by_text: Mapping[str, str]) -> str | None:
    rest = rest.lstrip()
    line = rest.split("\n", 1)[0]
    whole = _read_whole(line, letters, by_text)
    if whole:
        return whole
    match = _CUED_LETTER.match(line)
    if match and match[2].upper() in letters:
        after = line[match.end() :]
        another = _ANOTHER.match(after)
        if another and another[1].upper() in letters:
            return None
        bracketed = bool(match[1].strip("\"'“‘") and match[3])
        if bracketed or _REASON_NEXT.match(after):
            return letters[match[2].upper()]
        if match[2].isupper() and match[2] not in "AI":
            return letters[match[2]]
    sentence = re.split(r"[.!?](?:\s|$)|\n", line, maxsplit=1)[0]
    return by_text.get(normalise(sentence)) or by_text.get(normalise(line.split(",", 1)[0]))


def _read_lines(text: str, letters: Mapping[str, str], by_text: Mapping[str, str]) -> str | None:
    """A letter or option alone on the last or the first line, or a letter that opens the response: "B. …"."""
    lines = [line for line in text.splitlines() if line.strip()]
    for line in (lines[-1], lines[0]) if len(lines) > 1 else ():
        whole = _read_whole(line, letters, by_text)
        if whole:
            return whole
    claim = _BECAUSE.match(text) or next(
        (found for line in lines[-1:] + lines[:1] if (found := _CLAIM.fullmatch(line))), None
    )
    if claim and claim[1] in letters:
        return letters[claim[1]]
    match = _LEADING.match(text)
    if not match or _INITIALS.match(text):
        return None
    letter = (match[1] or match[2]).upper()
    if letter not in letters:
        return None
    also = {(found[1] or found[2]).upper() for line in lines[1:] if (found := _LEADING.match(line))}
    also |= {other[1] for other in _BRACKETED.finditer(text)}
    also |= {other[1] or other[2] for other in _ALSO_LISTED.finditer(text)}
    return letters[letter] if not (also & letters.keys()) - {letter} else None


def _read_marks(text: str, letters: Mapping[str, str]) -> str | None:
    """One bracketed letter, or one "option X", and no other anywhere in the response."""
    commits = {match[1].upper() for match in _OPTION_COMMITS.finditer(text)} & letters.keys()
    if len(commits) == 1:
        return letters[commits.pop()]
    marked = {match[1] for match in _BRACKETED.finditer(text)}
    marked |= {match[1].upper() for match in _OPTION_WORD.finditer(text) if match[1].isupper()}
    if len(marked) != 1 or not marked & letters.keys():
        return None
    letter = marked.pop()
    before = text[: text.find(letter)]
    return None if _NEGATION.search(before.rstrip("([ ")) or refuses(text) else letters[letter]


def _read_named_option(text: str, by_text: Mapping[str, str]) -> str | None:
    """The one option whose text the response names, unless it names it to rule it out."""
    if len(text.split()) > MAX_PROSE_WORDS:
        text = text.splitlines()[-1]
        if len(text.split()) > MAX_PROSE_WORDS:
            return None
    folded = re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold())
    named: set[str] = set()
    taken: list[tuple[int, int]] = []
    for option in sorted(by_text, key=len, reverse=True):
        if (len(option) == 1 and not option.isdecimal()) or option == "one":  # a letter, or a pronoun, in prose
            continue
        beyond = r"|[.,:/]\d|\s?%|[.)]\s?\w" if option[-1].isdecimal() else ""  # 3 is not 3.5, nor a list's "3. "
        for match in re.finditer(rf"(?<![\w-])(?<!\d[.,:/]){re.escape(option)}(?![\w-]{beyond})", folded):
            start, end = match.span()
            if option.isdecimal() and _NUMBERED.search(folded, max(0, start - 20), start):
                continue
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))
            if _NEGATION.search(folded[:start]):
                return None
            named.add(by_text[option])
    return named.pop() if len(named) == 1 else None
