"""Differences: what a page needs to hold any two entries against each other, question by question.

Everything is in the page itself: it opens from disk, so it can fetch nothing. A question is a sign, its score's
place in the list of scores that occur; questions, their pictures and what an average weighs them by are held once.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightscale.leaderboards.site.listed import Listed, Questions
from sightscale.tasks.suites import HEADLINES

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST_ENTRIES = 400  # of the same questions; a page of more would take long to open


def write_differences(groups: Sequence[tuple[str, Sequence[Listed]]]) -> str:
    """The groups of entries that answered the same questions, as JSON that a page can hold."""
    told = []
    for title, entries in groups:
        by_questions: dict[str, list[Listed]] = {}
        for listed in entries:
            if listed.answers:
                by_questions.setdefault(listed.answers.questions.digest, []).append(listed)
        for same in by_questions.values():
            if len(same) > 1:
                told.append(_describe(title, same[:MOST_ENTRIES]))
    text = json.dumps(told, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _describe(title: str, entries: Sequence[Listed]) -> dict[str, Any]:
    first = entries[0].answers
    assert first is not None
    questions = first.questions
    tasks = list(dict.fromkeys(questions.columns["task"]))
    numbers = {task: number for number, task in enumerate(tasks)}
    return {
        "title": title,
        "tasks": tasks,
        "task": [numbers[task] for task in questions.columns["task"]],
        "document": [int(number) for number in questions.columns["doc_id"]],
        "picture": [int(code) for code in questions.clusters],
        "averages": [part for name, heading in HEADLINES.items() if (part := _weigh(questions, name, heading))],
        "entries": [_sign(listed) for listed in entries],
    }


def _weigh(questions: Questions, name: str, heading: str) -> dict[str, Any] | None:
    weighed = questions.weigh(name)
    if weighed is None:
        return None
    rows, weights, strata, _ = weighed
    shares = np.bincount(strata, weights)
    return {
        "name": heading,
        "rows": [int(row) for row in rows],
        "strata": [int(stratum) for stratum in strata],
        "shares": [float(share) for share in shares],
    }


def _sign(listed: Listed) -> dict[str, Any]:
    answers = listed.answers
    assert answers is not None
    values = sorted({float(score) for side in (answers.sighted, answers.blind) for score in side if score == score})
    values = values[:: max(1, len(values) // (len(SIGNS) - 1) + 1)] if len(values) > len(SIGNS) else values
    places = np.array(values)

    def write(side: np.ndarray) -> str:
        near = np.abs(side[:, None] - places[None, :]).argmin(axis=1) if len(places) else np.zeros(len(side), int)
        return "".join("." if score != score else SIGNS[place] for score, place in zip(side, near, strict=True))

    return {
        "id": listed.entry.id,
        "name": listed.name,
        "values": values,
        "sighted": write(answers.sighted),
        "blind": write(answers.blind),
    }
