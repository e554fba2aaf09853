"""Re-scoring: each raw answer scored again by the scorer of today, and held against its row."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.evaluation import LENGTH, check_options
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, Submission, known_tasks
from sightscale.leaderboards.verification.issues import Issue, error, not_checked, note
from sightscale.tasks import chance_level, score_response
from sightscale.tasks.boxes import AUTO, ground
from sightscale.tasks.vocabulary import AnswerFormat, Condition, Outcome

COLUMNS = ("task", "condition", "doc_id", "answer_format", "options", "target", "response")
CLOSE = 1e-9
# Sizes of pictures that say something, by how much a shape may be bent, and the share of sizes that may stray.
FEWEST_SIZES, BENT, STRAYING = 10, 1.6, 0.1


def check_scores(submission: Submission) -> Iterator[Issue]:
    """Rows whose prediction, outcome, score or chance level isn't what their raw answer is worth."""
    for (task, condition), rows in submission.records.groupby(["task", "condition"], sort=False):
        where = f"{show_value(str(task))}, {show_value(str(condition))}"
        scorable = rows[rows["answer_format"].notna()]
        if len(scorable) < len(rows):
            left = len(rows) - len(scorable)
            # A task of ours is scored again from its data, which says so itself where they can't be had.
            say = note if str(task) in known_tasks() else not_checked
            yield say(
                RECORDS,
                f"{where}, score",
                f"{left:,} rows can't be scored again from the row alone: the task has a scorer of its own",
            )
            given = rows["answer_format"].isna() & rows["chance"].notna()
            if given.any():
                yield error(RECORDS, f"{where}, chance", f"{int(given.sum()):,} rows have one, and no format it is of")
        card = known_tasks().get(str(task))
        wanted = card.answer_format if card else None
        if wanted and len(scorable) < len(rows):
            yield error(RECORDS, f"{where}, answer_format", f"{left:,} rows have none; this task's is {wanted}")
        odd = [kind for kind in scorable["answer_format"].unique() if wanted and kind.partition(":")[0] != wanted]
        if odd:
            yield error(RECORDS, f"{where}, answer_format", f"is {show_value(odd[0])}; this task's is {wanted}")
        formats = leave_out_size(scorable["answer_format"])
        if formats.nunique() > 1:
            first, second = formats.unique()[:2]
            yield error(
                RECORDS,
                f"{where}, answer_format",
                f"is {show_value(first)} in one row and {show_value(second)} in another",
            )
        if condition != Condition.MISMATCHED:  # the picture shown is another question's there
            yield from _check_sizes(where, scorable)
        yield from _check_rows(where, scorable)


def leave_out_size(formats: pd.Series) -> pd.Series:
    """Answer formats with their box convention, `box:pixels` for `box:pixels:640x480`.

    Pixels are of the picture that the model was shown: its size is another for each question, and under conditions that
    change it.
    """
    return formats.map(lambda text: ":".join(text.split(":")[:2]), na_action="ignore")  # open tasks have none at all


def _check_sizes(where: str, rows: pd.DataFrame) -> Iterator[Issue]:
    """Sizes that a picture was shown at: a model's processor makes one size of pictures of one size.

    Who may choose it answer by answer makes any box the right one.
    """
    shown = rows["answer_format"].str.split(":").str[2]
    several = shown.groupby(rows["target"].map(_read_size)).nunique() > 1
    if several.any():
        yield error(
            RECORDS,
            f"{where}, answer_format",
            f"pictures of one size, {show_value(several.index[several][0])}, are said to be shown at several sizes",
        )
    if not _follow_a_rule(rows):
        yield not_checked(
            RECORDS,
            f"{where}, answer_format",
            "the sizes that pictures are said to be shown at follow no rule, neither one shape nor one size: they may "
            "have been chosen so that boxes fit",
        )


