"""Pages: what each page of a leaderboard holds, rendered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from sightscale.harness.pages import Figure, content_policy, read_asset, render_template, show_parameters, show_text
from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import KINDS, known_tasks, name_data
from sightscale.leaderboards.published import read_published
from sightscale.leaderboards.site.differences import write_differences
from sightscale.leaderboards.site.feeds import write_citation
from sightscale.leaderboards.site.gather import Gathered
from sightscale.leaderboards.site.listed import PUBLISHED, Listed
from sightscale.leaderboards.site.plots import PUBLISHED as PUBLISHED_SERIES, Point, draw_front
from sightscale.leaderboards.site.tables import (
    AMOUNTS,
    BASIS,
    SIZES,
    Standings,
    count_entries,
    count_states,
    entry_tables,
    make_standings,
    name_standings,
    published_facts,
    published_table,
    show_rows,
    write_rows,
)
from sightscale.leaderboards.verification import LIMITS, MOST_ISSUES, State, sort_issues
from sightscale.tasks.vocabulary import Condition, DataOrigin

WEB = Path(__file__).parent / "web"
MOST_GROUPS, MOST_PLOTTED = 3, 2  # groups of entries that are plotted, and scores of each
PUBLISHED_IN_WORDS = "the numbers are printed in a publication, and compared with it; nobody measured them here"
PUBLISHED_NOTE = "Hollow marks are the study's printed rows, by the sizes of their language models alone."


@dataclass(frozen=True)
class Board:
    """What all pages share: the leaderboard's title, its entries by the questions they were asked, and the tasks."""

    title: str
    gathered: Gathered
    groups: Mapping[str, tuple[Listed, ...]]
    tasks: tuple[str, ...]
    rank_all: bool = False

    @property
    def entries(self) -> tuple[Listed, ...]:
        return self.gathered.entries


def make_board(title: str, gathered: Gathered, rank_all: bool = False) -> Board:
    """The board of entries that were read. Only those asked the same questions share a table, the largest first."""
    groups: dict[tuple[Any, ...], list[Listed]] = {}
    for listed in gathered.entries:
        if listed.standing == PUBLISHED:
            continue  # it stands in the published table
        data = listed.entry.data
        groups.setdefault((data.source, data.limit, data.options, data.revision), []).append(listed)
    # Whole public data first, then what is asked of most entries.
    order = sorted(groups.items(), key=lambda pair: (pair[0][:3] != (DataOrigin.HUB, None, ""), -len(pair[1])))
    words = Counter(name_data(group[0].entry.data) for _, group in order)
    named = {
        name + (f", revision {group[0].entry.data.revision}" if words[name] > 1 else ""): tuple(group)
        for _, group in order
        for name in [name_data(group[0].entry.data)]
    }
    claimed = {
        name for listed in gathered.entries for name, condition in listed.scores if condition == Condition.SIGHTED
    }
    return Board(title, gathered, named, tuple(sorted(claimed & set(known_tasks()))), rank_all)


def render_index(board: Board) -> str:
    """The table of all entries, plots, the published systems, feeds and what to cite."""
    return _render(
        "index.html.jinja",
        board,
        "",
        {
            "sections": [
                ("standings", "Standings"),
                ("plots", "Plots"),
                ("published", "Published"),
                ("about", "About"),
            ],
            "groups": [
                (f"group-{number}", f"Measured on {name}", _stand(number, group, board.rank_all))
                for number, (name, group) in enumerate(board.groups.items())
            ],
            "published": published_table(board.entries),
            "figures": [
                figure
                for number, (name, group) in enumerate([*board.groups.items()][:MOST_GROUPS])
                for figure in _figures(number, name, group, board.rank_all)
            ],
            "filters": _FILTERS,
            "counts": count_states(board.entries),
            "states": [*((str(state), state.in_words) for state in State), (PUBLISHED, PUBLISHED_IN_WORDS)],
            "left_out": [show_text(line, 300) for line in board.gathered.left_out[:MOST_ISSUES]],
            "citation": write_citation(),
            "limits": LIMITS,
            "tasks": board.tasks,
        },
    )


