"""Focus: what a perception module should pay attention to for one question, written once by a language model.

The published protocol writes every focus offline with one model, the same for all set-ups. A focus that
is empty, or that repeats the question or names its options, is not used: the perception prompt then has none.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sightscale.model_adapters.decoupled.prompts import FOCUS_MARK, focus_prompt
from sightscale.model_adapters.engines import Decoding, Engine, Message, OnFinished, Prompt, split_thinking
from sightscale.tasks.errors import UserError
from sightscale.tasks.instructions import has_options, split_instruction
from sightscale.tasks.user_files import read_json

Focuses = dict[str, dict[str, str]]  # task to document id to focus

WRITING = Decoding(max_new_tokens=128, thinking=False)  # the study doesn't publish its decoding here; ours is greedy
LONGEST = 400  # characters of a focus; what is longer is no concise instruction
_MARK = re.compile(r"\W*" + re.escape(FOCUS_MARK.rstrip(":")) + r"\W*?:\W*?(?=[\w\"'“‘(]|$)", re.I)
_OPTION = re.compile(r"[\s,(]\(?[A-Z][.:)]\s+(.*?)(?=,?\s+\(?[A-Z][.:)]\s|\n|$)", re.DOTALL)


class FocusWriter:
    """Writes focuses with a language model, each question's once, and counts what came of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.outcomes: Counter[str] = Counter()  # written, empty, leaking, failed: one count a question
        self.came: dict[str, str] = {}  # each question's outcome
        self._known: dict[str, str | None] = {}

    def unknown(self, questions: Sequence[str]) -> list[str]:
        """The questions whose focus wasn't asked for yet, each once."""
        return list(dict.fromkeys(question for question in questions if question not in self._known))

    def write(self, questions: Sequence[str], on_finished: OnFinished | None = None) -> list[str | None]:
        """A focus for each question (without its closing instruction), None where none can be used."""
        new = self.unknown(questions)
        prompts = [Prompt((Message("user", (focus_prompt(question),)),)) for question in new]
        completions = self.engine.generate(prompts, WRITING, on_finished) if new else []
        for question, completion in zip(new, completions, strict=True):
            focus = None if completion.error else parse_focus(completion.text)
            if completion.error:
                outcome = "failed"
            elif focus is None:
                outcome = "empty"
            else:
                outcome = "leaking" if leaks(focus, question) else "written"
            self.outcomes[outcome] += 1
            self.came[question] = outcome
            self._known[question] = focus if outcome == "written" else None
        return [self._known[question] for question in questions]


def parse_focus(response: str) -> str | None:
    """The focus in a model's response: its first line without the mark, markup and quotes; None when there is none."""
    _, answer = split_thinking(response)
    for line in answer.splitlines():
        focus = _MARK.sub("", line, count=1) if _MARK.match(line) else line
        focus = " ".join(focus.strip().strip("*_`#-•>\"'“”‘’ \t").split())
        if re.search(r"\w", focus):
            return focus[:LONGEST].strip()
    return None


def leaks(focus: str, question: str) -> bool:
    """Whether a focus tells the perception module more than where to look.

    It does when it holds the question's own sentence (of four words or more), lettered options, or
    the text of an option that the question itself doesn't mention.
    """
    question, _ = split_instruction(question)
    stem, options = _split_options(question)
    words = _words(focus)
    sentence = _words(stem.rsplit("Question:", 1)[-1])
    if len(sentence.split()) >= 4 and sentence in words:
        return True
    if has_options(focus):
        return True
    asked = _words(stem)
    return any(f" {option} " in f" {words} " and f" {option} " not in f" {asked} " for option in options)


def read_focus(path: Path) -> Focuses:
    """A focus file: {task: {document id: focus}}, alone or under the key `focus` beside its `provenance`.

    Raises UserError in one line when it is something else.
    """
    content = read_json(path, "the focus file")
    if isinstance(content, Mapping) and set(content) == {"provenance", "focus"}:
        content = content["focus"]
    if not isinstance(content, Mapping) or not all(isinstance(per_doc, Mapping) for per_doc in content.values()):
        raise UserError(
            f"the focus file {path} must hold {{task: {{document id: focus}}}}; "
            "one keyed by index alone is turned into that by `sightscale focus --published FILE`"
        )
    return {str(task): {str(doc): str(text) for doc, text in per_doc.items()} for task, per_doc in content.items()}


def read_published(path: Path) -> dict[str, str]:
    """A published focus file of one task, keyed by the question's index: {index: focus}.

    It may also be a list of objects with `index` and one other text. Raises UserError in one line for
    anything else.
    """
    content = read_json(path, "the focus file")
    if isinstance(content, Mapping):
        pairs = list(content.items())
    elif isinstance(content, list) and all(isinstance(row, Mapping) and len(row) == 2 for row in content):
        pairs = [(row.get("index"), next(value for key, value in row.items() if key != "index")) for row in content]
    else:
        pairs = []
    if not pairs or not all(str(index).isdecimal() and isinstance(text, str) for index, text in pairs):
        raise UserError(f"the focus file {path} must hold {{index: focus}} for one task, each index a number")
    read = {str(int(index)): parse_focus(text) for index, text in pairs}
    return {index: focus for index, focus in read.items() if focus}


def write_focus(focuses: Focuses, provenance: Mapping[str, Any], path: Path) -> None:
    """Write a focus file, whole or not at all."""
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"provenance": dict(provenance), "focus": focuses}, indent=2, ensure_ascii=False)
    partial.write_text(text.encode("utf-8", "replace").decode() + "\n", encoding="utf-8")
    partial.replace(path)


def prompt_hash() -> str:
    """SHA-256 of the focus prompt without a question, which tells one wording from another."""
    return hashlib.sha256(focus_prompt("").encode()).hexdigest()[:16]


def focus_hash(focuses: Focuses) -> str:
    """SHA-256 of focuses, which tells one set from another."""
    return hashlib.sha256(json.dumps(focuses, sort_keys=True).encode()).hexdigest()[:16]


def _split_options(question: str) -> tuple[str, list[str]]:
    """The question before its lettered options, and the words of each option."""
    if not has_options(question):
        return question, []
    start = re.search(r"[\s,(:]\(?A[.:)]\s", question)
    if start is None:
        return question, []
    stem = re.sub(r"\s*(?:Options|Choices)\s*:?\s*\Z", "", question[: start.start() + 1])
    texts = (_words(match[1]) for match in _OPTION.finditer(question[start.start() :]))
    return stem, [text for text in texts if len(text) > 2]


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
