"""Tables: entries in ranks that their answers allow, the published systems apart, and one entry's own scores."""

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sightscale.harness.pages import Column, Shown, Table, make_table, show_cell, show_line, show_parameters
from sightscale.leaderboards.entry import known_tasks
from sightscale.leaderboards.published import COLUMNS, PublishedRow, find_published, read_published
from sightscale.leaderboards.site.listed import PUBLISHED, Beside, Listed, ProofState
from sightscale.leaderboards.site.standings import RULE, Rank, Scored, estimate_curse, find_ranks
from sightscale.leaderboards.verification import State
from sightscale.tasks.suites import HEADLINES
from sightscale.tasks.vocabulary import Condition, Kind, Mode, Role

MOST_TASKS = 3  # shown of entries that have no headline average
SIZES = ("up to 0.5B", "0.5B to 1B", "1B to 3B", "3B to 8B", "over 8B", "unknown")
_SIZE_ENDS = (0.5e9, 1e9, 3e9, 8e9)
AMOUNTS = ("up to 1M", "1M to 10M", "over 10M", "unknown")
_AMOUNT_ENDS = (1e6, 1e7)
_UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}
BASIS = (
    "Brackets are 95 % intervals: of answers that were checked with questions on one picture counted together, of a "
    "self-reported score from its claim alone, which is narrower. No picture: the same questions without it; "
    "reliance: what looking adds, in points. Guessing: the score of a guess; best blind: of the best answer to be "
    "had without the picture, where the data know it; unread: answers that named no option; cut off: answers that met "
    "the limit on tokens."
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
    """How many entries are in each state, in words; those whose numbers are printed elsewhere are counted apart."""
    counts = Counter(listed.standing for listed in entries)
    states = (*State, PUBLISHED)
    return ", ".join(f"{counts[state]:,} {state}" for state in states if counts[state] or state is State.CHECKED)


def name_standings(entries: Sequence[Listed]) -> dict[str, str]:
    """What the standings of these entries show: the headline averages, and the tasks of who has none of them.

    Returned as titles by name, the tasks that most were asked first.
    """
    asked = [{name for name, condition in listed.scores if condition == Condition.SIGHTED} for listed in entries]
    titles = {name: heading for name, heading in HEADLINES.items() if any(name in names for names in asked)}
    averages = {claim.name for listed in entries for claim in listed.entry.averages}
    counts = Counter(name for names in asked if not names & set(HEADLINES) for name in sorted(names - averages))
    # What a task is called, whoever sends an entry decides: sightscale's own come first.
    order = sorted(counts, key=lambda name: (name not in known_tasks(), -counts[name], name))
    return titles | {name: name for name in order[:MOST_TASKS]}


@dataclass(frozen=True)
class Standings:
    """The entries that were asked the same questions, in one score: those that hold a rank, and the others."""

    ranked: Table | None
    unranked: Table | None


def make_standings(
    number: str, name: str, heading: str, entries: Sequence[Listed], rank_all: bool = False
) -> Standings:
    """The standings of one task or average. Entries without a score of it aren't there.

    Only what was checked holds a rank; with `rank_all` every entry does that kept its answers.
    """
    asked = [listed for listed in entries if (name, Condition.SIGHTED) in listed.scores]
    asked.sort(key=lambda listed: (-listed.scores[name, Condition.SIGHTED].value, listed.name.casefold()))
    may = [one for one in asked if one.answers and (rank_all or one.status is State.CHECKED)]
    keys = Counter(one.answers.questions.key(name) for one in may if one.answers)
    most = keys.most_common(1)[0][0] if keys else ""
    held = [one for one in may if one.answers and one.answers.questions.key(name) == most]
    scored = [one.answers.score(name) for one in held if one.answers]
    compared = [one for one in scored if one is not None]
    found = find_ranks(compared)
    # Alone among its questions an entry holds no rank: a first place says that somebody is behind.
    ranks = dict(zip((id(one) for one in held), found if len(found) > 1 else [None] * len(found), strict=True))
    rows = [{**_system(one), **_cells(one, name, ranks.get(id(one)))} for one in asked]
    columns = _columns(heading)
    ranked = [row for row, one in zip(rows, asked, strict=True) if id(one) in ranks]
    others = [row for row, one in zip(rows, asked, strict=True) if id(one) not in ranks]
    elsewhere = len(may) - len(held)
    unchecked = len(others) - elsewhere
    reasons = [f"{count_entries(unchecked)}: not checked from end to end"] if unchecked else []
    reasons += [f"{count_entries(elsewhere)}: other questions than most answered"] if elsewhere else []
    return Standings(
        make_table(
            f"standings-{number}", f"{heading}: {count_entries(len(ranked))}", _about_ranks(compared), columns, ranked
        )
        if ranked
        else None,
        make_table(
            f"unranked-{number}",
            f"{heading}, without a rank: {count_entries(len(others))}",
            f"Per cent, by their scores. These hold no rank. {'; '.join(reasons)}.",
            columns[1:],
            others,
        )
        if others
        else None,
    )


def _about_ranks(scored: Sequence[Scored]) -> str:
    if len(scored) < 2:
        return "Per cent. No other checked entry answered these questions, so there is no rank."
    curse = estimate_curse(scored)
    winners = (
        f" The highest score is too high by about {100 * curse:.1f} points, since it was chosen for being the highest "
        "(the winner's curse)."
        if curse >= 0.0005
        else ""
    )
    return f"Per cent. {RULE}{winners}"


def published_table(entries: Iterable[Listed] = ()) -> Table:
    """The study's own table, which nobody measured here; a row that is an entry as well leads to its page."""
    columns = [
        Column("system", "System"),
        Column("perception", "Perception", "count"),
        Column("reasoning", "Reasoning", "count"),
        Column("visual_data", "Visual data"),
        *(Column(name, name, "share") for name in COLUMNS),
    ]
    rows = []
    held = {id(find_published(listed.entry)): listed.entry.id for listed in entries if listed.entry.claims_only}
    for row in read_published():
        scores = {column: score / 100 for column, score in row.scores.items()}
        facts = {"visual_data": row.visual_data, "id": held.get(id(row))}
        rows.append({**published_facts(row), **facts, **scores})
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
        "under": kind,
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
            Column("blind", "No picture", "share"),
            Column("reliance", "Reliance", "difference"),
            Column("chance", "Guessing", "share"),
            Column("floor", "Best blind", "share"),
            Column("unread", "Unread", "share"),
            Column("cut", "Cut off", "share"),
            *(Column(f"blind_{other}", f"Blind: {other}", "share") for other in others),
        ]
        rows = [_entry_row(listed, name, others) for name in named]
        if rows:
            tables.append(make_table(kind, title, f"Per cent. {BASIS}", columns, rows))
    return tables


