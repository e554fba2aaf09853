"""Gathering: the entries of a leaderboard's folder, each with what this build knows of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sightscale.harness.pages import show_value
from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import (
    ENTRY,
    MANIFEST,
    Entry,
    RunManifest,
    UnreadableFile,
    check_folder,
    read_entry,
    read_manifests,
)
from sightscale.leaderboards.site.intervals import estimate_claims, estimate_records, pair_records, subtract_blind
from sightscale.leaderboards.verification import Issue, State, Verified, verify_entry
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import DataOrigin, Role

logger = logging.getLogger(__name__)

EMBEDDED = Path(__file__).parents[1] / "entries"  # those that come with sightscale
PUBLISHED = "published"  # the status of the study's printed rows, beside the states of entries


@dataclass(frozen=True)
class Listed:
    """An entry with its estimates, and what verification said of it, if this build verified it.

    `scores` are by task or average and condition; `gains` are what looking adds to each of them, paired question by
    question where the records were accepted. Only an accepted entry keeps its records.
    """

    entry: Entry
    scores: Mapping[tuple[str, str], Estimate]
    gains: Mapping[str, Estimate]
    tokens: float | None  # a question, over all conditions, prompts included; None where nobody counted them
    verified: Verified | None = None

    @property
    def accepted(self) -> bool:
        """Whether this build verified the entry and nothing refuses it."""
        return self.verified is not None and self.verified.accepted

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What verification has to say."""
        return self.verified.issues if self.verified else ()

    @property
    def status(self) -> State:
        """How far this build looked at it."""
        return self.verified.state if self.verified else State.SELF_REPORTED

    @property
    def name(self) -> str:
        """Its title, or the checkpoints' names."""
        return self.entry.title or self.entry.name

    @property
    def size(self) -> int | None:
        """Parameters of all parts that answer; None where one of them is unknown."""
        counts = [part.parameters for part in self.entry.parts if part.role is not Role.FOCUS]
        return None if None in counts else sum(count for count in counts if count is not None)


@dataclass(frozen=True)
class Gathered:
    """The entries that were read, by id, and a line for each folder that was left out."""

    entries: tuple[Listed, ...]
    left_out: tuple[str, ...]


def list_embedded() -> list[Path]:
    """The folders of the entries that come with sightscale."""
    return sorted(path for path in EMBEDDED.iterdir() if path.is_dir())


def gather(folder: Path, *, verify: bool = True, data: str = DataOrigin.HUB, data_root: Path | None = None) -> Gathered:
    """Read every entry in a folder of entries, and verify each if `verify`.

    A folder that holds no readable entry is left out, with its name and the reason. Raises UserError when there is
    no folder, or nothing in it is an entry.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name the one that holds the entries' folders")
    listed, left_out = [], []
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()):
        entry = _verify(path, data, data_root) if verify else _claim(path)
        if isinstance(entry, Listed):
            listed.append(entry)
        else:
            left_out.append(f"{show_value(path.name)}: {show_value(entry)}")
    if not listed:
        raise UserError(f"{folder} holds no entry{f': {left_out[0]}' if left_out else ''}")
    return Gathered(tuple(listed), tuple(left_out))


def _claim(path: Path) -> Listed | str:
    """An entry by its claims alone, or the reason why there is none."""
    reasons = check_folder(path)
    if reasons:
        return reasons[0]
    try:
        entry = read_entry(path / ENTRY)
    except UnreadableFile as problem:
        return str(problem)
    try:
        manifests: Mapping[str, RunManifest] | None = read_manifests(path / MANIFEST)
    except UnreadableFile:
        manifests = None  # an entry of claims alone counts no tokens
    return _misnamed(entry, path) or _list_claims(entry, manifests)


def _verify(path: Path, data: str, data_root: Path | None) -> Listed | str:
    """An entry as far as this build accepts it, or the reason why there is none."""
    logger.info(f"verifying {show_value(path.name)}")
    verified = verify_entry(path, data, data_root)
    entry, records = verified.entry, verified.records
    if entry is None:
        first = verified.issues[0]
        return first.reason if first.field == "folder" else f"{first.file}: {first.reason}"
    if reason := _misnamed(entry, path):
        return reason
    claimed = _list_claims(entry, verified.manifests)
    if not verified.accepted or records is None:
        return replace(claimed, verified=replace(verified, records=None))
    return replace(claimed, scores=estimate_records(records), gains=pair_records(records), verified=verified)


def _misnamed(entry: Entry, path: Path) -> str:
    return (
        "" if entry.id == path.name else f"the entry's id {entry.id} is not the folder's name {show_value(path.name)}"
    )


def _list_claims(entry: Entry, manifests: Mapping[str, RunManifest] | None) -> Listed:
    scores = estimate_claims(entry)
    return Listed(entry, scores, subtract_blind(scores), _count_tokens(entry, manifests))


def _count_tokens(entry: Entry, manifests: Mapping[str, RunManifest] | None) -> float | None:
    """Tokens a question, as the manifests of the runs say; None without manifests."""
    if manifests is None:
        return None
    total = sum(max(0, count) for manifest in manifests.values() for count in manifest.tokens.values())
    return total / sum(score.n for score in entry.scores) if total else None
