"""The decision table: from what a response says of the options to the one that it commits to, or to an outcome.

The rows of `TABLE` are tried in order, and the first that finds anything decides. A row finds an option's letter,
or `SEVERAL`: that the response commits to more than one, which is no answer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from sightscale.tasks.answers.cues import JOINS, NOUNS, Patterns, choose_patterns, find_cues
from sightscale.tasks.answers.mentions import (
    Clauses,
    Mention,
    Options,
    find_labels,
    find_mentions,
    fold,
    lower,
    strip_article,
)

SEVERAL, WITHDRAWN = "", "-"  # in a letter's place
MAX_CUES = 40  # the last ones; enough for any reasoning, and a loop can't make reading slow
MAX_PROSE_WORDS = 60  # a longer response names options by the way
REACH = 120  # characters between a cue and the option it speaks of

_ALONE = re.compile(
    rf"[\s\"'(\[]{{0,20}}(?:the\s+)?(?:(?:{NOUNS})\s*:?\s*)?[(\[{{<\"'-]{{0,20}}([A-Za-z])[)\]}}>.:,;!\"'-]*\s*(?:(?:{NOUNS})[.!]?\s*)?",
    re.I,
)
_FILLER = re.compile(
    r"[\s\"'*:=>,.(\[-]{0,12}(?:(?:that|the|a|an|it|is|it's|its|indeed|actually|therefore|thus|so|then|definitely|clearly|obviously|simply|"
    r"probably|likely|most|option|choice|letter|answer|labell?ed|number|only|just|called|named|marked|with|one|as|follows|"
    r"either|both|there|are|in|at|on|to|be|point|box|image|picture|figure|shape|piece|statement|correct|final|"
    r"la|le|el|die|der|das|il|o|option|opción|opção|opzione|lettre|letra|lettera|buchstabe|вариант|буква|"
    r"选项|選項|选择|第|보기|विकल्प|الخيار|选|是|为|項|项)(?![\w'])[\s\"':=,-]{0,6}|(?:选项|選項|选择|选|是|为)\s{0,3})"
)
_SLOT = re.compile(
    rf"(?P<open>[\s\"'(\[{{<*:=>$-]{{0,12}})(?:(?:the\s+)?(?:{NOUNS})\s*[:#]?\s*)?(?P<in>[(\[{{<\"']*)\s?(?P<letter>[A-Za-z])\s?(?P<out>[)\]}}>\"']*)(?![A-Za-z0-9_À-ɏ'^/]|-[A-Za-z])",
    re.I,
)
_REASON_NEXT = re.compile(
    r"\s*(?:$|[\n.,:;!?()\[-]|(?:because|since|as|for|due|given|based|which|where|and|or|with|on|in|at|if|is|instead|etc|"
    r"und|oder|et|ou|y|o|e|и|или|weil|car|porque|perché)\b|[^\x00-\x7f])"
)
_JOIN = re.compile(
    rf"\s*(?:,\s*(?:(?:{JOINS})\s+)?|/|&|\+|\b(?:{JOINS})\b|和|或|、|と)\s*(?:(?:also|possibly|maybe|perhaps|even|the|either)\s+)?(?:(?:{NOUNS})s?\s+)?",
    re.I,
)
_INITIALS = re.compile(
    r"\s*[A-Z]\.\s*(?!(?:the|this|that|these|there|it|its|an?|in|on|because|since|as|based|he|she|they|we|you|no|yes)\b)"
    r"(?-i:[A-Z]\.|[A-Z][a-z]+\s*\.?\s*(?:$|(?-i:[a-z])))",
    re.I,
)
_LEAD = re.compile(
    rf"(?:(?:the\s+)?(?:{NOUNS})\s*:?\s*)?(?:[(\[\"']([A-Za-z])[)\]\"']\s?[:.,-]?|([A-Za-z])\s?[).:]|([A-Z])\s-)(?=\s|$|[^\x00-\x7f])",
    re.I,
)
_BECAUSE = re.compile(r"([A-Z]),?\s{1,4}(?:because|since)\s")
_A_MEANS_ANSWER = re.compile(r"a\s?:\s*", re.I)
_SKIP = re.compile(r"[\s\"')\].:,-]*")
_GAP = re.compile(
    r"(?:[\s\"'(:,\[*-]|\b(?:the|an?|that|it|is|be|to|of|with|by|in|at|option|choice|answer|letter|likely|most|probably|definitely|"
    r"clearly|indeed|actually|point|box|image|picture|figure|one|labell?ed|located|one|still|both|only|also|just)\b)*"
)
_STRONG = re.compile(
    r"\b(?:correct|right|best|better|most|answer|closest|likeliest|matches|corresponds|shares|more \w+ly|"
    r"more accurate|more appropriate|"
    r"more similar)\b"
)
_COMPARATIVE = re.compile(
    r"\b(?!(?:under|over|after|other|another|either|rather|never|water|paper|number|outer|inner|upper|lower|corner|center|"
    r"together|marker|layer|counter|answer)\b)[a-z]{3,}er\b"
)
_NOT = re.compile(r"\b(?:not|never|no|neither|less|than)\b|n't\b")
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|in conclusion|in summary|overall|based on|consequently|as such|given|conclude|"
    r"it appears that|it seems that|after analyzing|analysis|i (?:think|believe|would|say))\b"
)
_SPACE = re.compile(r"[\s:]*")


@dataclass(frozen=True)
class Finding:
    """What a row of the table found: a letter or `SEVERAL`, and where."""

    letter: str
    start: int
    end: int


@dataclass
class Response:
    """A laid-out response with everything that the table's rows ask of it, found once and when asked."""

    text: str
    options: Options
    low: str = field(init=False)
    cues: Patterns = field(init=False)

    def __post_init__(self) -> None:
        self.low = lower(self.text)
        self.cues = choose_patterns(self.text)

    @cached_property
    def mentions(self) -> list[Mention]:
        return find_mentions(self.text, self.low, self.options)

    @cached_property
    def labels(self) -> list[Mention]:
        return find_labels(self.text, self.options)

    @cached_property
    def clauses(self) -> Clauses:
        return Clauses(self.low)

    @cached_property
    def finals(self) -> list[re.Match[str]]:
        """The cues for a final answer, in order, the last ones of many."""
        return find_cues(self.cues, self.low)[-MAX_CUES:]

    @cached_property
    def slots(self) -> list[Finding]:
        """What stands behind each cue for a final answer, in order; cues that lead to no option are left out."""
        slots = (read_slot(self, match) for match in self.finals)
        return [slot for slot in slots if slot]

    @cached_property
    def claims(self) -> list[Mention]:
        return [mention for mention in self.mentions if is_claimed(self, mention)]

    @cached_property
    def grouped(self) -> set[int]:
        """Where mentions start that "and", "or" or a comma joins to another option: none of them is chosen alone."""
        joined: set[int] = set()
        run: list[Mention] = []  # of one option, side by side: "(B) Point B"
        for mention in self.mentions:
            if run and mention.letter == run[-1].letter and mention.start - run[-1].end < 6:
                if run[-1].start in joined:
                    joined.add(mention.start)
                run.append(mention)
                continue
            if run and mention.letter != run[-1].letter and mention.start - run[-1].end < 40:
                gap = self.low[run[-1].end : mention.start].strip(" ()[]\"'") or ","
                weak = gap == "," and "text" in (run[-1].kind, mention.kind)
                join = _JOIN.fullmatch(gap + " ") or _JOIN.fullmatch(
                    re.sub(r"\s*(?:point|box|image|picture|the|figure)s?$", " ", gap)
                )
                if join and not weak and not is_denied(self, mention):
                    joined |= {mention.start, *(member.start for member in run)}
            run = [mention]
        return joined

    @cached_property
    def long(self) -> bool:
        return len(self.text.split()) > MAX_PROSE_WORDS

    @cached_property
    def refused(self) -> bool:
        return bool(self.cues.refuses.search(self.low))


