"""Reports of verification: JSON for programs, Markdown for a pull request with every foreign text escaped."""

import json
from collections.abc import Sequence

from sightscale.harness.pages import escape_markdown, show_value
from sightscale.leaderboards.entry import Entry
from sightscale.leaderboards.published import HEADINGS, read_published, row_of_entry, row_of_published
from sightscale.leaderboards.verification.issues import Issue, Level, count_levels, sort_issues
from sightscale.leaderboards.verification.verify import Verified
from sightscale.tasks.vocabulary import Condition

MOST_ISSUES = 40  # shown of one entry; a comment has room for 65,536 characters
LIMITS = (
    "Verification scores the submitted answers again and compares them with the data. "
    "It doesn't show that the answers came from the model named; running that model again does."
)


def write_json(verified: Sequence[Verified]) -> str:
    """All issues as JSON."""
    entries = [
        {
            "entry": show_value(str(result.folder)),
            "name": result.entry.name if result.entry else None,
            "accepted": result.accepted,
            "issues": [issue.as_dict() for issue in result.issues],
        }
        for result in verified
    ]
    return json.dumps({"accepted": all(result.accepted for result in verified), "entries": entries}, indent=2) + "\n"


def write_markdown(verified: Sequence[Verified], about: str = "") -> str:
    """The issues of each entry, and the entries in a table beside the published systems."""
    parts = ["## Leaderboard entries", *(escape_markdown(line) for line in about.splitlines())]
    if not verified:
        parts.append("No entry to verify.")
    for result in verified:
        name = escape_markdown(result.entry.name) if result.entry else "unreadable"
        parts.append(f"### {escape_markdown(result.folder.name)}: {'accepted' if result.accepted else '**refused**'}")
        parts.append(f"{name}. {_count(result.issues)}.")
        parts.append(_list_issues(result.issues))
        if result.entry:
            parts.append(_tasks(result.entry))
    entries = [result.entry for result in verified if result.entry]
    if entries:
        parts += ["### Beside the published systems", _table(entries), f"Per cent, sighted. {LIMITS}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _count(issues: Sequence[Issue]) -> str:
    return ", ".join(
        f"{count} {level}{'s' if level is not Level.NOT_CHECKED and count != 1 else ''}"
        for level, count in count_levels(issues).items()
    )


def _list_issues(issues: Sequence[Issue]) -> str:
    if not issues:
        return ""
    lines = ["| level | file | field | reason |", "|---|---|---|---|"]
    lines += [
        f"| {issue.level} | {escape_markdown(issue.file)} | {escape_markdown(issue.field)} | {_long(issue.reason)} |"
        for issue in sort_issues(issues)[:MOST_ISSUES]
    ]
    if len(issues) > MOST_ISSUES:
        lines.append(f"| | | | and {len(issues) - MOST_ISSUES} more |")
    return "\n".join(lines)


def _long(reason: str) -> str:
    """A reason of several foreign values, each bounded already."""
    return "".join(escape_markdown(reason[start : start + 100]) for start in range(0, min(len(reason), 600), 100))


def _tasks(entry: Entry) -> str:
    """Each task's score with what is left of it without the picture."""
    lines = ["| task | n | sighted | blind: none | reliance |", "|---|--:|--:|--:|--:|"]
    for score in entry.scores:
        if score.condition is Condition.SIGHTED:
            blind = entry.score(score.task, Condition.NONE)
            rest = f"{100 * blind.score:.1f} | {100 * (score.score - blind.score):+.1f}" if blind else "– | –"
            lines.append(f"| {escape_markdown(score.task)} | {score.n:,} | {100 * score.score:.1f} | {rest} |")
    return "\n".join(lines)


def _table(entries: Sequence[Entry]) -> str:
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|" + "--:|" * (len(HEADINGS) - 1)]
    rows = [(row_of_entry(entry), True) for entry in entries]
    rows += [(row_of_published(row), False) for row in read_published()]
    for row, ours in rows:
        system, perception, reasoning, visual_data, *scores = row.cells()
        system = f"**{escape_markdown(system)}**" if ours else escape_markdown(system)
        lines.append(f"| {' | '.join([system, perception, reasoning, escape_markdown(visual_data), *scores])} |")
    return "\n".join(lines)
