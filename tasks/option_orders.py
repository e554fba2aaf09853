"""Option orders: shuffles the options of multiple-choice documents, or rotates them through every position.

`shuffled:SEED` puts each question's options in one seeded order; `circular` asks each question once for every
rotation of its options. The right letter follows, and `order` says which order a document has. Documents are
multiple choice when they have an `answer` letter and either the columns A, B, … or MMStar's questions.

An option such as "none of the above" or "both A and C" makes sense only in its own place. Its question is asked once,
in the data's order, and a message counts such questions.
"""

import logging
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import datasets

from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import expand_rows
from sightscale.tasks.mmstar import read_question, write_question

logger = logging.getLogger(__name__)

CIRCULAR, SHUFFLED = "circular", "shuffled"
# "none of the above", "both of these", "all options"; not "the cup is above the table".
_VERDICT = r"(?: (?:is|are)(?: all| both)? (?:correct|right|true|wrong|incorrect|false|possible))?"
_OTHERS = re.compile(
    r"(?=.*\b(?:above|below|these|those|options?|choices?|answers?|alternatives?)\b)"
    r"(?:all|none|both|neither|either|any|some|one|two|three|more than one)(?: of)?(?: the| these| those)?"
    r"(?: above| below| following| given| listed)?(?: options?| choices?| answers?| alternatives?)?"
    r"(?: above| below| given| listed)?" + _VERDICT,
    re.IGNORECASE,
)
_LETTERS = re.compile(
    r"(?i:(?:both|only|neither|either|options?|answers?|choices?|all of) )*"
    r"\(?[A-Z]\)?(?:(?:\s*,\s*(?:and |or )?|\s+(?:and|or|nor|&)\s+)\(?[A-Z]\)?)*"
    r"(?: only| alone)?" + _VERDICT
)
_SINGLE = re.compile(r"\(?[A-Z]\)?")


@dataclass(frozen=True)
class OptionOrder:
    """How options are ordered: in every rotation, or shuffled by a seed."""

    kind: str
    seed: int = 0


def parse_order(text: str) -> OptionOrder | None:
    """`circular` or `shuffled:SEED`; None for nothing. Raises UserError for anything else."""
    kind, _, seed = text.strip().partition(":")
    if not kind:
        return None
    if kind == CIRCULAR and not seed:
        return OptionOrder(CIRCULAR)
    if kind == SHUFFLED and seed.isdecimal():
        return OptionOrder(SHUFFLED, int(seed))
    raise UserError(f"unknown order of options {text!r}; known: {CIRCULAR}, {SHUFFLED}:SEED")


def arrange_options(rows: datasets.Dataset, text: str) -> datasets.Dataset:
    """The rows with their options in the order that `text` names; rows that aren't multiple choice unchanged.

    Raises UserError for an unknown order.
    """
    order = parse_order(text)
    kind = _kind(rows)
    if order is None or kind is None:
        return rows
    letters = [name for name in ascii_uppercase if name in rows.column_names] if kind == "columns" else []
    changed = [*letters, "answer", *(["question"] if kind == "text" else [])]
    changed += ["blind_answer"] if "blind_answer" in rows.column_names else []
    columns: dict[str, list[Any]] = {name: [] for name in [*changed, "order"]}
    repeats = []
    kept = 0
    for number, doc in enumerate(rows.select_columns([*changed, *(["question"] if kind == "columns" else [])])):
        arranged = list(_arrange(doc, kind, order, number))
        kept += len(arranged) == 1 and arranged[0].get("keeps", False)
        repeats.append(len(arranged))
        for version in arranged:
            for name, values in columns.items():
                values.append(version.get(name))
    if kept:
        logger.info(
            f"options: {kept:,} of {len(rows):,} questions keep their order, because an option refers to others' places"
        )
    return expand_rows(rows.remove_columns(changed), repeats, columns)


def is_bound(option: str, letters: Sequence[str]) -> bool:
    """Whether an option refers to others by place or letter, so that none of them can be moved."""
    text = " ".join(option.split()).rstrip(".")
    if _OTHERS.fullmatch(text):
        return True
    # A single letter is the name of something in the picture.
    named = set(re.findall(r"\b[A-Z]\b", text))
    return bool(_LETTERS.fullmatch(text) and not _SINGLE.fullmatch(text) and named and named <= set(letters))


def _kind(rows: datasets.Dataset) -> str | None:
    names = rows.column_names
    if "answer" not in names or rows.features["answer"] != datasets.Value("string"):
        return None
    if "A" in names and "B" in names:
        return "columns"
    if "question" in names and len(rows) and read_question(rows[:1]["question"][0]):
        return "text"
    return None


def _arrange(doc: Mapping[str, Any], kind: str, order: OptionOrder, number: int) -> Sequence[dict[str, Any]]:
    """The versions of a document, each with its new texts, letters and the name of its order."""
    question = read_question(doc["question"]) if kind == "text" else None
    if kind == "text" and question is None:  # options that can't be read can't be moved
        return [{**doc, "order": None}]
    options = (
        question.options if question else {name: doc[name] for name in ascii_uppercase if doc.get(name) is not None}
    )
    letters = list(options)
    if any(is_bound(str(text), letters) for text in options.values()):
        return [{**doc, **({} if question else options), "order": "".join(letters), "keeps": True}]
    versions = []
    for name, shifted in _orders(letters, order, number):
        moved = {new: options[old] for new, old in zip(letters, shifted, strict=True)}
        back = {old: new for new, old in zip(letters, shifted, strict=True)}
        version: dict[str, Any] = {"answer": back.get(doc["answer"].strip().upper(), doc["answer"]), "order": name}
        if "blind_answer" in doc:
            version["blind_answer"] = back.get(doc["blind_answer"], doc["blind_answer"])
        version |= {"question": write_question(question, moved)} if question else moved
        versions.append(version)
    return versions


def _orders(letters: list[str], order: OptionOrder, number: int) -> list[tuple[str, list[str]]]:
    """Each order's name, and the old letters in their new places."""
    if order.kind == CIRCULAR:
        turns = [letters[shift:] + letters[:shift] for shift in range(len(letters))]
    else:
        turns = [random.Random(f"{order.seed}:{number}").sample(letters, len(letters))]
    return [("".join(turn), turn) for turn in turns]