def read_letter(response: Response, part: str) -> str | None:
    """The option that a text is, by its letter or its words, with nothing else beside it."""
    options = response.options
    text = None
    if len(part) < 2_000:
        folded = fold(part, article=True)
        text = options.by_text.get(folded) or options.by_text.get(strip_article(folded))
    alone = _ALONE.fullmatch(part) if len(part) < 80 else None
    letter = options.letters.get(alone[1].upper()) if alone else None
    if letter and text and text != letter and part.strip().strip(".").startswith("("):
        return text  # "(C)" is an option's text here
    return letter or text


def read_labelled(response: Response, part: str) -> str | None:
    """The option that a text gives by its letter with its words behind: "B. triangle", "(B) triangle"."""
    lead = _LEAD.match(part) if len(part) < 2_000 else None
    if not lead:
        return None
    letter = response.options.letters.get((lead[1] or lead[2] or lead[3]).upper())
    words = fold(part[lead.end() :], article=True)
    words = words if words in response.options.by_text else strip_article(words)
    named = response.options.by_text.get(words)
    return letter if letter and (named == letter or not words) else None


def read_whole(response: Response) -> Finding | None:
    text = response.text
    letter = read_letter(response, text) or read_labelled(response, text)
    if not letter and (answer := _A_MEANS_ANSWER.match(text)):
        rest = text[answer.end() :].split("\n", 1)[0]
        letter = read_letter(response, rest) or read_labelled(response, rest)
    return Finding(letter, 0, len(text)) if letter else None


