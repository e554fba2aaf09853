"""Blindness: blind rows were asked without the picture, and sighted rows with it, as far as their traces tell."""

from collections.abc import Iterator

import pandas as pd

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import RECORDS, Submission
from sightscale.leaderboards.verification.issues import Issue, error, not_checked, warning
from sightscale.tasks.vocabulary import WITHOUT_PICTURE, Condition, Kind, Outcome

NEVER_ITSELF = (
    Condition.NOISE,
    Condition.MISMATCHED,
)  # stand-ins that can't be the picture itself; a black picture may be
MORE_FAILED, MORE_SILENT = 0.01, 0.2  # shares of answers beyond the sighted ones' that are said
TRACE = ("response", "thinking", "description", "output_tokens", "seconds")


def check_blindness(submission: Submission) -> Iterator[Issue]:
    """Rows whose traces contradict the condition that they are said to be under."""
    yield from _check_silence(submission.records)
    for task, rows in submission.records.groupby("task", sort=False):
        answered = rows[rows["outcome"] != Outcome.FAILED]
        parts = {str(name): part.set_index("doc_id") for name, part in answered.groupby("condition", sort=False)}
        for condition, part in parts.items():
            yield from _check_shown(f"{show_value(str(task))}, {show_value(condition)}", condition, part)
        if Condition.SIGHTED in parts:
            for condition in parts.keys() - {Condition.SIGHTED}:
                where = f"{show_value(str(task))}, {show_value(condition)}"
                yield from _check_copies(where, parts[Condition.SIGHTED], parts[condition])
                if condition == Condition.NONE:
                    yield from _check_tokens(where, parts[Condition.SIGHTED], parts[condition])


def _check_silence(records: pd.DataFrame) -> Iterator[Issue]:
    """Blind answers that failed or named no option where sighted ones did: they count as wrong, as if not looking did
    it."""
    outcomes, conditions = records["outcome"], records["condition"]
    lost = {"failed": outcomes == Outcome.FAILED, "named no option": outcomes != Outcome.ANSWERED}
    more = {"failed": MORE_FAILED, "named no option": MORE_SILENT}
    shares = pd.DataFrame(lost).groupby(conditions, sort=False).mean()
    if Condition.SIGHTED not in shares.index:
        return
    sighted = shares.loc[Condition.SIGHTED]
    for condition, blind in shares.drop(Condition.SIGHTED).iterrows():
        for words in lost:
            if blind[words] > sighted[words] + more[words]:
                yield warning(
                    RECORDS,
                    f"{show_value(str(condition))}, outcome",
                    f"{100 * blind[words]:.1f} % of these answers {words}, and {100 * sighted[words]:.1f} % of the "
                    "sighted ones: they count as wrong, so what looking adds holds them too",
                )


def _check_shown(where: str, condition: str, rows: pd.DataFrame) -> Iterator[Issue]:
    """What was shown, against the document's own picture."""
    unknown = int(rows["shown_hash"].isna().sum())
    if unknown:
        yield not_checked(RECORDS, f"{where}, shown_hash", f"{unknown:,} rows don't say what the model was shown")
        rows = rows[rows["shown_hash"].notna()]
    asked, shown = rows["image_hash"].fillna(""), rows["shown_hash"]
    if condition in (Condition.SIGHTED, Condition.NO_QUESTION):
        wrong, reason = asked != shown, "were not shown the question's own picture"
    elif condition in WITHOUT_PICTURE:
        wrong, reason = shown != "", "were shown a picture"
    elif condition in NEVER_ITSELF:
        wrong, reason = (shown == asked) & (asked != ""), "were shown the question's own picture"
    elif condition not in list(Condition):
        # A mild dose may leave a picture as it is; what each leaves of it, the check of the data knows.
        wrong, reason = pd.Series(False, asked.index), ""
    else:
        wrong, reason = (shown == asked) & (asked != ""), "were shown the question's own picture"
        if wrong.mean() < 0.5:  # pictures of one colour are their own stand-in
            wrong &= False
    if condition not in (Condition.SIGHTED, *WITHOUT_PICTURE):
        empty = (shown == "") & (asked != "")
        if empty.any():
            yield error(RECORDS, f"{where}, shown_hash", f"{int(empty.sum()):,} rows were shown no picture at all")
    if wrong.any():
        first = wrong.index[wrong][0]
        yield error(
            RECORDS, f"{where}, shown_hash", f"{int(wrong.sum()):,} rows {reason}, the first of document {first}"
        )


def _check_copies(where: str, sighted: pd.DataFrame, blind: pd.DataFrame) -> Iterator[Issue]:
    common = sighted.index.intersection(blind.index)
    common = common[~common.duplicated()]
    if len(common) < 2 or not (sighted.index.is_unique and blind.index.is_unique):
        return
    seen, unseen = (part.loc[common, list(TRACE)] for part in (sighted, blind))
    timed = (pd.to_numeric(seen["seconds"]) > 0).any()
    if timed and seen.equals(unseen):
        yield error(RECORDS, where, "answers, tokens and seconds are the sighted rows' own to the digit: a copy")
    elif seen["response"].equals(unseen["response"]):
        yield warning(
            RECORDS,
            where,
            "every answer is the sighted one to the letter: the picture changes nothing, or rows are copied",
        )


def _check_tokens(where: str, sighted: pd.DataFrame, blind: pd.DataFrame) -> Iterator[Issue]:
    """A prompt with a picture takes more tokens than the same one without."""
    decoupled = (sighted["kind"] == Kind.DECOUPLED).any()
    column = "perception_input_tokens" if decoupled else "input_tokens"
    both = sighted[[column, "image_hash"]].join(blind[[column]].add_suffix("_blind"), how="inner").dropna()
    both = both[(both[column] > 0) & (both[f"{column}_blind"] > 0)]
    if both.empty:
        yield not_checked(RECORDS, f"{where}, {column}", "no counts of input tokens, which would tell a picture's")
        return
    wrong = both[column] <= both[f"{column}_blind"]
    if wrong.any():
        yield error(
            RECORDS,
            f"{where}, {column}",
            f"{int(wrong.sum()):,} sighted prompts took no more tokens than the same prompts without the picture, "
            f"the first of document {wrong.index[wrong][0]}",
        )
