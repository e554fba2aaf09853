"""Plausibility: scores that no honest model can have, where the data know what can be had.

The mini suite knows of each question how likely the best answer without the picture is right. Over many questions a
blind score above that isn't luck: the answers, or the pictures, were seen. A blind score far below guessing isn't luck
either: wrong answers make looking seem to add more. What the oracle scores is no fault, and rare enough to be said.
"""

import re
from collections.abc import Iterator
from math import sqrt

import pandas as pd

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, Submission
from sightscale.leaderboards.verification.issues import Issue, error, warning
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, Condition, Outcome, Role

TRUTH = "truth"  # the perception module that hands on the data's own descriptions
NOTHING_SEEN = (*WITHOUT_PICTURE, Condition.BLACK, Condition.NOISE)
BEYOND = 5.0  # standard deviations above the ceiling: one honest task in three million
FEWEST = 30  # questions of a task
COPIED = 0.5  # share of descriptions that are the data's own; the shipped family's, trained on such, come to 0.03
SHORTEST, LONGEST = 20, 10_000  # letters of a true description that no other holds by chance; characters looked at
NAMED = re.compile(r"\b(?i:answer|option|choice)\b[^A-Za-z]{0,4}(?:(?:is|would be)[^A-Za-z]{1,4})?([A-Z])\b")
NAMING, MOSTLY = 0.1, 0.8  # share of descriptions that name the right letter, and of those that name any
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
    yield from _check_below(records)
    sighted = records[records["condition"] == Condition.SIGHTED]
    yield from _check_truth(submission, sighted)
    yield from _check_named(submission, sighted)
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


def _check_below(records: pd.DataFrame) -> Iterator[Issue]:
    """Blind answers that name an option and are right less often than guesses are."""
    named = records[records["condition"].isin(list(NOTHING_SEEN)) & (records["outcome"] == Outcome.ANSWERED)]
    for (task, condition), rows in named[named["chance"] > 0].groupby(["task", "condition"], sort=False):
        chance = rows["chance"].clip(0, 1)
        spread = sqrt(float((chance * (1 - chance)).sum())) / len(rows)
        if len(rows) >= FEWEST and rows["score"].mean() < chance.mean() - BEYOND * spread:
            yield warning(
                RECORDS,
                f"{show_value(str(task))}, {show_value(str(condition))}, score",
                f"{100 * rows['score'].mean():.1f} % right of the {len(rows):,} answers that name an option, and "
                f"guesses come to {100 * chance.mean():.1f} %: wrong answers may have been put there",
            )


def _check_truth(submission: Submission, sighted: pd.DataFrame) -> Iterator[Issue]:
    """Descriptions that are the data's own true ones, of a model that isn't said to hand those on."""
    part = submission.manifest.parts.get(Role.PERCEPTION)
    if part is None or part.name == TRUTH:
        return
    described = sighted[sighted["description"].notna() & sighted["truth_description"].notna()]
    texts = zip(described["description"], described["truth_description"], strict=True)
    copied = pd.Series([_holds(told, truth) for told, truth in texts], described.index, dtype=bool)
    if len(described) >= FEWEST and copied.mean() > COPIED:
        yield warning(
            RECORDS,
            "description",
            f"{100 * copied.mean():.1f} % of {len(described):,} descriptions hold the data's own true ones, word for "
            f"word, and {show_value(part.name)} isn't said to hand those on",
        )


def _check_named(submission: Submission, sighted: pd.DataFrame) -> Iterator[Issue]:
    """Descriptions that name the right option's letter: a perception module is never shown the options."""
    if Role.PERCEPTION not in submission.manifest.parts:
        return
    told = sighted[sighted["description"].notna() & sighted["target"].str.fullmatch("[A-Z]").fillna(False)]
    named = told["description"].map(lambda text: match[1] if (match := NAMED.search(text)) else None)
    right, lettered = int((named == told["target"]).sum()), int(named.notna().sum())
    if len(told) >= FEWEST and right > max(NAMING * len(told), MOSTLY * lettered):
        yield warning(
            RECORDS,
            "description",
            f"{right:,} of {len(told):,} descriptions name the right option by its letter, and no perception module is "
            "shown the options: the key may have been put there",
        )


def _holds(description: str, truth: str) -> bool:
    """Whether a description is the true one, or holds it among little else, however it is written."""
    told, true = ("".join(filter(str.isalnum, text[:LONGEST].casefold())) for text in (description, truth))
    return told == true or (len(true) >= SHORTEST and true in told)
