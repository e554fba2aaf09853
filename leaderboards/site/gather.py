"""Gathering: the entries of a leaderboard's folder, each with what this build knows of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import (
    MANIFEST,
    RECORDS,
    Data,
    Entry,
    load_entry,
    read_manifests,
    read_submitted,
    show,
)
from sightscale.leaderboards.site.intervals import estimate_claims, estimate_records
from sightscale.leaderboards.verification import Finding, verify_entry

EMBEDDED = Path(__file__).parents[1] / "entries"  # those that come with sightscale
VERIFIED, SELF_REPORTED, PUBLISHED = "verified", "self-reported", "published"


@dataclass(frozen=True)
class Listed:
    """An entry with its estimates, whether this build accepted it, and why not; `records` only of accepted ones."""

    entry: Entry
    folder: Path
    found: Mapping[tuple[str, str], Estimate]
    tokens: float | None  # a question, over all conditions, prompts included; None where nobody counted them
    accepted: bool = False
    findings: tuple[Finding, ...] = ()
    looked: bool = False  # whether this build verified it at all
    records: pd.DataFrame | None = field(default=None, compare=False, repr=False)

    @property
    def status(self) -> str:
        return VERIFIED if self.accepted else SELF_REPORTED

    @property
    def name(self) -> str:
        return self.entry.title or self.entry.name

    @property
    def size(self) -> int | None:
        """Parameters of all parts that answer; None where one of them is unknown."""
        counts = [part.parameters for part in self.entry.parts if part.role != "focus"]
        return None if None in counts else sum(one for one in counts if one is not None)


@dataclass(frozen=True)
class Gathered:
    """The entries that were read, by id, and a line for each folder that was left out."""

    entries: tuple[Listed, ...]
    left_out: tuple[str, ...]


def list_embedded() -> list[Path]:
    """The folders of the entries that come with sightscale."""
    return sorted(one for one in EMBEDDED.iterdir() if one.is_dir())


def gather(
    folder: Path,
    *,
    verify: bool = True,
    data: str = "hub",
    data_root: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Gathered:
    """Read every entry in a folder of entries, and verify each unless told not to.

    A folder that holds no readable entry is left out, with the reason. Raises ValueError when there is no
    folder, or nothing in it is an entry.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; name the one that holds the entries' folders")
    listed, left_out = [], []
    for path in sorted(one for one in folder.iterdir() if not one.name.startswith(".") and one.is_dir()):
        try:
            entry = load_entry(path)
            if entry.id != path.name:
                raise ValueError(f"the entry's id {entry.id} is not the folder's name {show(path.name)}")
        except ValueError as reason:
            left_out.append(show(str(reason)))
            continue
        if verify:
            say(f"verifying {entry.id}")
        listed.append(_list(path, entry, verify, data, data_root))
    if not listed:
        raise ValueError(f"{folder} holds no entry{f': {left_out[0]}' if left_out else ''}")
    return Gathered(tuple(listed), tuple(left_out))


def name_data(data: Data) -> str:
    """Which questions were asked, in words; only scores on the same questions are compared."""
    words = "the public data" if data.source == "hub" else "the embedded mini suite"
    words += f", the first {data.limit:,} questions of each task" if data.limit is not None else ""
    return f"{words}, options {data.options}" if data.options else words


def _list(path: Path, entry: Entry, verify: bool, data: str, data_root: Path | None) -> Listed:
    plain = Listed(entry, path, estimate_claims(entry), _count_tokens(path, entry))
    if not verify:
        return plain
    verified = verify_entry(path, data, data_root)
    # Read before it was verified, so it must be the same entry still.
    if not verified.accepted or verified.entry != entry:
        return Listed(entry, path, plain.found, plain.tokens, False, verified.findings, True)
    records = read_submitted(path / RECORDS)
    return Listed(entry, path, estimate_records(records), plain.tokens, True, verified.findings, True, records)


def _count_tokens(path: Path, entry: Entry) -> float | None:
    """Tokens a question, as the manifests of the runs say; None for a manifest that can't be read."""
    try:
        manifests = read_manifests(path / MANIFEST)
    except ValueError:
        return None
    total = sum(max(0, count) for one in manifests.values() for count in one.tokens.values())
    return total / sum(score.n for score in entry.scores) if total else None
