"""Statements: a teacher's declarative sentences, one for each question-answer pair, or the reason why not.

An answer with another number of statements than questions, one that was cut off and one that is refused are
asked for once more with sampling, since a greedy teacher would say the same; the second answer stands.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sightscale.model_adapters.engines import Completion, Decoding, Engine, Message, OnFinished, Prompt, split_thinking
from sightscale.trainers.extraction.prompts import Pair, statements_prompt

CONVERTING = Decoding(max_new_tokens=1024, thinking=False)  # the study's length; it samples, ours is greedy
AGAIN = replace(CONVERTING, temperature=0.7, top_p=0.8, top_k=20, seed=1)  # as Qwen3's card samples

_BULLET = re.compile(r"\A[-*•–]\s+")
_NUMBER = re.compile(r"\A\W*(?:(?:declarative\s+)?statement\s*)?#?(\d+)[*_]*(?:[.):]|\s-)[*_]*\s+(?=\S)", re.I)
_HEADING = re.compile(
    r"\A\W*(?:here (?:is|are)\b.*|(?:declarative )?statements?(?:\(s\))?\W*|sure\b.*|certainly\b.*)\Z", re.I
)
_LABEL = re.compile(r"\A\W*(?:declarative )?statement(?:\(s\))?\s*:\W*?(?=[\w\"'“‘(])", re.I)
_REFUSAL = re.compile(
    r"\A\W*(?:i['’]?m (?:really )?(?:sorry|afraid|unable|not able)|i am (?:sorry|afraid|unable|not able)|sorry\b|"
    r"unfortunately\b|i (?:cannot|can['’]?t|can not|could not|couldn['’]?t|won['’]?t|do not see|don['’]?t see|"
    r"don['’]?t have access)\b|as an? (?:ai|language model|text)\b|there is no (?:image|picture)\b|"
    r"no (?:image|picture) (?:is|was|has been)\b|(?:please|could you) (?:provide|upload|share|attach)\b|"
    r"it seems (?:that )?(?:there is no|no|the|you)\b[^.]*\b(?:missing|upload|attach|provide)\w*)",
    re.I,
)


@dataclass(frozen=True)
class Statements:
    """What came of one example's pairs: statements, or a reason to count by and what exactly is wrong."""

    texts: tuple[str, ...] = ()
    retried: bool = False
    reason: str | None = None
    detail: str = ""


def write_statements(
    engine: Engine, pairs: Sequence[Sequence[Pair]], on_finished: OnFinished | None = None
) -> list[Statements]:
    """Statements for each example's pairs, in order."""
    prompts = [Prompt((Message("user", (statements_prompt(one),)),)) for one in pairs]
    first = engine.generate(prompts, CONVERTING, on_finished) if prompts else []
    read = [read_statements(completion, len(one)) for completion, one in zip(first, pairs, strict=True)]
    again = [i for i, one in enumerate(read) if one.reason not in (None, "failed")]
    second = engine.generate([prompts[i] for i in again], AGAIN) if again else []
    for i, completion in zip(again, second, strict=True):
        read[i] = replace(read_statements(completion, len(pairs[i])), retried=True)
    return read


def read_statements(completion: Completion, n: int) -> Statements:
    """The `n` statements that a completion should hold."""
    if completion.error:
        return Statements(reason="failed", detail=f"statements: {completion.error}")
    _, said = split_thinking(completion.text)
    if refuses(said):
        return Statements(reason="statements_refused", detail=said.strip()[:200])
    if completion.finish_reason == "length":
        return Statements(reason="statements_truncated", detail=f"{completion.output_tokens} tokens without an end")
    texts = parse_statements(said)
    if len(texts) != n:
        return Statements(reason="statement_count", detail=f"{len(texts)} statements for {n} questions")
    return Statements(texts)


def parse_statements(said: str) -> tuple[str, ...]:
    """A statement a line, without headings, bullets and numbers that count the lines."""
    texts: list[str] = []
    for line in said.splitlines():
        text = line.strip()
        if not re.search(r"[^\W_]", text) or _HEADING.match(text):
            continue
        text = _LABEL.sub("", _BULLET.sub("", text), count=1)
        number = _NUMBER.match(text)
        if number and int(number[1][:6]) == len(texts) + 1:
            text = text[number.end() :]
        texts.append(text.strip("*_` \t"))
    return tuple(texts)


def refuses(said: str) -> bool:
    """Whether a response opens with a refusal. A description may well say later that something can't be seen."""
    return _REFUSAL.match(said) is not None
