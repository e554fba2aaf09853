"""Alike: names that a reader can't tell from another entry's, or from a published system's.

An entry is shown by its title, and without one by its checkpoints' names. A title is chosen, so one that reads like
another name is refused in a pull request; a checkpoint is called what it is called, so on a board its id stands beside.
"""

from collections.abc import Iterable
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
    """Whose names an entry's shown name reads like, by the entry's id; entries with names of their own aren't there.

    A title is held against other entries' titles, checkpoints and ids, checkpoints' names against what others are shown
    by; both against the systems of the study's table.
    """
    listed = list(entries)
    shown: dict[str, list[tuple[str, str]]] = {}
    beneath: dict[str, list[Entry]] = {}
    for entry in listed:
        shown.setdefault(fold_title(entry.title or entry.name), []).append((entry.id, f"the entry {entry.id}"))
        for folded in {fold_title(entry.name), fold_title(entry.id)}:
            beneath.setdefault(folded, []).append(entry)
    for row in read_published():
        shown.setdefault(fold_title(row.system), []).append(("", f"{PUBLISHED}{row.system}"))
    alike = {}
    for entry in listed:
        folded = fold_title(entry.title or entry.name)
        found = [who for owner, who in shown[folded] if owner != entry.id]
        # Who was asked with the same checkpoint may be called by it too.
        others = beneath.get(folded, ()) if entry.title else ()
        found += [f"the entry {other.id}" for other in others if other.id != entry.id and other.name != entry.name]
        if found and find_published(entry):  # it is the published system
            found = [who for who in found if not who.startswith(PUBLISHED)]
        if found:
            alike[entry.id] = tuple(dict.fromkeys(found))
    return alike


def refuse_alike(verified: "Verified", others: Iterable[Entry]) -> "Verified":
    """The same with an error where the entry's title reads like that of one of the others or of a published system."""
    entry = verified.entry
    if entry is None or not entry.title:
        return verified
    alike = find_alike([entry, *(other for other in others if other.id != entry.id)]).get(entry.id, ())
    if not alike:
        return verified
    issue = error(ENTRY, "title", f"{show_value(entry.title)} reads like {show_value(', '.join(alike))}")
    return replace(verified, issues=tuple(bound_issues([issue, *verified.issues])))