def read_slot(response: Response, cue: re.Match[str]) -> Finding | None:
    """The option behind a cue, unless the cue is negated, only supposed, or part of a question."""
    text, low, cues = response.text, response.low, response.cues
    start, end = response.clauses.around(max(cue.start(), cue.end() - 1))
    start = min(start, cue.start())
    before = low[max(start, cue.start() - 200, low.rfind("\n", 0, cue.start() + 1) + 1) : cue.start()]
    if cues.conditional.search(before.rpartition(",")[2] if not before.rstrip().endswith(",") else ""):
        return None
    if cues.denies.search(before[-40:]):
        return None
    place = cue.end()
    lead = _SPACE.match(low, place)
    place_of_line = lead.end() if lead else place
    line_end = low.find("\n", place_of_line)
    line_end = len(low) if line_end < 0 else line_end
    if line_end - place_of_line < 300:
        whole = read_letter(response, text[place_of_line:line_end])
        if whole and text[place_of_line:line_end] != "a":
            return _join_others(
                response, Finding(whole, cue.start(), line_end), "\n" in text[cue.start() : place_of_line]
            )
    for _ in range(8):
        slot = _SLOT.match(text, place)
        if slot and (letter := response.options.letters.get(slot["letter"].upper())) and _is_set(response, slot, cue):
            if "?" in text[slot.end() : slot.end() + 2] and not cue[0].rstrip().endswith(":"):
                return None
            return _join_others(
                response, Finding(letter, cue.start(), slot.end()), "\n" in text[cue.start() : slot.start("letter")]
            )
        mention = _starting_at(response, place)
        if mention and _ends_well(response, mention):
            finding = Finding(mention.letter, cue.start(), mention.end)
            return _join_others(response, finding, "\n" in text[cue.start() : mention.start])
        filler = _FILLER.match(low, place)
        if not filler or filler.end() == place:
            break
        place = filler.end()
    if cues.denies.search(low[max(0, place - 20) : place + 4].rstrip() + " ") or cues.denied.match(low, cue.end() - 3):
        return None
    return _read_loosely(response, cue, place, end)


def _read_loosely(response: Response, cue: re.Match[str], place: int, end: int) -> Finding | None:
    """The one option that the rest of a cue's clause speaks of."""
    end = max(end, response.clauses.around(min(place, len(response.low)))[1]) if place > end else end
    letters: dict[str, Mention] = {}
    for mention in response.mentions:
        if mention.start < place or mention.start >= min(end, place + REACH):
            continue
        if mention.kind == "bare" or is_denied(response, mention):
            continue
        letters.setdefault(mention.letter, mention)
    if len(letters) != 1:
        return None
    mention = next(iter(letters.values()))
    if response.cues.conditional.search(response.low, place, mention.start):
        return None
    if mention.kind == "text" and response.text[mention.start : mention.end].isdecimal():
        return None  # a number in working
    return Finding(mention.letter, cue.start(), mention.end)


