"""Reading a multiple-choice answer: which option a response commits to, or that it commits to none.

`read_answer` never guesses. The response's structure comes first (thinking, tags, boxes, JSON, mark-up), then every
mention of an option with the force of the clause around it, then a short decision table. A letter inside prose
("A man is riding", "Cannot determine") is no answer. lmms-eval's and VMCBench's readers take those, and draw a random
letter when nothing parses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sightscale.tasks.answers.cues import choose_patterns
from sightscale.tasks.answers.decision import BEHIND_REFUSAL, SEVERAL, TABLE, WITHDRAWN, Response
from sightscale.tasks.answers.mentions import lower, prepare
from sightscale.tasks.answers.structure import MAX_CHARACTERS, lay_out, split_run_on, strip_thinking

__all__ = [
    "ANSWERED",
    "MAX_CHARACTERS",
    "READER_VERSION",
    "REFUSED",
    "TRUNCATED",
    "UNPARSED",
    "Outcome",
    "Reading",
    "Why",
    "outcome_of_text",
    "read_answer",
    "refuses",
    "strip_thinking",
    "visible_answer",
]

READER_VERSION = "3"  # of everything that reads an answer; it changes whenever some answer is read otherwise

Outcome = Literal["answered", "refused", "unparsed", "truncated"]

ANSWERED: Outcome = "answered"
REFUSED: Outcome = "refused"
UNPARSED: Outcome = "unparsed"
TRUNCATED: Outcome = "truncated"
HEAD, TAIL = 2_000, 6_000  # characters of a longer response that are read: an answer opens it, or ends it
MAX_QUOTE = 120  # characters of a response that a reading quotes


@dataclass(frozen=True)
class Why:
    """What decided a reading: the decision table's row, and the words of the laid-out response that it rests on."""

    rule: str
    quote: str = ""
    span: tuple[int, int] | None = None  # of the words, in the laid-out response

    def __str__(self) -> str:
        return f"{self.rule}: {self.quote}" if self.quote else self.rule


@dataclass(frozen=True)
class Reading:
    """What a response commits to: an option's letter (None without one), the outcome, and why."""

    letter: str | None
    outcome: Outcome
    why: Why = field(default=Why("nothing said"), compare=False)


def read_answer(text: str | None, options: Mapping[str, str], *, truncated: bool = False) -> Reading:
    """The option that `text` commits to.

    `options` maps letters to option texts. The outcome is `answered` with a letter, or None with `refused`,
    `unparsed` or `truncated`. Nothing is read from a `truncated` response, because its end isn't known. Any string is
    read without an error and without randomness.
    """
    if truncated:
        return Reading(None, TRUNCATED, Why("cut off"))
    laid = lay_out(text or "")
    if not laid or not options:
        return Reading(None, UNPARSED)
    if len(laid) > HEAD + TAIL:
        laid = f"{laid[:HEAD]}\n{laid[-TAIL:]}"
    prepared = prepare(tuple((str(letter), str(option)) for letter, option in options.items()))
    before = split_run_on(laid)
    if before:
        reading = _decide(Response(before, prepared))
        if reading.outcome == ANSWERED:
            return reading
    return _decide(Response(laid, prepared))


def _decide(response: Response) -> Reading:
    for rule, row in TABLE:
        finding = row(response)
        if finding:
            why = _quote(response, rule, finding.start, finding.end)
            if finding.letter == SEVERAL:
                return Reading(None, UNPARSED, Why(f"several in {rule}", why.quote, why.span))
            if finding.letter == WITHDRAWN:
                return Reading(None, UNPARSED, Why(f"withdrawn {rule}", why.quote, why.span))
            return Reading(finding.letter, ANSWERED, why)
    refusal = response.cues.refuses.search(response.low)
    for rule, row in BEHIND_REFUSAL:
        finding = row(response)
        if finding and not (refusal and not (finding.start <= refusal.start() < finding.end)):
            return Reading(finding.letter, ANSWERED, _quote(response, rule, finding.start, finding.end))
    if refusal:
        return Reading(None, REFUSED, _quote(response, "refusal", *refusal.span()))
    return Reading(None, UNPARSED, Why("no commitment"))


def _quote(response: Response, rule: str, start: int, end: int) -> Why:
    return Why(rule, response.text[start:end][-MAX_QUOTE:].strip(), (start, end))


def outcome_of_text(response: str) -> Outcome:
    """Answered where anything can be seen of a response: for metrics that read it themselves."""
    return ANSWERED if visible_answer(response).strip() else UNPARSED


def visible_answer(text: str) -> str:
    """The end of a response, without thinking, mark-up and compatibility characters."""
    return lay_out(text)


def refuses(text: str) -> bool:
    """Whether a response declines to answer, or says that it can't."""
    low = lower(text)
    return bool(choose_patterns(low).refuses.search(low))