def render_entry(board: Board, listed: Listed, has_report: bool) -> str:
    """One entry: its facts, scores, and its issues."""
    return _render(
        "entry.html.jinja",
        board,
        "../",
        {
            "sections": [("scores", "Scores"), ("verification", "Verification"), ("facts", "Facts")],
            "listed": listed,
            "state": PUBLISHED_IN_WORDS if listed.standing == PUBLISHED else listed.status.in_words,
            "entry": listed.entry,
            "tables": entry_tables(listed),
            "facts": _facts(listed),
            "issues": [
                (issue.level, issue.file, show_text(issue.field, 200), show_text(issue.reason, 700))
                for issue in sort_issues(listed.issues)[:MOST_ISSUES]
            ],
            "more_issues": len(listed.issues) - MOST_ISSUES,
            "report": f"../reports/{listed.entry.id}/report.html" if has_report else "",
            "limits": LIMITS,
        },
    )


def render_task(board: Board, task: str) -> str:
    """One task: what it asks, and the entries in their places."""
    card = known_tasks()[task]
    groups = [
        (
            f"group-{number}",
            f"Measured on {name}",
            [make_standings(f"{number}-0", task, "Score", group, board.rank_all)],
        )
        for number, (name, group) in enumerate(board.groups.items())
        if any((task, Condition.SIGHTED) in listed.scores for listed in group)
    ]
    facts = [
        ("Data", card.source),
        ("Revision", card.revision),
        ("Licence", card.licence),
        ("Questions", f"{card.questions:,} in the public data" if card.questions is not None else ""),
        ("By guessing", f"{100 * card.chance:.1f} %" if card.chance is not None else ""),
    ]
    return _render(
        "task.html.jinja",
        board,
        "../",
        {
            "sections": [],
            "task": task,
            "groups": groups,
            "facts": [(name, show_text(value, 500)) for name, value in facts if value],
        },
    )


def render_changes(board: Board) -> str:
    """Every entry by its date, the newest first."""
    newest = sorted(board.entries, key=lambda listed: listed.entry.id)
    newest.sort(key=lambda listed: listed.entry.date, reverse=True)
    days = [(date, list(group)) for date, group in groupby(newest, key=lambda listed: listed.entry.date)]
    return _render("changes.html.jinja", board, "", {"sections": [], "days": days})


def render_differences(board: Board) -> str:
    """Any two entries of the same questions, compared in the reader's own browser."""
    answers = write_differences([*board.groups.items()])
    return _render("differences.html.jinja", board, "", {"sections": [], "answers": answers, "pairs": answers != "[]"})


def _stand(number: int, entries: Sequence[Listed], rank_all: bool) -> list[Standings]:
    """The standings of a group in each headline average, or task where it has none."""
    return [
        make_standings(f"{number}-{at}", name, heading, entries, rank_all)
        for at, (name, heading) in enumerate(name_standings(entries).items())
    ]


_FILTERS = (
    ("kind", "Kind", KINDS),
    ("size", "Size", SIZES),
    ("amount", "Visual data", AMOUNTS),
    ("status", "Status", (*State, PUBLISHED)),
)


@cache
def _frame() -> dict[str, Any]:
    """What every page holds: style, scripts, and the policy that lets in these alone."""
    style = read_asset("theme.css") + (WEB / "site.css").read_text(encoding="utf-8")
    scripts = [read_asset("page.js")]
    scripts += [(WEB / name).read_text(encoding="utf-8") for name in ("site.js", "differences.js")]
    return {
        "style": style,
        "scripts": scripts,
        "policy": content_policy([style], scripts),
        "version": version("sightscale"),
        "show_rows": show_rows,
        "write_rows": write_rows,
        "basis": BASIS,
        "count_entries": count_entries,
    }


def _render(template: str, board: Board, up: str, values: Mapping[str, Any]) -> str:
    """A page; `up` leads from its folder to the index."""
    return render_template(template, {**_frame(), "board": board, "up": up, **values}, WEB)


