"""Tables: entries in places that intervals allow, the published systems apart, and one entry's own scores."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sightscale.harness.pages import Column, Shown, Table, make_table, show_cell, show_line, show_parameters
from sightscale.leaderboards.entry import known_tasks
from sightscale.leaderboards.published import COLUMNS, PublishedRow, read_published
from sightscale.leaderboards.site.gather import PUBLISHED, Listed
from sightscale.leaderboards.site.standings import RULE, Place, find_places
from sightscale.leaderboards.verification import State
from sightscale.tasks.suites import HEADLINES
from sightscale.tasks.vocabulary import Condition, Kind, Role

MOST_TASKS = 4  # shown of entries that have no headline average
SIZES = ("up to 0.5B", "0.5B to 1B", "1B to 3B", "3B to 8B", "over 8B", "unknown")
_SIZE_ENDS = (0.5e9, 1e9, 3e9, 8e9)
AMOUNTS = ("up to 1M", "1M to 10M", "over 10M", "unknown")
_AMOUNT_ENDS = (1e6, 1e7)
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}
BASIS = (
    "95 % intervals: of a verified entry with questions on one picture counted together; of a self-reported one from "
    "its claims alone, each question for itself, which is narrower. Blind: the same questions without any picture; "
    "reliance: what looking adds, in points, paired question by question for a verified entry as in its report; for a "
    "self-reported one as if both were asked of different questions, which is wider."
)


def size_group(parameters: float | None) -> str:
    """Which of SIZES a number of parameters belongs to."""
    if parameters is None:
        return SIZES[-1]
    return SIZES[sum(parameters > end for end in _SIZE_ENDS)]


def amount_group(amount: str) -> str:
    """Which of AMOUNTS a written amount of visual data, such as 1.0M, belongs to."""
    number, unit = amount.strip()[:-1], amount.strip()[-1:].upper()
    if unit not in _UNITS or not number.replace(".", "", 1).isascii() or not number.replace(".", "", 1).isdigit():
        return AMOUNTS[-1]
    return AMOUNTS[sum(float(number) * _UNITS[unit] > end for end in _AMOUNT_ENDS)]


def count_entries(count: int) -> str:
    """How many entries, in words."""
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def count_states(entries: Iterable[Listed]) -> str:
    """How many entries are in each state, in words."""
    counts = Counter(listed.status for listed in entries)
    return ", ".join(f"{counts[state]:,} {state}" for state in State if counts[state] or state is State.CHECKED)


def name_standings(entries: Sequence[Listed]) -> dict[str, str]:
    """What the standings of these entries show: the headline averages, and the tasks of who has none of them.

    Returned as titles by name, the tasks that most were asked first.
    """
    asked = [{name for name, condition in listed.scores if condition == Condition.SIGHTED} for listed in entries]
    titles = {name: heading for name, heading in HEADLINES.items() if any(name in names for names in asked)}
    averages = {claim.name for listed in entries for claim in listed.entry.averages}
    counts = Counter(name for names in asked if not names & set(HEADLINES) for name in sorted(names - averages))
    return titles | {
        name: name for name, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_TASKS]
    }


def standings_table(number: int, title: str, entries: Sequence[Listed]) -> Table:
    """The entries that were asked the same questions, by their places in the first average or task that they have."""
    headings = name_standings(entries)
    places = {
        name: find_places([listed.scores.get((name, Condition.SIGHTED)) for listed in entries]) for name in headings
    }
    columns = [_SYSTEM[0], _SYSTEM[-1]]
    for name, heading in headings.items():
        columns += _score_columns(name, heading)
    columns += _SYSTEM[1:-1]  # after the scores, which a narrow screen shows first
    rows = [
        {
            **_system(listed),
            **{key: cell for name in headings for key, cell in _cells(listed, name, places[name][at]).items()},
        }
        for at, listed in enumerate(entries)
    ]
    rows.sort(key=lambda row: [_place_key(row[f"{name}_place"]) for name in headings] + [row["system"].casefold()])
    caption = f"Per cent, of {count_entries(len(entries))}. {RULE} Filters hide rows and change no place. {BASIS}"
    return make_table(f"standings-{number}", title, caption, columns, rows)


def task_table(number: int, title: str, task: str, entries: Sequence[Listed]) -> Table:
    """The entries that claim a score of one task on the same questions, by their places."""
    asked = [listed for listed in entries if (task, Condition.SIGHTED) in listed.scores]
    places = find_places([listed.scores[task, Condition.SIGHTED] for listed in asked])
    rows = [
        {**_system(listed), **_cells(listed, task, places[at]), "n": listed.scores[task, Condition.SIGHTED].n}
        for at, listed in enumerate(asked)
    ]
    rows.sort(key=lambda row: (_place_key(row[f"{task}_place"]), row["system"].casefold()))
    columns = [_SYSTEM[0], _SYSTEM[-1], *_score_columns(task, "Score"), _SYSTEM[1], Column("n", "Questions", "count")]
    return make_table(f"task-{number}", title, f"Per cent. {RULE} {BASIS}", columns, rows)


def published_table() -> Table:
    """The study's own table, which nobody measured here."""
    columns = [*_SYSTEM[:2], *_SYSTEM[3:6], *(Column(name, name, "share") for name in COLUMNS)]
    rows = []
    for row in read_published():
        scores = {column: score / 100 for column, score in row.scores.items()}
        rows.append({**published_facts(row), "visual_data": row.visual_data, **scores})
    caption = (
        "Per cent, as Endo & Yeung-Levy print them in “Downscaling Intelligence” (arXiv 2511.17487), without "
        "intervals. Measured on the public data by the study's own code; they stand apart and hold no place among the "
        "entries. "
        "†: trained from scratch."
    )
    return make_table("published", "Published by the study", caption, columns, rows)


