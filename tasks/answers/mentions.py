"""Mentions: where a laid-out response speaks of an option, by letter or by text, and in which clause.

A letter counts only where it is set apart from the words around it: in brackets or quotes, behind "option", or as a
capital on its own. A bare capital is a weak mention, since "A" is an article and "C" a point in a drawing.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sightscale.tasks.answers.cues import NOUNS
from sightscale.tasks.answers.structure import simplify

FIRST, LAST = (
    12,
    28,
)  # mentions of a kind that are kept, from the start and from the end: a loop can't make reading slow
_WORD = "A-Za-z0-9_À-ɏͰ-ӿ"
_NUMBER_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_ARTICLE = re.compile(r"^(?:a|an|the)\s+(?=\S)")
_THINGS = (
    "point",
    "box",
    "image",
    "picture",
    "figure",
    "shape",
    "region",
    "object",
    "area",
    "line",
    "panel",
    "circle",
    "graph",
    "photo",
)
_LETTER = re.compile(
    rf"(?<![{_WORD}\\^])[(\[{{<\"']\s?(?P<set>[A-Za-z])\s?[)\]}}>\"'](?![{_WORD}])|"
    rf"(?<![{_WORD}'\\/^.$-])(?P<bare>[A-Z])(?![{_WORD}'^/=]|-[A-Za-z])"
)
_NOUN = re.compile(rf"(?:\b(?:{NOUNS}))\s{{0,3}}[:#]?\s{{0,3}}[(\[\"']?$")
_LABEL = re.compile(
    rf"(?:^|\n|(?<=[.!?:] ))(?:[-*+]\s|\d{{1,2}}[.)]\s)?(?:(?i:{NOUNS})\s{{0,3}})?"
    r"(?:[(\[](?P<in>[A-Za-z])[)\]]|(?P<out>[A-Z])\s?[.):])(?=\s|$|[^\x00-\x7f])"
)
_END = re.compile(
    r"(?=[.!?;,\s])(?:(?<!\b[A-Za-z])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bfig)[.!?]+[\"')\]]*(?=\s|$)|[.!?](?=[^\x00-\x7f\s])|"
    r"(?<=[A-Za-z])[.!?](?=\s|$)|[;\n]|"
    r",?\s(?=(?:because|since|but|while|whereas|although|though|however|so|thus|hence|therefore)\b))"
)
_BEYOND_NUMBER = re.compile(r"[.,:/]\d|\s?%|\s?[\\^×÷*/+=√π]|\s-\s?\d|\s?[a-z]?\^|-\d")
_MATH_BEFORE = re.compile(r"(?:[+*/^\\{×÷√±]\s?|[\w}]|\d\s?-\s?)$")
_MATH_AFTER = re.compile(r"\s?[+*/^\\{×÷]|\w|\s-\s?\d")
_MEASURE = re.compile(r"([$€£]?-?\d[\d.,]{0,12})\s?(?:[°%]|[a-zμµ]{1,12}(?:\s?(?:\^\s?\{?-?\d\}?|[²³])|/[a-z]{1,4})?)")
_FORMULA = re.compile(
    r"(.{0,100}[\d}])\s?(?:[mck]?m|inche?s?|in|ft|units?|[mck]?m\s?(?:\^\s?\{?[23]\}?|[²³])|km/h|m/s|k?g|l)"
)
_LISTED_NUMBER = re.compile(r"(?:^|\n)\s?$")
_NUMBERED = re.compile(
    r"\b(?:image|picture|figure|step|option|choice|question|number|no|row|column|section|part|case|equation|method)\.?\s$"
)

Kind = Literal["set", "noun", "label", "bare", "text"]


@dataclass(frozen=True, slots=True)
class Mention:
    """A place where a response speaks of an option; `kind` says how its letter is set apart."""

    letter: str
    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Options:
    """A question's options as they are looked for: letters, texts, and whether the texts name their own letters."""

    letters: Mapping[str, str]  # in capitals, to the letter that the question uses
    by_text: Mapping[str, str]  # folded text to letter, where it tells one option from the others
    texts: Mapping[str, str]  # letter to folded text
    things: str  # a pattern of the nouns ("point", "box") whose letter is an option's; empty where there are none
    trait: str  # the one comparative that all texts share ("closer"); empty without one
    single: frozenset[str]  # letters of options whose whole text is one letter


def fold(text: str, article: bool = False) -> str:
    """A text as it is compared: simplified, lower case, one line, no marks at its ends, no article unless kept."""
    folded = lower(simplify(text)).replace("\n", " ").replace('"', "").strip(" \t.,;:!?'")
    return folded if article else strip_article(folded)