def _facts(listed: Listed) -> list[tuple[str, str]]:
    entry = listed.entry
    parts = []
    for part in entry.parts:
        size = show_parameters(part.parameters) or "size unknown"
        where = ", ".join(text for text in (part.repository, part.revision) if text)
        parts.append((part.role.capitalize(), f"{part.checkpoint}, {size}{f' ({where})' if where else ''}"))
    budgets = [f"{name} {count:,}" for name, count in entry.budgets if count]
    facts = [
        ("Name", entry.name),
        ("Kind", f"{entry.kind}, {entry.mode}"),
        *parts,
        ("Visual training data", entry.visual_data),
        ("Tokens allowed", ", ".join(budgets)),
        ("Tokens a question", f"{listed.tokens:,.0f} with its picture, prompts included" if listed.tokens else ""),
        ("Questions of", f"{name_data(entry.data)} ({entry.data.revision})"),
        ("Hardware", entry.hardware),
        ("Licence", entry.licence),
        ("Contact", entry.contact),
        ("Date", entry.date),
        ("Printed in", entry.source or ""),
        ("Notes", entry.notes or ""),
        ("Runs", ", ".join(run.run_id for run in entry.runs[:10])),
    ]
    return [(name, show_text(value, 1000)) for name, value in facts if value]


def _figures(number: int, name: str, entries: Sequence[Listed], rank_all: bool) -> list[Figure]:
    """Size and tokens against the first scores of the standings, of entries that were asked the same questions."""
    whole = entries[0].entry.data.whole_public
    figures = []
    # What nobody checked isn't drawn among what was: it could lead the plot. A board of claims alone shows those.
    checked = [listed for listed in entries if rank_all or listed.status is State.CHECKED]
    shown = checked or entries
    for average, heading in [*name_standings(shown).items()][:MOST_PLOTTED]:
        at = (average, Condition.SIGHTED)
        scored = [(listed, listed.scores[at]) for listed in shown if at in listed.scores]
        left_out = sum(at in listed.scores for listed in entries) - len(scored)
        sized = [
            _point(listed, score, listed.size, f"{show_parameters(listed.size)} parameters")
            for listed, score in scored
            if listed.size
        ]
        counted = [
            _point(listed, score, listed.tokens, f"{listed.tokens:,.0f} tokens a question")
            for listed, score in scored
            if listed.tokens
        ]
        about = f"On {name}."
        about += f" {count_entries(left_out)} that weren't checked from end to end: not drawn." if left_out else ""
        beside = f"{about} {PUBLISHED_NOTE}"
        printed = _print_published(average) if whole else []  # they answered the public data, all of it
        figures += [
            draw_front(
                f"size-{number}-{average}",
                f"{heading}: score by size",
                _at_least_two(sized + printed),
                "parameters of all parts that answer",
                beside if printed else about,
            ),
            draw_front(
                f"tokens-{number}-{average}",
                f"{heading}: score by tokens",
                _at_least_two(counted),
                "tokens a question with its picture, prompts included",
                about,
            ),
        ]
    return [figure for figure in figures if figure]


def _at_least_two(points: list[Point]) -> list[Point]:
    """The points, or none where a single one would be compared with nothing."""
    return points if len(points) > 1 else []


def _print_published(average: str) -> list[Point]:
    """The published systems' marks, where the study names this average."""
    points = []
    for row in read_published():
        score = row.averages.get(average)
        if score is not None:
            total = published_facts(row)["total"]
            estimate = Estimate(score / 100, float("nan"), float("nan"), 0, 0)
            across = f"language models of {show_parameters(total)}"
            points.append(Point(PUBLISHED_SERIES, row.system, total, estimate, across))
    return points


def _point(listed: Listed, score: Estimate, across: float, in_words: str) -> Point:
    series, page = KINDS.index(listed.entry.kind), f"models/{listed.entry.id}.html"
    return Point(series, listed.name, across, score, in_words, page)
