"""The teacher: what it is asked, to the letter, and what its answers hold.

First question-answer pairs become declarative statements, text alone; then a picture is described with the statements
given. Source of both prompts: Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487; lines break where they
do in the study's own script (github.com/markendo/downscaling_intelligence, visual_extraction_tuning_pipeline.py at
b9069dc). Tests hold both against golden files.

Statements in another number than the questions, cut off or refused are asked for once more with sampling, since a
greedy teacher would say the same; the second answer stands.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from sightscale.model_adapters.engines import Completion, Decoding, Engine, Message, OnFinished, Prompt, split_thinking

Pair = tuple[str, str]  # a question, without placeholders and closing instructions, and its answer

CONVERT = (
    "Your task is to convert each question–answer pair about an image into a concise, fully self-contained "
    "declarative statement. The resulting statements should be understandable on their own, without requiring the "
    "reader to refer to the original question."
)
SEVERAL = "As there are {n} questions, you should respond with {n} statements. Include each statement on its own line"
STATEMENTS_MARK = "Declarative Statement(s):"
DESCRIBE = (
    "Your task is to describe the fine-grained content of the image, including scenes, objects, relationships, "
    "instance location, and any text present."
)
INCORPORATE = "As part of your description, you should incorporate the following information about the image."
DESCRIPTION_MARK = "Description:"

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
DESCRIBING = Decoding(max_new_tokens=2048, thinking=False)  # the study's length; it samples, ours is greedy


def statements_prompt(pairs: Sequence[Pair]) -> str:
    """What the teacher is asked to turn question-answer pairs into statements; it sees no picture."""
    listed = "\n".join(f"Question #{i}: {question}\nAnswer: {answer}" for i, (question, answer) in enumerate(pairs, 1))
    several = f"\n{SEVERAL.format(n=len(pairs))}" if len(pairs) > 1 else ""
    return f"{CONVERT}\n{listed}{several}\n{STATEMENTS_MARK}"


def description_prompt(statements: Sequence[str]) -> str:
    """What the teacher is asked with the picture: a description that holds the statements."""
    return "\n".join([DESCRIBE, INCORPORATE, *statements, DESCRIPTION_MARK])


def prompts_hash() -> str:
    """SHA-256 of both prompts, which tells one wording from another."""
    whole = statements_prompt([("", ""), ("", "")]) + statements_prompt([("", "")]) + description_prompt([""])
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


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


def ask_for_description(picture: Image.Image, told: Statements) -> Prompt:
    """The prompt for a description of the picture that holds the statements."""
    return Prompt((Message("user", (picture, description_prompt(told.texts))),))


def read_description(completion: Completion) -> tuple[str, str | None, str]:
    """The description; else a reason to count by and what exactly is wrong."""
    if completion.error:
        return "", "failed", f"description: {completion.error}"
    if completion.finish_reason == "length":
        return "", "description_truncated", f"{completion.output_tokens} tokens without an end"
    _, text = split_thinking(completion.text)
    text = text.strip().removeprefix("**").removeprefix(DESCRIPTION_MARK).removeprefix("**").strip()
    if not text:
        return "", "description_empty", "the teacher said nothing"
    if refuses(text):
        return "", "description_refused", text[:200]
    return text, None, ""
