"""Option orders: the options of multiple-choice documents shuffled, or turned through every position.

`shuffled:SEED` puts each question's options in one seeded order; `circular` asks each question once for every
rotation of its options. The right letter follows, and `order` says which order a document has. Documents are
multiple choice when they have an `answer` letter and either the columns A, B, … or MMStar's questions.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets

from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import expand_rows
from sightscale.tasks.mmstar import read_question, write_question

CIRCULAR, SHUFFLED = "circular", "shuffled"
LETTERS = "ABCDEFGH"


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
    """The rows with their options in the order that `text` names; rows that are no multiple choice as they are.

    Raises UserError for an unknown order.
    """
    order = parse_order(text)
    kind = _kind(rows)
    if order is None or kind is None:
        return rows
    letters = [name for name in LETTERS if name in rows.column_names] if kind == "columns" else []
    changed = [*letters, "answer", *(["question"] if kind == "text" else [])]
    changed += ["blind_answer"] if "blind_answer" in rows.column_names else []
    columns: dict[str, list[Any]] = {name: [] for name in [*changed, "order"]}
    repeats = []
    for number, doc in enumerate(rows.select_columns([*changed, *(["question"] if kind == "columns" else [])])):
        arranged = list(_arrange(doc, kind, order, number))
        repeats.append(len(arranged))
        for version in arranged:
            for name, values in columns.items():
                values.append(version.get(name))
    return expand_rows(rows.remove_columns(changed), repeats, columns)


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
    options = question.options if question else {name: doc[name] for name in LETTERS if doc.get(name) is not None}
    letters = list(options)
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