def published_facts(row: PublishedRow) -> dict[str, Any]:
    """A published system's name, sizes and what it is filtered by."""
    kind = Kind.END_TO_END if row.perception is None else Kind.DECOUPLED
    total = 1e9 * (row.reasoning + (row.perception or 0))
    return {
        "system": row.system,
        "kind": kind,
        "perception": None if row.perception is None else 1e9 * row.perception,
        "reasoning": 1e9 * row.reasoning,
        "status": PUBLISHED,
        "size_group": size_group(total),
        "amount_group": amount_group(row.visual_data),
        "total": total,
    }


def entry_tables(listed: Listed) -> list[Table]:
    """An entry's averages and its tasks: sighted, blind, reliance, chance, and further blind conditions."""
    names = list(dict.fromkeys(name for name, _ in listed.scores))
    averages = {claim.name for claim in listed.entry.averages}
    tables = []
    for kind, title, named in (
        ("averages", "Averages", [name for name in names if name in averages]),
        ("tasks", "Tasks", [name for name in names if name not in averages]),
    ):
        usual = (Condition.SIGHTED, Condition.NONE)
        others = list(dict.fromkeys(c for name, c in listed.scores if c not in usual and name in named))
        columns = [
            Column("name", "Average" if kind == "averages" else "Task"),
            Column("n", "Questions", "count"),
            Column("sighted", "Score", "share"),
            Column("blind", "Blind", "share"),
            Column("reliance", "Reliance", "difference"),
            Column("chance", "Chance", "share"),
            *(Column(f"blind_{other}", f"Blind: {other}", "share") for other in others),
        ]
        rows = [_entry_row(listed, name, others) for name in named]
        if rows:
            tables.append(make_table(kind, title, f"Per cent. {BASIS}", columns, rows))
    return tables


_SYSTEM = (
    Column("system", "System"),
    Column("kind", "Kind"),
    Column("mode", "Mode"),
    Column("perception", "Perception", "count"),
    Column("reasoning", "Reasoning", "count"),
    Column("visual_data", "Visual data"),
    Column("status", "Status"),
)


def _system(listed: Listed) -> dict[str, Any]:
    counts = {part.role: part.parameters for part in listed.entry.parts}
    return {
        "system": show_line(listed.name),
        "checkpoints": listed.entry.name if listed.entry.title else "",
        "id": listed.entry.id,
        "kind": listed.entry.kind,
        "mode": listed.entry.mode,
        "perception": counts.get(Role.PERCEPTION),
        "reasoning": counts.get(Role.REASONING, counts.get(Role.MODEL)),
        "visual_data": listed.entry.visual_data,
        "status": listed.status,
        "size_group": size_group(listed.size),
        "amount_group": amount_group(listed.entry.visual_data),
    }


def _score_columns(name: str, heading: str) -> list[Column]:
    return [
        Column(f"{name}_place", f"{heading} place" if heading != "Score" else "Place", "number"),
        Column(f"{name}_score", heading, "share"),
        Column(f"{name}_blind", "blind", "share"),
        Column(f"{name}_reliance", "reliance", "difference"),
    ]


def _cells(listed: Listed, name: str, place: Any) -> Mapping[str, Any]:
    return {
        f"{name}_place": place,
        f"{name}_score": listed.scores.get((name, Condition.SIGHTED)),
        f"{name}_blind": listed.scores.get((name, Condition.NONE)),
        f"{name}_reliance": listed.gains.get(name),
    }


def show_rows(table: Table) -> Iterator[tuple[Mapping[str, Any], list[tuple[Column, Shown]]]]:
    """Each row with its cells as they are read. Made here, since a template would take twice as long over it."""
    for row in table.rows:
        yield row, [(column, _show(column, row.get(column.name))) for column in table.columns]


def _show(column: Column, cell: Any) -> Shown:
    if isinstance(cell, Place):
        return Shown(cell.text, sort=repr(cell.sort))
    if column.name in ("perception", "reasoning"):
        return Shown(show_parameters(cell) or "–", sort="" if cell is None else repr(cell))
    return show_cell(column.kind, cell)


def _place_key(place: Any) -> float:
    return place.sort if place else float("inf")


def _entry_row(listed: Listed, name: str, others: Sequence[str]) -> dict[str, Any]:
    sighted = listed.scores.get((name, Condition.SIGHTED))
    any_condition = sighted or next(score for (other, _), score in listed.scores.items() if other == name)
    card = known_tasks().get(name)
    return {
        "name": name,
        "has_page": card is not None,
        "n": any_condition.n,
        "sighted": sighted,
        "blind": listed.scores.get((name, Condition.NONE)),
        "reliance": listed.gains.get(name),
        "chance": card.chance if card else None,
        **{f"blind_{other}": listed.scores.get((name, other)) for other in others},
    }