def _is_set(response: Response, slot: re.Match[str], cue: re.Match[str]) -> bool:
    """Whether the letter behind a cue stands as one, and is no article or initial."""
    text, low = response.text, response.low
    letter, after = slot["letter"], slot.end()
    bracketed = bool(slot["in"] or slot["open"].strip(" \n:=*->")) and bool(slot["out"])
    if response.cues.denied.match(low, after) and not re.match(r"\s*(?:,|\.)", low[after : after + 3]):
        return bool(re.search(r"[:=]\s*$", cue[0])) and bracketed and False
    if bracketed:
        return True
    if letter == "a" and not text[after : after + 1] and "answer" in low[: cue.start()]:
        return False  # the article of a sentence that was cut off
    if _INITIALS.match(text, slot.start("letter")) and re.match(r"[A-Z]\.\s?[A-Z]\.", text[slot.start("letter") :]):
        return False
    if _REASON_NEXT.match(low, after):
        return not (letter.islower() and re.match(r"\s*(?:[a-z]|[-+*/=(^])", low[after:]))
    return letter.isupper() and letter not in "AI"


def _starting_at(response: Response, place: int) -> Mention | None:
    gap = re.compile(r"[\s\"':=(\[>*-]{0,12}(?:(?:a|an|the)\s+)?").match(response.low, place)
    reach = gap.end() if gap else place
    best = None
    for mention in response.mentions:
        if mention.kind == "text" and place <= mention.start <= reach and (best is None or mention.end > best.end):
            best = mention
    return best


def _ends_well(response: Response, mention: Mention) -> bool:
    """Whether an option's text behind a cue is what is meant, and not the first words of something longer."""
    rest = response.low[mention.end : mention.end + 40]
    if response.cues.denied.match(rest):
        return False
    if response.text[mention.start : mention.end].replace(".", "").isdecimal():
        return bool(re.match(r"\s*(?:$|[\n,;!?)\]\"']|\.(?!\d)|\s(?!and\b|or\b|[-+*/×=])[a-z])", rest)) or not rest
    return True


def _join_others(response: Response, finding: Finding, on_new_line: bool) -> Finding:
    """The finding, or `SEVERAL` where another option is joined to it or listed below it."""
    place, letter = finding.end, finding.letter
    own_text = response.options.texts.get(letter, "")
    skip = _SKIP.match(response.low, place)
    if own_text and skip and response.low.startswith(own_text, skip.end()):
        place = skip.end() + len(own_text)
    for _ in range(12):
        skip = _SKIP.match(response.low, place)
        text_mention = next(
            (
                m
                for m in response.mentions
                if m.letter == letter and m.start >= place and skip and m.start <= skip.end() + 4
            ),
            None,
        )
        if text_mention is None or response.low[place : text_mention.start].strip(" \n\"')].:,-(the"):
            break
        place = text_mention.end
    join = _JOIN.match(response.low, place)
    joined = join.end() if join else place
    for mention in response.mentions:
        if mention.start < place or mention.letter == letter:
            continue
        gap = response.low[joined : mention.start].strip(" ([\"'") if join and mention.start >= joined - 1 else "?"
        if (
            join
            and gap in ("", "a", "the", "an")
            and not is_denied(response, mention)
            and not response.cues.claims.match(response.low, mention.end)
        ):
            return Finding(SEVERAL, finding.start, mention.end)
        break
    if on_new_line:
        below = next((m for m in response.mentions if m.start >= finding.end and m.letter != letter), None)
        below = below if below and _opens_line(response, below) else None
        lines = response.text.count("\n", finding.end, below.start + 1) if below else 0
        if below and below.letter != letter and lines == 1 and not is_denied(response, below):
            return Finding(SEVERAL, finding.start, below.end)
    return Finding(letter, finding.start, place)


