"""Claimed: an entry of claims alone, held against what claims can be held against.

No answer stands behind such an entry, so it is self-reported whatever is found. Numbers that are printed in a source
that this build holds are compared with it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import DECIMALS, ENTRY, Average, Entry, count_documents
from sightscale.leaderboards.published import PRINTED, find_published, read_source
from sightscale.leaderboards.verification.issues import Issue, bound_issues, error, not_checked, note
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.suites import list_averages

A_DAY = timedelta(days=1)  # more or less is another time zone
LACKS_RECORDS = "runs are named, and none of their records and manifests is here"
NOTHING_SCORED = "there are no answers here, so nothing was scored again"


def check_claimed(folder: Path, entry: Entry) -> list[Issue]:
    """The issues of an entry whose folder holds claims alone: what contradicts itself, and what its numbers rest on."""
    if not entry.claims_only:
        return [error(ENTRY, "runs", LACKS_RECORDS)]
    issues = [*_check_name(folder, entry), *check_future(entry), *_check_numbers(entry)]
    return bound_issues([*issues, _check_source(entry)])


def check_future(entry: Entry) -> Iterator[Issue]:
    """A date that is still to come."""
    claimed, now = date.fromisoformat(entry.date), datetime.now(UTC).date()
    if claimed > now + A_DAY:
        yield error(ENTRY, "date", f"{claimed} is in the future")


def _check_name(folder: Path, entry: Entry) -> Iterator[Issue]:
    name = folder.resolve().name
    if entry.id != name:
        yield error(ENTRY, "id", f"{entry.id} is not the folder's name {show_value(name)}")


def _check_numbers(entry: Entry) -> Iterator[Issue]:
    """Averages that their own tasks don't come to, and numbers of questions that a task doesn't have."""
    if entry.data.whole_public:
        for score in entry.scores:
            questions = count_documents(score.task, entry.data)
            if questions and score.n != questions:
                field = f"scores.{score.task}.{score.condition}.n"
                yield error(ENTRY, field, f"claimed {score.n:,}, the task has {questions:,}")
    elif entry.data.options != "circular":  # which asks a question several times
        yield from _check_counts(entry)
    rules = {rule.name: rule for rule in list_averages()}
    for average in entry.averages:
        field = f"averages.{average.name}.{average.condition}"
        if average.name not in rules:
            yield error(ENTRY, field, "sightscale knows no average of this name")
        elif average.rule != rules[average.name].words:
            reason = f"claimed {show_value(average.rule)!r}, it is {rules[average.name].words!r}"
            yield error(ENTRY, f"{field}.rule", reason)
        else:
            parts = [entry.score(task, average.condition) for task in rules[average.name].tasks]
            scores = [part.score for part in parts if part]
            if len(scores) == len(parts) and rules[average.name].kind is AverageKind.TASKS:
                yield from _compare(field, average, sum(scores) / len(scores), entry)


def _check_counts(entry: Entry) -> Iterator[Issue]:
    """More questions than there are: they would make a score's interval narrower than it can be."""
    for score in entry.scores:
        counts = (count_documents(score.task, entry.data), entry.data.limit)
        most = min((count for count in counts if count is not None), default=None)
        if most is not None and score.n > most:
            reason = f"claimed {score.n:,}, and there are {most:,}"
            yield error(ENTRY, f"scores.{score.task}.{score.condition}.n", reason)


def _compare(field: str, average: Average, mean: float, entry: Entry) -> Iterator[Issue]:
    slack = 10**-DECIMALS if entry.source is None else PRINTED  # printed numbers are rounded, each by itself
    if abs(average.score - mean) > slack:
        yield error(ENTRY, f"{field}.score", f"claimed {average.score:.{DECIMALS}f}, its tasks come to {mean:.6f}")


def _check_source(entry: Entry) -> Issue:
    if entry.source is None:
        return note(ENTRY, "records", f"{NOTHING_SCORED}: the numbers are the submitter's own")
    if entry.source != read_source():
        words = f"printed in {show_value(entry.source)}, which this build doesn't hold, so they weren't compared"
        return not_checked(ENTRY, "source", words)
    if find_published(entry) is None:
        return error(
            ENTRY, "source", f"its table has no row of this title with these sizes and numbers: {entry.source}"
        )
    return note(ENTRY, "source", f"the numbers are those printed there; {NOTHING_SCORED}")
