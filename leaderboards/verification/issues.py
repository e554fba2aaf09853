"""Issues: what verification has to say of an entry, each with its level, file, field and reason."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from sightscale.harness.pages import show_value

MOST = 50  # issues that are told of one entry


class Level(StrEnum):
    """How much an issue weighs, the gravest first."""

    ERROR = "error"  # it refuses the entry
    NOT_CHECKED = "not checked"  # something that a score rests on was not looked at: the entry is partly checked
    WARNING = "warning"  # a maintainer should look at it
    NOTE = "note"  # what no file can show, such as whose weights these are


class State(StrEnum):
    """How far an entry was looked at; only what was checked holds a rank."""

    CHECKED = "checked"
    PARTLY = "partly checked"
    SELF_REPORTED = "self-reported"

    @property
    def in_words(self) -> str:
        """What it means, for somebody who has read nothing else."""
        return _STATES[self]


_STATES = {
    State.CHECKED: "every answer to every question was scored again, the questions and pictures are the data's own, "
    "and the blind answers bear no trace of a picture",
    State.PARTLY: "no error was found, and something that a score rests on couldn't be looked at",
    State.SELF_REPORTED: "the numbers are the submitter's own",
}


@dataclass(frozen=True)
class Issue:
    """One thing that a reader of the entry must know."""

    level: Level
    file: str
    field: str
    reason: str

    def line(self) -> str:
        """The issue on one line, safe on a terminal."""
        return f"{self.level}: {self.file}: {show_value(self.field)}: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """The issue's fields by their names, as JSON takes them."""
        return asdict(self)


def error(file: str, field: str, reason: str) -> Issue:
    """What refuses the entry."""
    return Issue(Level.ERROR, file, field, reason)


def warning(file: str, field: str, reason: str) -> Issue:
    """What a maintainer should look at."""
    return Issue(Level.WARNING, file, field, reason)


def not_checked(file: str, field: str, reason: str) -> Issue:
    """What couldn't be looked at, so that the entry isn't wholly checked."""
    return Issue(Level.NOT_CHECKED, file, field, reason)


def note(file: str, field: str, reason: str) -> Issue:
    """What no check of files can show."""
    return Issue(Level.NOTE, file, field, reason)


def find_state(issues: Iterable[Issue]) -> State:
    """What the issues of an entry come to."""
    levels = {issue.level for issue in issues}
    if Level.ERROR in levels:
        return State.SELF_REPORTED
    return State.PARTLY if Level.NOT_CHECKED in levels else State.CHECKED


def sort_issues(issues: Iterable[Issue]) -> list[Issue]:
    """The issues, the gravest first, else in their order."""
    order = list(Level)
    return sorted(issues, key=lambda issue: order.index(issue.level))


def count_levels(issues: Iterable[Issue]) -> dict[Level, int]:
    """How many issues there are of each level, the gravest first."""
    levels = [issue.level for issue in issues]
    return {level: levels.count(level) for level in Level}


def count_in_words(issues: Iterable[Issue]) -> str:
    """How many issues there are of each level; notes are named where there are some."""
    counts = count_levels(issues)
    if not counts[Level.NOTE]:
        counts.pop(Level.NOTE)
    return ", ".join(
        f"{count} {level}{'' if level is Level.NOT_CHECKED or count == 1 else 's'}" for level, count in counts.items()
    )


def bound_issues(issues: Iterable[Issue]) -> list[Issue]:
    """At most `MOST` issues, the gravest first; the last one counts those that are left out."""
    ordered = sort_issues(issues)
    if len(ordered) <= MOST:
        return ordered
    rest = ordered[MOST - 1 :]
    counts = ", ".join(f"{count:,} {level}" for level, count in count_levels(rest).items() if count)
    return [*ordered[: MOST - 1], Issue(rest[0].level, "further issues", "", f"{len(rest):,} more: {counts}")]


def merge_alike(issues: Iterable[Issue]) -> list[Issue]:
    """The issues, those that differ in the field alone as one; errors stay as they are."""
    alike: dict[Issue, list[Issue]] = {}
    for issue in issues:
        alike.setdefault(issue if issue.level is Level.ERROR else replace(issue, field=""), []).append(issue)
    return [
        first if not others else replace(first, field=f"{first.field}, and {len(others)} more")
        for first, *others in alike.values()
    ]