def _opens_line(response: Response, mention: Mention) -> bool:
    line = response.low[response.low.rfind("\n", 0, mention.start) + 1 : mention.start]
    return line.strip(" *-+.(0123456789") in ("", "option", "the")


def read_slots(response: Response) -> Finding | None:
    """The last final answer that the response does not withdraw."""
    if not response.slots:
        return None
    named = [slot for slot in response.slots if not response.low.startswith("correspond", slot.start)]
    last = (named or response.slots)[-1]
    withdrawn = response.cues.withdrawn.search(response.low, last.end)
    if (
        withdrawn
        and last.end >= len(response.low) - 80
        and not any(m.start > withdrawn.end() for m in response.mentions)
    ):
        return Finding(WITHDRAWN, withdrawn.start(), withdrawn.end())
    if withdrawn and any(claim.start > withdrawn.end() and claim.letter != last.letter for claim in response.claims):
        return None
    return last


def read_lines(response: Response) -> Finding | None:
    """A letter or an option alone on the last or the first line, or a label that opens the response: "B. …"."""
    lines = response.text.split("\n")
    ends = (lines[-1], lines[0]) if len(lines) > 1 else ()
    listed = {label.letter for label in response.labels}
    for line in ends:
        letter = read_letter(response, line)
        if not letter and len(listed) == 1:
            letter = read_labelled(response, line)
        if letter:
            at = response.text.rfind(line) if line is lines[-1] else 0
            return Finding(letter, at, at + len(line))
    because = _BECAUSE.match(response.text)
    if because and because[1] in response.options.letters:
        return Finding(response.options.letters[because[1]], 0, 1)
    return read_lead(response)


def read_lead(response: Response) -> Finding | None:
    text = response.text
    lead = _LEAD.match(text)
    if not lead or _INITIALS.match(text):
        return None
    letter = response.options.letters.get((lead[1] or lead[2] or lead[3]).upper())
    if letter is None or response.cues.denied.match(response.low, lead.end()):
        return None
    text_mention = next(
        (m for m in response.mentions if m.kind == "text" and m.start >= lead.end() - 1 and m.start <= lead.end() + 5),
        None,
    )
    end = text_mention.end if text_mention else lead.end()
    if text_mention and text_mention.letter == letter and response.cues.denied.match(response.low, end):
        return None
    others = {label.letter for label in response.labels if label.start >= lead.end()} - {letter}
    if others:
        return None
    if not (text_mention and text_mention.letter == letter) and text[lead.end() : lead.end() + 1] != "\n":
        others = {m.letter for m in response.mentions if m.kind in ("set", "noun") and m.start >= lead.end()} - {letter}
        if others:
            return None
    return Finding(letter, 0, end)


def is_denied(response: Response, mention: Mention) -> bool:
    """Whether the words around a mention deny it."""
    start, _ = response.clauses.around(mention.start)
    before = response.low[max(start, mention.start - 60) : mention.start]
    if response.cues.denies.search(before):
        return True
    tail = _after_own_text(response, mention)
    return bool(response.cues.denied.match(response.low, tail))


def is_supposed(response: Response, mention: Mention) -> bool:
    """Whether a mention stands in a condition or a question."""
    low = response.low
    start, end = response.clauses.around(mention.start)
    before = low[max(start, mention.start - 60) : mention.start]
    if response.cues.conditional.search(before.rpartition(",")[2]):
        return True
    return low[mention.end : end].rstrip()[-1:] == "?"


def _opens_with_if(response: Response, mention: Mention) -> bool:
    low = response.low
    begin = max(low.rfind(mark, 0, mention.start) for mark in (".", "!", "?", "\n")) + 1
    opening = response.cues.conditional.search(low, begin, begin + 12)
    if not opening or low[begin : opening.start()].strip():
        return False
    comma = low.find(",", begin, mention.start)
    supposed = (comma if comma > 0 else mention.start) + 1
    return bool(re.search(r"\b(?:answer|option|choice|correct)\b", low[begin:supposed])) or any(
        begin <= other.start < supposed for other in response.mentions
    )


