"""Reruns: the named model asked a random sample of an entry's questions again, and its answers compared.

A cheat doesn't know which questions will be drawn. One who changed a share x of the answers escapes a sample of n with
a probability of (1 - x)^n.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

SIZES = (0.01, 0.02, 0.05, 0.1, 0.25)  # shares of changed answers of which a report speaks
COMPARED = (Condition.SIGHTED, Condition.NONE)  # other stand-ins depend on a question's place among all


@dataclass(frozen=True)
class Rerun:
    """How many answers were compared, and which differ: task, document, condition, then and now."""

    compared: int
    different: tuple[tuple[str, int, str, str, str], ...]
    scores_changed: int  # answers that are worth something else now

    @property
    def questions_alike(self) -> float:
        """The share of answers that are the same to the letter."""
        return 1 - len(self.different) / self.compared


def choose_questions(records: pd.DataFrame, count: int) -> dict[str, list[int]]:
    """A random sample of an entry's questions, by task, from the system's own randomness.

    Raises UserError for fewer than one question.
    """
    if count < 1:
        raise UserError(f"--questions {count}: ask at least one")
    sighted = records[records["condition"] == Condition.SIGHTED]
    asked = sorted({(str(task), int(number)) for task, number in zip(sighted["task"], sighted["doc_id"], strict=True)})
    drawn = secrets.SystemRandom().sample(asked, min(count, len(asked)))
    chosen: dict[str, list[int]] = {}
    for task, number in sorted(drawn):
        chosen.setdefault(task, []).append(number)
    return chosen


def compare_rerun(
    records: pd.DataFrame, again: pd.DataFrame, chosen: Mapping[str, Sequence[int]], names: Mapping[str, str]
) -> Rerun:
    """The entry's answers against those of today. `names` are the tasks' in the second run, whose documents are the
    chosen ones in their order.
    """
    then = _by_question(records)
    different, compared, changed = [], 0, 0
    now = _by_question(again)
    for task, numbers in chosen.items():
        for place, number in enumerate(numbers):
            for condition in COMPARED:
                before, after = (task, number, str(condition)), (names[task], place, str(condition))
                if before not in then or after not in now:
                    continue
                old, new = then[before], now[after]
                compared += 1
                changed += old["score"] != new["score"]
                if old["response"] != new["response"]:
                    different.append((task, number, str(condition), str(old["response"]), str(new["response"])))
    if not compared:
        raise UserError("the second run answered none of the entry's questions")
    return Rerun(compared, tuple(different), int(changed))


def _by_question(records: pd.DataFrame) -> dict[tuple[str, int, str], Any]:
    rows = records[["task", "doc_id", "condition", "response", "score"]].to_dict("records")
    return {(str(row["task"]), int(row["doc_id"]), str(row["condition"])): row for row in rows}


def escape_probability(share: float, questions: int) -> float:
    """The probability that a sample holds none of the answers of which a share was changed."""
    return float((1 - share) ** questions)
