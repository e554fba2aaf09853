"""Differences: what a page needs to hold any two entries against each other, question by question.

Everything is in the page itself: it opens from disk, so it can fetch nothing. A question is a sign, its score's
place in the list of scores that occur; questions, their pictures and what an average weighs them by are held once.
Entries needn't have been asked the same tasks: two of them are compared on those that both were.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightscale.leaderboards.site.listed import QUESTION, Listed, Questions
from sightscale.tasks.suites import HEADLINES

SIGNS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MOST_ENTRIES = 400  # of the same questions; a page of more would take long to open


def write_differences(groups: Sequence[tuple[str, Sequence[Listed]]]) -> str:
    """The groups of entries whose answers were looked at, as JSON that a page can hold."""
    told = []
    for title, entries in groups:
        answering = [listed for listed in entries if listed.answers]
        if len(answering) > 1:
            told.append(_describe(title, answering[:MOST_ENTRIES]))
    text = json.dumps(told, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _describe(title: str, entries: Sequence[Listed]) -> dict[str, Any]:
    asked, places = _gather_questions([listed.answers.questions for listed in entries if listed.answers])
    tasks = list(dict.fromkeys(asked.columns["task"]))
    numbers = {task: number for number, task in enumerate(tasks)}
    return {
        "title": title,
        "tasks": tasks,
        "task": [numbers[task] for task in asked.columns["task"]],
        "document": [int(number) for number in asked.columns["doc_id"]],
        "picture": [int(code) for code in asked.clusters],
        "averages": [part for name, heading in HEADLINES.items() if (part := _weigh(asked, name, heading))],
        "entries": [
            _sign(listed, places[listed.answers.questions.digest], len(asked.clusters))
            for listed in entries
            if listed.answers
        ],
    }


def _gather_questions(all_asked: Sequence[Questions]) -> tuple[Questions, dict[str, np.ndarray]]:
    """The questions that any entry was asked, and where those of each entry stand among them, by their digest.

    A task's questions are those of most entries; who was asked others of the same name isn't compared in it.
    """
    distinct = {questions.digest: questions for questions in all_asked}
    counts = Counter(questions.digest for questions in all_asked)
    keys: dict[str, Counter[str]] = {}
    for digest, questions in distinct.items():
        for task in questions.tasks:
            keys.setdefault(task, Counter())[questions.key(task)] += counts[digest]
    usual = {task: found.most_common(1)[0][0] for task, found in keys.items()}
    columns: dict[str, list[Any]] = {name: [] for name in QUESTION}
    starts: dict[str, int] = {}
    for questions in distinct.values():
        for task, (_, rows) in questions.tasks.items():
            if task not in starts and questions.key(task) == usual[task]:
                starts[task] = len(columns["task"])
                for name, values in questions.columns.items():
                    columns[name] += [values[row] for row in rows]
    places = {}
    for digest, questions in distinct.items():
        at = np.full(len(questions.clusters), -1)
        for task, (_, rows) in questions.tasks.items():
            if questions.key(task) == usual[task]:
                at[rows] = starts[task] + np.arange(len(rows))
        places[digest] = at
    return Questions(columns), places


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


def _sign(listed: Listed, places: np.ndarray, count: int) -> dict[str, Any]:
    """An entry's answers to the `count` questions of its group; its own stand at `places` there, -1 for nowhere."""
    answers = listed.answers
    assert answers is not None
    both = np.concatenate([answers.sighted, answers.blind])
    values = np.unique(both[~np.isnan(both)])
    values = values[:: len(values) // (len(SIGNS) - 1) + 1] if len(values) > len(SIGNS) else values

    def write(side: np.ndarray) -> str:
        whole = np.full(count, np.nan)
        whole[places[places >= 0]] = side[places >= 0]
        near = np.abs(whole[:, None] - values[None, :]).argmin(axis=1) if len(values) else np.zeros(count, int)
        return "".join(np.where(np.isnan(whole), ".", np.array(list(SIGNS))[near]).tolist())

    return {
        "id": listed.entry.id,
        "name": listed.name,
        "values": values.tolist(),
        "sighted": write(answers.sighted),
        "blind": write(answers.blind),
    }
