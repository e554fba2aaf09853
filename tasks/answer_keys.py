"""Answer keys: the letters of the right options in multiple-choice documents, normalised and checked.

A key that is no option's letter makes every answer wrong, and no score shows it.
"""

from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import Any

import datasets

from sightscale.tasks.errors import UserError
from sightscale.tasks.expansion import expand_rows
from sightscale.tasks.mmstar import read_question

TEXT = tuple(datasets.Value(kind) for kind in ("string", "large_string", "null"))  # null: no row has a key
NAMED = 3  # rows that a message names before it counts the rest


def check_keys(rows: datasets.Dataset, name: str) -> datasets.Dataset:
    """The rows with their `answer` letters in capitals and without surrounding spaces; other rows unchanged.

    Rows are multiple choice if they have `answer` as text and the columns A and B, or are MMStar's questions. If the
    options of an MMStar question can't be read, only the form of its key is checked. Raises UserError naming the rows,
    from 1 on, whose key is no option's letter or that have fewer than two options.
    """
    columns = rows.column_names
    if "answer" not in columns or rows.features["answer"] not in TEXT:
        return rows
    letters = [letter for letter in ascii_uppercase if letter in columns]
    if letters[:2] != ["A", "B"]:
        letters = []
        if "question" not in columns or not len(rows) or not read_question(str(rows[:1]["question"][0])):
            return rows
    texts = letters or ["question"]
    keys: list[str] = []
    faults: list[str] = []
    for number, doc in enumerate(rows.select_columns(["answer", *texts]), 1):
        key = str(doc["answer"] or "").strip().strip("().").upper()
        keys.append(key)
        faults += [f"row {number} {fault}" for fault in _find_faults(key, doc, letters)]
    if faults:
        more = f", and {len(faults) - NAMED:,} more rows" if len(faults) > NAMED else ""
        raise UserError(
            f"{name}: {'; '.join(faults[:NAMED])}{more}; every answer to such a question would count as wrong, "
            "so fix the data or leave the rows out"
        )
    if keys == rows["answer"][:]:
        return rows
    return expand_rows(rows.remove_columns("answer"), [1] * len(rows), {"answer": keys})


def _find_faults(key: str, doc: Mapping[str, Any], letters: list[str]) -> Iterator[str]:
    if letters:
        options = [letter for letter in letters if doc[letter] is not None and str(doc[letter]).strip()]
        if len(options) < 2:
            yield f"has {len(options)} options"
            return
    else:
        question = read_question(str(doc["question"]))
        options = list(question.options) if question else list(ascii_uppercase)
    if key not in options:
        of = f"none of its options {', '.join(options)}" if len(options) < 26 else "no letter"
        yield f"has the answer {doc['answer']!r}, {of}"
