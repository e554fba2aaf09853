"""Gathering: the entries of a leaderboard's folder, each with what this build knows of it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from sightscale.harness.pages import show_value
from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import MANIFEST, Data, Entry, RunManifest, load_entry, read_manifests
from sightscale.leaderboards.site.intervals import estimate_claims, estimate_records, pair_records, subtract_blind
from sightscale.leaderboards.verification import Issue, verify_entry
from sightscale.tasks.errors import UserError

logger = logging.getLogger(__name__)

EMBEDDED = Path(__file__).parents[1] / "entries"  # those that come with sightscale
VERIFIED, SELF_REPORTED, PUBLISHED = "verified", "self-reported", "published"


@dataclass(frozen=True)
class Listed:
    """An entry with its estimates, whether this build accepted it, and why not; `records` only of accepted ones.

    `scores` are by task or average and condition, `gains` what looking adds to each of them: paired question by
    question where the records were accepted.
    """

    entry: Entry
    folder: Path
    scores: Mapping[tuple[str, str], Estimate]
    gains: Mapping[str, Estimate]
    tokens: float | None  # a question, over all conditions, prompts included; None where nobody counted them
    accepted: bool = False
    issues: tuple[Issue, ...] = ()
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
) -> Gathered:
    """Read every entry in a folder of entries, and verify each unless told not to.

    A folder that holds no readable entry is left out, with the reason. Raises UserError when there is no
    folder, or nothing in it is an entry.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name the one that holds the entries' folders")
    listed, left_out = [], []
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()):
        try:
            listed.append(_verify(path, data, data_root) if verify else _claim(path))
        except UserError as reason:
            left_out.append(show_value(str(reason)))
    if not listed:
        raise UserError(f"{folder} holds no entry{f': {left_out[0]}' if left_out else ''}")
    return Gathered(tuple(listed), tuple(left_out))


def name_data(data: Data) -> str:
    """Which questions were asked, in words; only scores on the same questions are compared."""
    words = "the public data" if data.source == "hub" else "the embedded mini suite"
    words += f", the first {data.limit:,} questions of each task" if data.limit is not None else ""
    return f"{words}, options {data.options}" if data.options else words


def _claim(path: Path) -> Listed:
    """An entry by its claims alone. Raises UserError when it can't be read."""
    entry = load_entry(path)
    _check_name(entry, path)
    try:
        manifests: Mapping[str, RunManifest] | None = read_manifests(path / MANIFEST)
    except UserError:
        manifests = None  # who only claims may lack them
    return _list_claims(entry, path, manifests)


def _verify(path: Path, data: str, data_root: Path | None) -> Listed:
    """An entry as far as this build accepts it. Raises UserError when it can't be read."""
    logger.info(f"verifying {show_value(path.name)}")
    verified = verify_entry(path, data, data_root)
    entry = verified.entry
    if entry is None:
        first = verified.issues[0]
        raise UserError(f"{first.file}: {first.reason}")
    _check_name(entry, path)
    listed = replace(_list_claims(entry, path, verified.manifests), issues=verified.issues, looked=True)
    if not verified.accepted or verified.records is None:
        return listed
    records = verified.records
    scores, gains = estimate_records(records), pair_records(records)
    return replace(listed, scores=scores, gains=gains, accepted=True, records=records)


def _check_name(entry: Entry, path: Path) -> None:
    if entry.id != path.name:
        raise UserError(f"the entry's id {entry.id} is not the folder's name {show_value(path.name)}")


def _list_claims(entry: Entry, path: Path, manifests: Mapping[str, RunManifest] | None) -> Listed:
    scores = estimate_claims(entry)
    return Listed(entry, path, scores, subtract_blind(scores), _count_tokens(entry, manifests))


def _count_tokens(entry: Entry, manifests: Mapping[str, RunManifest] | None) -> float | None:
    """Tokens a question, as the manifests of the runs say; None without manifests."""
    if manifests is None:
        return None
    total = sum(max(0, count) for manifest in manifests.values() for count in manifest.tokens.values())
    return total / sum(score.n for score in entry.scores) if total else None