def _columns(heading: str) -> list[Column]:
    return [
        Column("rank", "Rank", "number"),
        Column("system", "System"),
        Column("score", "Score", "share"),
        Column("blind", "No picture", "share"),
        Column("reliance", "Reliance", "difference"),
        Column("chance", "Guessing", "share"),
        Column("floor", "Best blind", "share"),
        Column("unread", "Unread", "share"),
        Column("cut", "Cut off", "share"),
        Column("size", "Size", "count"),
        Column("visual_data", "Visual data"),
    ]


def _system(listed: Listed) -> dict[str, Any]:
    sizes = [part.parameters for part in listed.entry.parts if part.role is not Role.FOCUS]
    mode = f", {listed.entry.mode}" if listed.entry.mode is Mode.THINKING else ""
    return {
        "system": show_line(listed.name),
        "under": f"{listed.entry.kind}{mode}{_name_failed(listed)}",
        "checkpoints": listed.entry.name if listed.entry.title else "",
        "id": listed.entry.id,
        "kind": listed.entry.kind,
        "size": listed.size,
        "sizes": " + ".join(_show_size(size) for size in sizes) if len(sizes) > 1 else "",
        "visual_data": listed.entry.visual_data,
        "status": listed.standing,
        "size_group": size_group(listed.size),
        "amount_group": amount_group(listed.entry.visual_data),
    }


def _name_failed(listed: Listed) -> str:
    """Proofs that speak against an entry, wherever it stands: files alone may say that it is checked."""
    failed = [proof.proof for proof in listed.proofs if proof.state is ProofState.FAILED]
    return f"; failed: {', '.join(failed)}" if failed else ""


