"""Reports of verification: JSON for programs, Markdown for a pull request with every foreign text escaped.

A table holds only what was asked the same questions: entries of the whole public data stand beside the published
systems, those of the mini suite and of the first questions in tables of their own.
"""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sightscale.harness.pages import escape_markdown, show_value
from sightscale.leaderboards.entry import Entry, name_data
from sightscale.leaderboards.published import HEADINGS, read_published, row_of_entry, row_of_published
from sightscale.leaderboards.verification.issues import Issue, State, count_in_words, sort_issues
from sightscale.tasks.vocabulary import Condition

if TYPE_CHECKING:
    from sightscale.leaderboards.verification.verify import Verified

MOST_ISSUES = 40  # shown of one entry; a comment has room for 65,536 characters
MOST_ROWS = 60  # of tasks and of entries in one table
LIMITS = (
    "Verification scores the submitted answers again and compares them with the data. "
    "It doesn't show that the answers came from the model named; running that model again does."
)


def write_json(verified: "Sequence[Verified]") -> str:
    """All issues as JSON."""
    entries = [
        {
            "entry": show_value(str(result.folder)),
            "name": result.entry.name if result.entry else None,
            "accepted": result.accepted,
            "state": result.state,
            "issues": [issue.as_dict() for issue in result.issues],
        }
        for result in verified
    ]
    return json.dumps({"accepted": all(result.accepted for result in verified), "entries": entries}, indent=2) + "\n"


def write_markdown(verified: "Sequence[Verified]", about: Iterable[str] = ()) -> str:
    """What changed, the issues of each entry, and the entries in tables of those asked the same questions."""
    parts = ["## Leaderboard entries"]
    lines = [f"- {_long(line)}" for line in about]
    parts += ["\n".join(lines)] if lines else []
    if not verified:
        parts.append("No entry to verify.")
    for result in verified:
        name = escape_markdown(result.entry.name) if result.entry else "unreadable"
        state = result.state if result.accepted else "**refused**"
        parts.append(f"### {escape_markdown(result.folder.name)}: {state}")
        parts.append(f"{name}. {count_in_words(result.issues)}. {_capital(_explain(result.state))}.")
        parts.append(_list_issues(result.issues))
        if result.entry:
            parts.append(_tasks(result.entry))
    parts += _tables([result for result in verified if result.entry])
    return "\n\n".join(part for part in parts if part) + "\n"


def _explain(state: State) -> str:
    return f"{state}: {state.in_words}"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


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
    lines = ["| task | n | sighted | no picture | reliance |", "|---|--:|--:|--:|--:|"]
    sighted = [score for score in entry.scores if score.condition == Condition.SIGHTED]
    for score in sighted[:MOST_ROWS]:
        blind = entry.score(score.task, Condition.NONE)
        rest = f"{100 * blind.score:.1f} | {100 * (score.score - blind.score):+.1f}" if blind else "– | –"
        lines.append(f"| {escape_markdown(score.task)} | {score.n:,} | {100 * score.score:.1f} | {rest} |")
    if len(sighted) > MOST_ROWS:
        lines.append(f"| and {len(sighted) - MOST_ROWS:,} more | | | | |")
    return "\n".join(lines)


def _tables(verified: "Sequence[Verified]") -> list[str]:
    """A table for each set of questions, the public data's with the published systems."""
    groups: dict[str, list[Entry]] = {}
    public = {}
    for result in verified:
        if result.entry:
            name = f"{name_data(result.entry.data)} ({result.entry.data.revision})"
            groups.setdefault(name, []).append(result.entry)
            # Beside printed numbers stands only what nothing refuses; a refused entry's data may be any.
            public[name] = result.entry.data.whole_public
    parts = []
    for name, entries in groups.items():
        titles = "Beside the published systems" if public[name] else f"On {escape_markdown(name)}"
        about = f"Per cent, sighted. {LIMITS}"
        if not public[name]:
            about += " The published systems answered the public data, so they don't stand here."
        parts += [f"### {titles}", _table(entries, public[name]), about]
    return parts


def _table(entries: Sequence[Entry], published: bool) -> str:
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|" + "--:|" * (len(HEADINGS) - 1)]
    rows = [(row_of_entry(entry), True) for entry in entries[:MOST_ROWS]]
    rows += [(row_of_published(row), False) for row in read_published()] if published else []
    for row, ours in rows:
        system, perception, reasoning, visual_data, *scores = row.cells()
        system = f"**{escape_markdown(system)}**" if ours else escape_markdown(system)
        lines.append(f"| {' | '.join([system, perception, reasoning, escape_markdown(visual_data), *scores])} |")
    return "\n".join(lines)
