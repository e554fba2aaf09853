"""Reports of verification: JSON for programs, Markdown for a pull request with every foreign text escaped."""

import json
from collections.abc import Sequence

from sightscale.harness.pages import escape_markdown, show_value
from sightscale.leaderboards.entry import Entry
from sightscale.leaderboards.published import HEADINGS, read_published, row_of_entry, row_of_published
from sightscale.leaderboards.verification.issues import ERROR, NOT_CHECKED, WARNING
from sightscale.leaderboards.verification.verify import Verified
from sightscale.tasks.vocabulary import Condition

MOST_ISSUES = 40  # shown of one entry; a comment has room for 65,536 characters
LIMITS = (
    "Verification scores the submitted answers again and compares them with the data. "
    "It doesn't show that the answers came from the model named; running that model again does."
)


def write_json(verified: Sequence[Verified]) -> str:
    """All issues as JSON."""
    document = [
        {
            "entry": show_value(str(one.folder)),
            "name": one.entry.name if one.entry else None,
            "accepted": one.accepted,
            "issues": [issue.as_dict() for issue in one.issues],
        }
        for one in verified
    ]
    return json.dumps({"accepted": all(one.accepted for one in verified), "entries": document}, indent=2) + "\n"


def write_markdown(verified: Sequence[Verified], about: str = "") -> str:
    """What was found, and the entries in a table beside the published systems."""
    parts = ["## Leaderboard entries", *(escape_markdown(line) for line in about.splitlines())]
    if not verified:
        parts.append("No entry to verify.")
    for one in verified:
        name = escape_markdown(one.entry.name) if one.entry else "unreadable"
        parts.append(f"### {escape_markdown(one.folder.name)}: {'accepted' if one.accepted else '**refused**'}")
        parts.append(f"{name}. {_count(one)}.")
        parts.append(_issues(one))
        if one.entry:
            parts.append(_tasks(one.entry))
    entries = [one.entry for one in verified if one.entry]
    if entries:
        parts += ["### Beside the published systems", _table(entries), f"Per cent, sighted. {LIMITS}"]
    return "\n\n".join(part for part in parts if part) + "\n"


def _count(one: Verified) -> str:
    counts = [(sum(f.level == level for f in one.issues), level) for level in (ERROR, WARNING, NOT_CHECKED)]
    return ", ".join(f"{count} {level}{'s' if level != NOT_CHECKED and count != 1 else ''}" for count, level in counts)


def _issues(one: Verified) -> str:
    if not one.issues:
        return ""
    order = (ERROR, WARNING, NOT_CHECKED)
    issues = sorted(one.issues, key=lambda issue: order.index(issue.level))
    lines = ["| level | file | field | reason |", "|---|---|---|---|"]
    lines += [
        f"| {f.level} | {escape_markdown(f.file)} | {escape_markdown(f.field)} | {_long(f.reason)} |"
        for f in issues[:MOST_ISSUES]
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
        if score.condition == Condition.SIGHTED:
            blind = entry.score(score.task, "none")
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
