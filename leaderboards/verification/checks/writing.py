"""Writing: answers as one model writes them, whatever they are worth.

A tokenizer turns one text into the same tokens wherever it stands, and that of a checkpoint that comes with sightscale
is at hand; a model writes right answers as it writes wrong ones.
"""

import re
from collections.abc import Iterator
from math import lgamma, log

import pandas as pd

from sightscale.harness.evaluation import count_written, describe_shipped, parse_options
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, Submission
from sightscale.leaderboards.verification.issues import Issue, not_checked, warning
from sightscale.tasks.vocabulary import AnswerFormat, Condition, Outcome, Role

# Which part writes which texts, and where they are counted.
WRITTEN = {
    Role.MODEL: ("output_tokens", ("thinking", "response")),
    Role.REASONING: ("output_tokens", ("thinking", "response")),
    Role.PERCEPTION: ("perception_output_tokens", ("description",)),
}
FEWEST = 20  # rows that say something
SLACK = 2  # tokens by which one text may differ: an end mark, and what was stripped
STRAYING = 0.05  # share of rows that may stray: tokens that show nothing, texts that were cut
# Beyond a text's own tokens a row counts its end and the marks of thinking, always the same few.
MOST_MARKS, ROOM = 64, 12
UNLIKELY = log(1e-9)  # chance that right answers alone look like this


def check_writing(submission: Submission) -> Iterator[Issue]:
    """Token counts and forms of answers that one model can't have written."""
    answered = submission.records[submission.records["outcome"] != Outcome.FAILED]
    roles = [role for role in WRITTEN if role in submission.manifest.parts]
    for role in roles:
        column, texts = WRITTEN[role]
        rows = answered[answered[column].notna()]
        if not rows[column].any():
            continue  # they count nothing, which is said elsewhere
        written = pd.Series("", rows.index, dtype=object)
        for name in texts:
            written = written + rows[name].fillna("")
        yield from _check_same(column, written, rows)
        yield from _check_shipped(submission, role, column, written, rows)
    for task, rows in answered[answered["condition"] == Condition.SIGHTED].groupby("task", sort=False):
        yield from _check_forms(str(task), rows)


def _check_same(column: str, written: pd.Series, rows: pd.DataFrame) -> Iterator[Issue]:
    """One text, one number of tokens."""
    counts = rows[column].astype(float)
    groups = counts.groupby(written, sort=False)
    repeated = groups.transform("size") > 1
    strays = repeated & ((counts - groups.transform("median")).abs() > SLACK)
    if repeated.sum() >= FEWEST and strays.sum() > STRAYING * repeated.sum():
        first = strays.index[strays][0]
        same = counts[written == written[first]]
        yield not_checked(
            RECORDS,
            column,
            f"{int(strays.sum()):,} rows count other tokens than rows of the same text do, such as "
            f"{show_value(written[first])}: {same.min():,.0f} and {same.max():,.0f}; what was written isn't all here, "
            "or it was changed",
        )


def _check_shipped(
    submission: Submission, role: Role, column: str, written: pd.Series, rows: pd.DataFrame
) -> Iterator[Issue]:
    """Texts of a checkpoint that comes with sightscale, written anew by its own tokenizer."""
    name = submission.manifest.parts[role].name
    shipped = describe_shipped(name)
    if shipped is None or f"{name}@{shipped.digest}" not in submission.manifest.identity:
        return
    counted = count_written(name, list(written))
    if counted is None:
        return
    tokens = pd.Series(counted, rows.index, dtype=float)
    marks = rows[column].astype(float) - tokens
    if len(marks) < FEWEST:
        return
    usual = float(marks.median())
    straying = (marks - usual).abs() > (0.2 * tokens).clip(lower=ROOM)
    if not 0 <= usual <= MOST_MARKS or straying.sum() > STRAYING * len(marks):
        yield not_checked(
            RECORDS,
            column,
            f"{int(straying.sum()):,} rows count other tokens than the tokenizer of {name} does for their texts; "
            f"the usual difference is {usual:,.0f}",
        )


def _check_forms(task: str, rows: pd.DataFrame) -> Iterator[Issue]:
    """A way of answering that occurs with right answers alone, where chance can't explain it."""
    chosen = rows[rows["answer_format"].fillna("").str.partition(":")[0] == AnswerFormat.CHOICE]
    right, known = chosen["score"] == 1, len(chosen)
    if known < FEWEST:
        return
    forms = pd.Series(
        [_form(str(text), options) for text, options in zip(chosen["response"], chosen["options"], strict=True)],
        chosen.index,
    )
    for form, alike in right.groupby(forms, sort=False):
        count = len(alike)
        if alike.all() and count < known and _log_chance(count, int(right.sum()), known) < UNLIKELY:
            yield warning(
                RECORDS,
                f"{show_value(task)}, sighted, response",
                f"all {count:,} answers written as {show_value(form)} are right, and {int((~right).sum()):,} written "
                "otherwise are wrong: right answers may have been put there",
            )
            return


def _form(response: str, options: object) -> str:
    """How an answer is written: the option's letter as #, its text as =, anything longer by its length alone."""
    text = response.strip()[:200]
    for option in sorted(parse_options(options).values(), key=len, reverse=True):
        if option and option in text:
            text = text.replace(option, "=", 1)
            break
    text = re.sub(r"(?<!\w)[A-Z](?!\w)", "#", text)
    return text if len(text) <= 40 else f"about {10 * round(len(response) / 10)} characters"


def _log_chance(count: int, right: int, known: int) -> float:
    """Log of the chance that `count` answers drawn among all are all right."""
    return lgamma(right + 1) - lgamma(right - count + 1) - lgamma(known + 1) + lgamma(known - count + 1)