def _cells(listed: Listed, name: str, rank: Rank | None) -> Mapping[str, Any]:
    beside = listed.beside.get(name, Beside())
    return {
        "rank": rank,
        "score": listed.scores.get((name, Condition.SIGHTED)),
        "blind": listed.scores.get((name, Condition.NONE)),
        "reliance": listed.gains.get(name),
        "chance": beside.chance,
        "floor": beside.floor,
        "unread": beside.unread,
        "cut": beside.cut,
    }


def show_rows(table: Table) -> Iterator[tuple[Mapping[str, Any], list[tuple[Column, Shown]]]]:
    """Each row with its cells as they are read. Made here, since a template would take twice as long over it."""
    for row in table.rows:
        yield row, [(column, _show(column, row.get(column.name))) for column in table.columns]


def _show(column: Column, cell: Any) -> Shown:
    if isinstance(cell, Rank):
        return Shown(cell.text, "may be best" if cell.may_lead else "", sort=repr(cell.sort))
    if column.name in ("perception", "reasoning", "size"):
        return Shown(_show_size(cell), sort="" if cell is None else repr(cell))
    return show_cell(column.kind, cell)


def _show_size(count: float | None) -> str:
    """A number of parameters, with thousands where there is no million."""
    if count is not None and 0 < count < 1e6:
        return f"{count / 1e3:.0f}K"
    return show_parameters(count) or "–"


@lru_cache(maxsize=2**16)  # the same texts stand in every table and column
def escape(text: str) -> str:
    """Text as HTML shows it, in an attribute too."""
    return html.escape(text)


def write_rows(table: Table, up: str) -> str:
    """A table's rows as HTML, every foreign text escaped; a board of a thousand entries has some hundred thousand."""
    return "\n".join(_write_row(row, cells, up) for row, cells in show_rows(table))


def _write_row(row: Mapping[str, Any], cells: list[tuple[Column, Shown]], up: str) -> str:
    status = str(row["status"])
    filters = {"kind": row["kind"], "size": row["size_group"], "amount": row["amount_group"], "status": status}
    marks = " ".join(f'data-{key}="{escape(str(value))}"' for key, value in filters.items())
    written = "".join(_write_cell(row, column, shown, up) for column, shown in cells)
    return f'<tr role="row" {marks}>{written}</tr>'


def _write_cell(row: Mapping[str, Any], column: Column, shown: Shown, up: str) -> str:
    sort, text = escape(shown.sort), escape(shown.text)
    if column.name == "system":
        name = f"<bdi>{text}</bdi>"
        name = f'<a href="{up}models/{escape(row["id"])}.html">{name}</a>' if row.get("id") else name
        under = (
            [f'<span class="under"><bdi>{escape(row["checkpoints"])}</bdi></span>'] if row.get("checkpoints") else []
        )
        state = row["status"]
        badge = f'<span class="status {str(state).replace(" ", "-")}">{escape(str(state))}</span> '
        under.append(f'<span class="under">{badge}{escape(str(row.get("under", "")))}</span>')
        return f'<th scope="row" role="rowheader" class="text" data-sort="{sort}">{name}{"".join(under)}</th>'
    label = f'data-label="{escape(column.heading)}"'
    if column.kind == "text":
        return f'<td role="cell" class="text" {label} data-sort="{sort}"><bdi>{text}</bdi></td>'
    more = row.get("sizes") if column.name == "size" else shown.interval
    ends = f' <span class="ends">{escape(str(more))}</span>' if more else ""
    kind = ' class="place"' if column.name == "rank" else ""
    return f'<td role="cell"{kind} {label} data-sort="{sort}"><span>{text}{ends}</span></td>'


def _entry_row(listed: Listed, name: str, others: Sequence[str]) -> dict[str, Any]:
    sighted = listed.scores.get((name, Condition.SIGHTED))
    any_condition = sighted or next(score for (other, _), score in listed.scores.items() if other == name)
    card, beside = known_tasks().get(name), listed.beside.get(name, Beside())
    return {
        "name": name,
        "has_page": card is not None,
        "n": any_condition.n,
        "sighted": sighted,
        "blind": listed.scores.get((name, Condition.NONE)),
        "reliance": listed.gains.get(name),
        "chance": beside.chance if beside.chance is not None else card.chance if card else None,
        "floor": beside.floor,
        "unread": beside.unread,
        "cut": beside.cut,
        **{f"blind_{other}": listed.scores.get((name, other)) for other in others},
    }