def strip_article(folded: str) -> str:
    """A folded text without the article that opens it."""
    return _ARTICLE.sub("", folded).strip()


def lower(text: str) -> str:
    """Lower case of the same length, so that places stay the same."""
    small = text.lower()
    return small if len(small) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


@lru_cache(maxsize=4096)
def prepare(items: tuple[tuple[str, str], ...]) -> Options:
    """The options of a question, ready to be looked for. A text that two options share is left out."""
    letters = {letter.upper(): letter for letter, _ in items}
    words = {letter: re.sub(r"[()\[\]]", " ", fold(text, article=True)).split() for letter, text in items}
    bearing = [letter for letter in words if letter.lower() in words[letter]]
    others = [word for letter in words if letter not in bearing for word in words[letter]]
    named = len(bearing) > 1 and not any(letter.lower() in others for letter in words)
    texts = {letter: fold(text, article=named) for letter, text in items}
    seen: dict[str, set[str]] = {}
    for letter, text in texts.items():
        seen.setdefault(text, set()).add(letter)
    aliases: dict[str, set[str]] = {}
    for text, owners in seen.items():
        for alias in _find_aliases(text):
            if alias not in seen:
                aliases.setdefault(alias, set()).update(owners)
    by_text = {text: min(owners) for text, owners in {**aliases, **seen}.items() if text and len(owners) == 1}
    all_words = {word for text in words.values() for word in text}
    things = [thing for thing in _THINGS if thing in all_words]
    if named and not things:
        things = list(_THINGS)
    frames = (
        {" ".join("_" if word == letter.lower() else word for word in words[letter]) for letter in bearing}
        if named
        else set()
    )
    trait = (
        next((word for word in frames.pop().split() if re.fullmatch(r"\w{3,}er", word)), "") if len(frames) == 1 else ""
    )
    if named and not trait:
        comparatives = {word for text in words.values() for word in text if re.fullmatch(r"\w{3,}er", word)}
        trait = comparatives.pop() if len(comparatives) == 1 else ""
    single = frozenset(letter for letter, text in words.items() if len("".join(text).strip("()[]")) == 1)
    return Options(letters, by_text, texts, "|".join(things) if named else "", trait, single)


def find_mentions(text: str, low: str, options: Options) -> list[Mention]:
    """Every mention of an option in a laid-out text, in order; where two overlap, the longer one."""
    mentions = _find_texts(low, options)
    taken = sorted((mention.start, mention.end) for mention in mentions)
    starts = [start for start, _ in taken]
    matches = list(_LETTER.finditer(text))
    if len(matches) > FIRST + LAST:
        matches = matches[:FIRST] + matches[-LAST:]
    noun = re.compile(rf"\b(?:{options.things})s?\s[(\[\"']?$") if options.things else None
    for match in matches:
        letter = options.letters.get((match["set"] or match["bare"]).upper())
        at = bisect_right(starts, match.start("set") if match["set"] else match.start()) - 1
        if letter is None or (at >= 0 and taken[at][1] >= match.end()):
            continue
        before = low[max(0, match.start() - 24) : match.start() + 1]
        before = before if match["set"] else before[:-1]
        kind: Kind = "set" if match["set"] and match["set"].isupper() else "bare"
        if match["set"] and match["set"].islower() and not _NOUN.search(before):
            continue
        if _NOUN.search(before) or (noun and noun.search(before)):
            kind = "noun"
        mentions.append(Mention(letter, match.start(), match.end(), kind))
    return sorted(mentions, key=lambda mention: (mention.start, mention.end))


def find_labels(text: str, options: Options) -> list[Mention]:
    """Letters that open a line or a sentence as a list's items do: "(A) …", "B. …"."""
    labels = []
    for match in _LABEL.finditer(text):
        letter = options.letters.get((match["in"] or match["out"]).upper())
        if letter:
            start = match.start("in") - 1 if match["in"] else match.start("out")
            labels.append(Mention(letter, start, match.end(), "label"))
        if len(labels) >= FIRST + LAST:
            break
    return labels


class Clauses:
    """Where the clauses of a text begin and end."""

    def __init__(self, low: str) -> None:
        self._ends = [match.end() for match in _END.finditer(low) if not _goes_on(low, match)]
        self._length = len(low)

    def around(self, place: int) -> tuple[int, int]:
        """The clause that holds a place."""
        at = bisect_right(self._ends, place)
        return self._ends[at - 1] if at else 0, self._ends[at] if at < len(self._ends) else self._length

    def count(self, start: int, end: int) -> int:
        """How many clauses end between two places."""
        return bisect_left(self._ends, end) - bisect_right(self._ends, start)