def _follow_a_rule(rows: pd.DataFrame) -> bool:
    """Whether pictures are shown as one processor would: alike in shape, and larger ones not smaller.

    One processor bounds a picture's area, another its longer or its shorter side; each rounds a little.
    """
    pairs = {f"{_read_size(target)} {kind}" for target, kind in zip(rows["target"], rows["answer_format"], strict=True)}
    read = [re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4}) box:[a-z]+:(\d{1,5})x(\d{1,5})", pair) for pair in pairs]
    sizes = np.array([[int(side) for side in match.groups()] for match in read if match], float)
    if len(sizes) < FEWEST_SIZES or len(np.unique(sizes[:, 2:], axis=0)) == 1:
        return True
    own, shown = sizes[:, :2], sizes[:, 2:]
    bent = np.abs(np.log(shown[:, 0] * own[:, 1] / (shown[:, 1] * own[:, 0])))
    if (bent > np.log(BENT)).mean() > STRAYING:
        return False
    strays = []
    for measure, slack in ((np.prod, 2.0), (np.max, 1.4), (np.min, 1.4)):
        order = np.argsort(measure(own, axis=1), kind="stable")
        ahead = measure(shown, axis=1)[order]
        strays.append((ahead * slack < np.maximum.accumulate(ahead)).mean())
    return bool(min(strays) <= STRAYING)


def _read_size(target: Any) -> str:
    """The size of the question's picture in a box's target; what is none is an issue of its row."""
    try:
        return "x".join(str(side) for side in json.loads(target)["size"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def _check_rows(where: str, rows: pd.DataFrame) -> Iterator[Issue]:
    wrong: dict[str, list[str]] = {}
    for row in rows.astype(object).itertuples():
        for name, reason in compare_row(row):
            wrong.setdefault(name, []).append(f"document {row.doc_id}: {reason}")
    for name, reasons in wrong.items():
        yield error(RECORDS, f"{where}, {name}", f"{len(reasons):,} rows differ when scored again; {reasons[0]}")


def compare_row(row: Any) -> Iterator[tuple[str, str]]:
    """The columns of one row that its raw answer doesn't bear out, each with its value and the right one."""
    options = check_options(row.options)
    if options is None:
        yield "options", "they are no object of letters and texts"
        return
    failed = row.outcome == Outcome.FAILED
    if failed != isinstance(row.error, str):
        yield "error", "a failed row, and no other, says why it failed"
    try:
        truncated = row.finish_reason == LENGTH
        scored = score_response(
            row.answer_format, str(row.response), str(row.target), options, truncated=truncated and not failed
        )
        chance = chance_level(row.answer_format, options)
    except (ValueError, ArithmeticError) as problem:  # an unknown format, no target of it, or endless numbers in it
        yield "target", f"can't be scored: {show_value(str(problem))}"
        return
    stated = {"score": row.score, "outcome": row.outcome, "prediction": row.prediction, "chance": row.chance}
    right: dict[str, Any] = {"score": scored.score, "outcome": scored.outcome, "prediction": scored.prediction}
    if failed:
        right = {"score": 0.0, "outcome": str(Outcome.FAILED), "prediction": None}
        if str(row.response).strip():
            yield "response", "a failed row has none"
    kind, _, convention = row.answer_format.partition(":")
    if not failed:
        stated["iou"], right["iou"] = row.iou, None
        if kind == AnswerFormat.BOX:
            right["iou"] = 0.0 if truncated else ground(str(row.response), str(row.target), convention or AUTO)[1]
    answer = f"from the answer {show_value(str(row.response))!r}"
    for name, value in {**right, "chance": chance}.items():
        if not same(stated[name], value):
            yield name, f"{show_value(stated[name])} in the row, {show_value(value)} {answer}"


def same(value: Any, right: Any) -> bool:
    """Whether a column's value is the right one; missing values are alike, NaN and infinity are no numbers."""
    if right is None:
        return value is None or value != value
    if isinstance(right, float):
        return isinstance(value, float) and math.isfinite(value) and abs(value - right) <= CLOSE
    return bool(value == right)