def _after_own_text(response: Response, mention: Mention) -> int:
    """Where a mention ends, together with the option's text or letter that follows it: "(B) Point B", "Box B (B)"."""
    place = mention.end
    for other in response.mentions:
        if other.start < place:
            continue
        if other.letter != mention.letter or response.low[place : other.start].strip(" \n\"')].:,-(") not in (
            "",
            "the",
        ):
            break
        place = other.end
    closing = _SKIP.match(response.low, place)
    return closing.end() if closing and response.low[place : place + 1] in ('"', "'", ")", "]") else place


def is_claimed(response: Response, mention: Mention) -> bool:
    """Whether the words around a mention claim that it is the answer."""
    low, cues = response.low, response.cues
    if (
        mention.start in response.grouped
        or is_contradicted(response, mention)
        or is_supposed(response, mention)
        or is_denied(response, mention)
    ):
        return False
    start, end = response.clauses.around(mention.start)
    others = [m.start for m in response.mentions if m.letter != mention.letter and m.start >= mention.end]
    place = _after_own_text(response, mention)
    reach = min([end, place + 90, *others[:1]]) if place < end else place
    window = low[place:reach]
    trait = response.options.trait
    if mention.kind == "text" and is_working(response, mention):
        return False
    if mention.kind == "text" and trait and trait in low[mention.start : mention.end]:
        return True
    claim = _search_claim(cues.claims, window)
    if (
        claim
        and trait
        and (comparative := _COMPARATIVE.search(claim))
        and comparative[0] not in (trait, "nearer", "better")
    ):
        claim = None
    if claim:
        return True
    ahead = [m.end for m in response.mentions if m.letter != mention.letter and m.end <= mention.start]
    begin = max([start, mention.start - 160, *ahead[-1:]])
    before = low[begin : mention.start]
    if mention.kind in ("set", "noun") and _follows_own_text(response, mention):
        return True
    if mention.kind == "bare":
        closed = re.match(r"[)\"']?\s*(?:[.,!;\n]|$)", low[place : place + 4])
        return bool(closed and re.search(r"(?:\b(?:is|be|as|say|with|by|labell?ed|marked)|'s|:)\s+$", before))
    matches = list(cues.prefers.finditer(before))
    if not matches or " than " in before[matches[-1].start() :]:
        return False
    return bool(_GAP.fullmatch(before, matches[-1].end()))


def is_working(response: Response, mention: Mention) -> bool:
    """Whether a mention is a number or formula in the working of a response that ends in something else."""
    words = response.low[mention.start : mention.end]
    if re.search(r"(?<!\\)\b[a-z]{3,}", words):
        return False
    return response.long or bool(response.finals)


def is_contradicted(response: Response, mention: Mention) -> bool:
    """Whether an option's text and the letter in brackets behind it are of two options: "the second image (B)"."""
    for other in response.mentions:
        first, second = (mention, other) if mention.start < other.start else (other, mention)
        if other.letter == mention.letter or first.kind != "text" or second.kind != "set":
            continue
        if response.low[first.end : second.start].strip() == "" and second.start - first.end < 3:
            return True
    return False


def _other_trait(response: Response, mention: Mention) -> bool:
    """Whether a clause compares by another trait than the options do: "A is farther" where they say "closer"."""
    _, end = response.clauses.around(mention.start)
    compared = _COMPARATIVE.findall(response.low, mention.end, min(end, mention.end + 90))
    return bool(compared) and response.options.trait not in compared and "nearer" not in compared


def is_strong(response: Response, mention: Mention) -> bool:
    """Whether a claim says in so many words that the option is the answer, or draws a conclusion."""
    low = response.low
    start, end = response.clauses.around(mention.start)
    place = _after_own_text(response, mention)
    return bool(
        _STRONG.search(low, place, min(end, place + 90))
        or re.search(
            r"\b(?:most|best|closest)\b(?![^.]{0,90}\bthan\b)", low[max(start, mention.start - 100) : mention.start]
        )
        or _CONCLUDES.search(low, max(0, start - 30), mention.start)
    )


