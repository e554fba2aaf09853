"""Plausibility: scores that no honest model can have, where the data know what can be had.

The mini suite knows of each question how likely the best answer without the picture is right. Over many questions a
blind score above that isn't luck: the answers, or the pictures, were seen. What the oracle scores is no fault, and
rare enough to be said.
"""

from collections.abc import Iterator
from math import sqrt

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, Submission
from sightscale.leaderboards.verification.issues import Issue, error, warning
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, Condition

NOTHING_SEEN = (*WITHOUT_PICTURE, Condition.BLACK, Condition.NOISE)
BEYOND = 5.0  # standard deviations above the ceiling: one honest task in three million
FEWEST = 30  # questions of a task
ALL_RIGHT = 100  # questions of a task from which nothing but right answers is odd
ORACLE, MANY = 0.995, 300  # the share of right answers, and of how many, that only the key itself is known to have


def check_plausibility(submission: Submission) -> Iterator[Issue]:
    """Blind scores above what can be known without the picture, and sighted ones that are the oracle's own."""
    records = submission.records
    blind = records[records["condition"].isin(list(NOTHING_SEEN)) & records["blind_probability"].notna()]
    for (task, condition), rows in blind.groupby(["task", "condition"], sort=False):
        known = rows["blind_probability"].clip(0, 1)
        spread = sqrt(float((known * (1 - known)).sum())) / len(rows)
        most, score = float(known.mean()), float(rows["score"].mean())
        if len(rows) >= FEWEST and score > most + BEYOND * max(spread, 0.5 / len(rows)):
            yield error(
                RECORDS,
                f"{show_value(str(task))}, {show_value(str(condition))}, score",
                f"{100 * score:.1f} % right without the picture, and the best blind answers come to {100 * most:.1f} %",
            )
    sighted = records[records["condition"] == Condition.SIGHTED]
    mean = float(sighted["score"].mean()) if len(sighted) else 0.0
    if len(sighted) >= MANY and mean >= ORACLE:
        yield warning(
            RECORDS,
            "score",
            f"{100 * mean:.1f} % of {len(sighted):,} answers with the picture are right, as those of the key itself "
            "are",
        )
        return
    for task, rows in sighted.groupby("task", sort=False):
        if len(rows) >= ALL_RIGHT and (rows["score"] == 1).all():
            yield warning(
                RECORDS, f"{show_value(str(task))}, score", "every answer with the picture is right, as the key's are"
            )