def _goes_on(low: str, match: re.Match[str]) -> bool:
    """Whether a clause runs on over a line's end, as behind a colon, or over the full stop of a label."""
    if match[0] == "\n":
        line = low[max(0, match.start() - 12) : match.start()].rstrip()
        return line.endswith((":", ",", "=", " is", " to", " are", " be", " as"))
    if match[0].startswith(".") and match.start() >= 1:
        before = low[max(0, match.start() - 3) : match.start()]
        return bool(re.search(r"(?:^|[\n(])[a-z]$", before if match.start() >= 3 else f"\n{before}"[-3:]))
    return False


def _find_aliases(text: str) -> list[str]:
    """Other ways to write an option: numbers in words and digits, without currency, degree or a unit's brackets."""
    aliases = [
        text.replace("'", ""),
        text[1:] if text.startswith(("$", "€", "£")) else "",
        text.removesuffix("°"),
        text.replace(" ", ""),
    ]
    if text in _NUMBER_WORDS:
        aliases.append(str(_NUMBER_WORDS.index(text)))
    if text.isdecimal() and len(text) < 3 and text.isascii() and int(text) < len(_NUMBER_WORDS):
        aliases.append(_NUMBER_WORDS[int(text)])
    if measure := _MEASURE.fullmatch(text) or _FORMULA.fullmatch(text):
        aliases.append(measure[1].strip())
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", text):
        aliases.append(text.replace(",", ""))
    return [alias for alias in aliases if alias and alias != text]


def _find_texts(low: str, options: Options) -> list[Mention]:
    flat = low.replace("\n", " ")
    mentions: list[Mention] = []
    taken: list[tuple[int, int]] = []  # disjoint, in order
    for text, letter in sorted(options.by_text.items(), key=lambda item: -len(item[0])):
        if (len(text) == 1 and not text.isdecimal()) or text == "one":  # a letter, or a pronoun, in prose
            continue
        for start in _find_places(flat, text):
            end = start + len(text)
            if text == "no" and flat[end : end + 1] == " " and flat[end + 1 : end + 2].isalpha():
                continue  # "no train"
            if text[-1].isdecimal() and text[0].isdecimal():
                if _BEYOND_NUMBER.match(low, end) or _NUMBERED.search(low, max(0, start - 20), start):
                    continue
                if (
                    low[end : end + 1] in (".", ")")
                    and _LISTED_NUMBER.search(low, max(0, start - 3), start)
                    and low[end + 1 : end + 3].strip()
                ):
                    continue
            at = bisect_right(taken, (start, len(low)))
            if (at and taken[at - 1][1] > start) or (at < len(taken) and taken[at][0] < end):
                continue
            taken.insert(at, (start, end))
            mentions.append(Mention(letter, start, end, "text"))
    return mentions


def _find_places(flat: str, text: str) -> list[int]:
    """Where a text stands as whole words, the first and the last few places."""
    places: list[int] = []
    last: list[int] = []
    word_before = text[0].isalnum()
    word_after = text[-1].isalnum()
    number = text[0].isdecimal()
    mathematical = number or bool(re.search(r"[\\^=+*/√π]", text))
    at = flat.find(text)
    while at >= 0:
        before, after = flat[at - 1 : at] if at else "", flat[at + len(text) : at + len(text) + 1]
        whole = not (word_before and before and (_joins(before, text[0]) or before in "-_\\"))
        whole = whole and not (word_after and after and (_joins(after, text[-1]) or after in "-_"))
        if (
            whole
            and mathematical
            and (_MATH_BEFORE.search(flat, max(0, at - 3), at) or _MATH_AFTER.match(flat, at + len(text)))
        ):
            whole = False
        if whole and number and at > 1 and (before in "$+^{√±" or (before in ".,:/" and flat[at - 2].isdigit())):
            whole = False
        if whole:
            if len(places) < FIRST:
                places.append(at)
            else:
                last.append(at)
        at = flat.find(text, at + max(1, len(text) if whole else 1))
    return places + last[-LAST:]


def _joins(outside: str, inside: str) -> bool:
    """Whether two characters belong to one word; scripts without spaces join nothing."""
    return outside.isalnum() and (outside < "\u3000" or inside < "\u3000") and not ("\u3000" <= outside <= "\ud7ff")