def _follows_own_text(response: Response, mention: Mention) -> bool:
    """Whether a letter is put in brackets behind its option's text: "moving right (B)"."""
    for other in response.mentions:
        if other.kind == "text" and other.letter == mention.letter and 0 <= mention.start - other.end < 12:
            return response.low[other.end : mention.start].strip() in ("", "(option", "(choice", "(")
    return False


def _search_claim(claims: re.Pattern[str], window: str) -> str | None:
    """The first claim behind an option: at once, or behind a few words or an insertion between commas."""
    for start in (match.start() for match in re.finditer(r"(?=\s|^)", window)):
        match = claims.match(window, start)
        if match and _NOT.search(window, 0, match.start() + 1):
            return None
        if match:
            return match[0] + window[match.end() : match.end() + 12]
    return None


def read_claims(response: Response) -> Finding | None:
    """The one option that is claimed, or of several the one that the last clause settles on.

    What a list says of its items one by one claims nothing, unless it says which of them is right.
    """
    listing = len({label.letter for label in response.labels}) > 1
    strong = [claim for claim in response.claims if is_strong(response, claim)]
    claims = strong if strong or listing else response.claims
    letters = {claim.letter for claim in claims}
    if not letters or (response.refused and len(letters) > 1):
        return None
    if len(letters) == 1:
        return Finding(claims[-1].letter, claims[-1].start, claims[-1].end)
    last = claims[-1]
    start, _ = response.clauses.around(last.start)
    concluding = _CONCLUDES.search(response.low, max(0, start - 30), last.start)
    if concluding:
        return Finding(last.letter, last.start, last.end)
    first = claims[0]
    opening = response.clauses.around(0)[1]
    if (
        first.start < opening
        and not response.refused
        and sum(claim.letter == first.letter for claim in claims) * 2 >= len(claims)
    ):
        return Finding(first.letter, first.start, first.end)
    return None


def read_named(response: Response) -> Finding | None:
    """The one option that a short response names, unless it names it to rule it out."""
    text = response.text
    offset = 0
    if response.long:
        if response.claims or response.slots:
            return None
        offset = text.rfind("\n") + 1
        if not offset or len(text[offset:].split()) > MAX_PROSE_WORDS or text[-1] not in ".!)\"'":
            return None  # too long, or cut off
    named: dict[str, Mention] = {}
    for mention in response.mentions:
        if mention.start < offset or mention.kind == "bare" or mention.start in response.grouped:
            continue
        if is_denied(response, mention) or is_supposed(response, mention) or _opens_with_if(response, mention):
            continue
        if response.options.trait and _other_trait(response, mention):
            continue
        named.setdefault(mention.letter, mention)
    if len(named) != 1:
        return None
    mention = next(iter(named.values()))
    if mention.kind == "text" and len({label.letter for label in response.labels} - {mention.letter}):
        return None
    return Finding(mention.letter, mention.start, mention.end)


def read_marks(response: Response) -> Finding | None:
    """One letter in brackets or behind "option", and no other anywhere in the response."""
    marked = [mention for mention in response.mentions if mention.kind in ("set", "noun")]
    if any(mention.start in response.grouped for mention in marked):
        return None
    if len({mention.letter for mention in marked}) != 1:
        return None
    mention = marked[0]
    if is_denied(response, mention) or is_supposed(response, mention) or is_contradicted(response, mention):
        return None
    if response.options.trait and _other_trait(response, mention):
        return None
    return Finding(mention.letter, mention.start, mention.end)


Row = tuple[str, Callable[[Response], Finding | None]]
TABLE: tuple[Row, ...] = (
    ("whole", read_whole),
    ("final answer", read_slots),
    ("line", read_lines),
    ("claim", read_claims),
)
BEHIND_REFUSAL: tuple[Row, ...] = (("mark", read_marks), ("name", read_named))
