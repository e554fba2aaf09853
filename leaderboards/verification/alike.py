"""Alike: titles that a reader can't tell from another entry's name, or from a published system's."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import ENTRY, Entry, fold_title
from sightscale.leaderboards.published import find_published, read_published
from sightscale.leaderboards.verification.issues import bound_issues, error

if TYPE_CHECKING:
    from sightscale.leaderboards.verification.verify import Verified


PUBLISHED = "the published "


def find_alike(entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    """Whose names an entry's title reads like, by the entry's id; entries whose titles are their own aren't there.

    Names are other entries' titles, checkpoints and ids, and the systems of the study's table.
    """
    listed = list(entries)
    holders: dict[str, list[tuple[str, str]]] = {}
    for entry in listed:
        for text in {entry.title or "", entry.name, entry.id} - {""}:
            holders.setdefault(fold_title(text), []).append((entry.id, f"the entry {entry.id}"))
    for row in read_published():
        holders.setdefault(fold_title(row.system), []).append(("", f"{PUBLISHED}{row.system}"))
    alike = {}
    for entry in listed:
        if entry.title:
            found = [who for owner, who in holders[fold_title(entry.title)] if owner != entry.id]
            if find_published(entry):  # it is the published system
                found = [who for who in found if not who.startswith(PUBLISHED)]
            if found:
                alike[entry.id] = tuple(dict.fromkeys(found))
    return alike


def refuse_alike(verified: "Verified", others: Iterable[Entry]) -> "Verified":
    """The same with an error where the entry's title reads like that of one of the others or of a published system."""
    if verified.entry is None:
        return verified
    entry = verified.entry
    alike = find_alike([entry, *(other for other in others if other.id != entry.id)]).get(entry.id, ())
    if not alike:
        return verified
    issue = error(ENTRY, "title", f"{show_value(entry.title)} reads like {show_value(', '.join(alike))}")
    return replace(verified, issues=tuple(bound_issues([issue, *verified.issues])))


def read_titles(entries: Mapping[str, Entry]) -> dict[str, str]:
    """How entries are called on a board, by id: a title that reads like another's stands with the entry's id."""
    alike = find_alike(entries.values())
    return {id: f"{entry.title} [{id}]" if id in alike else entry.title or entry.name for id, entry in entries.items()}
