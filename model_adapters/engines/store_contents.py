"""What a store holds, made smaller, and several stores made one."""

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sightscale.model_adapters.engines.generations import Generation
from sightscale.model_adapters.engines.part_files import PartFiles
from sightscale.model_adapters.engines.store import JoinedStore, StoreFile, open_store
from sightscale.tasks.errors import UserError

_DAY = 86400.0  # seconds
_NAMED = 5  # conflicts that are named one by one

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineRows:
    """What a store holds of one engine. Times are seconds since 1970."""

    engine: str
    rows: int
    damaged: int
    first: float
    last: float


@dataclass(frozen=True)
class StoreReport:
    """What a store holds. `size` is in bytes; hits and misses are of all its sessions; `conflicts` are keys for which
    part files hold different texts."""

    size: int
    engines: tuple[EngineRows, ...]
    sessions: int
    hits: int
    misses: int
    conflicts: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of prompts whose answer was there already; None before the first prompt."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


@dataclass(frozen=True)
class Merged:
    """What a merge did: rows added, rows that were there already, rows left out because they are damaged, and keys
    whose texts differ, of which the target's or else the first one's is kept."""

    added: int
    present: int
    damaged: int
    conflicts: int

    def __add__(self, other: "Merged") -> "Merged":
        return Merged(
            self.added + other.added,
            self.present + other.present,
            self.damaged + other.damaged,
            self.conflicts + other.conflicts,
        )


def describe_store(path: Path) -> StoreReport:
    """Count a store's rows by engine, and read each to find the damaged ones.

    Raises UserError in one line when there is no store at `path`.
    """
    with closing(open_store(path, must_exist=True)) as store:
        rows_of: dict[str, list[float]] = {}
        for row in store.rows():
            rows = rows_of.setdefault(row.engine, [0, 0, row.written, row.written])
            rows[0] += 1
            rows[1] += row.is_damaged
            rows[2:] = min(rows[2], row.written), max(rows[3], row.written)
        parts = _parts_of(store)
        sessions = hits = misses = conflicts = 0
        for part in parts:
            counts = part.sessions()
            sessions, hits, misses = sessions + counts[0], hits + counts[1], misses + counts[2]
            conflicts += part.conflicts if isinstance(part, PartFiles) else 0
        size = sum(part.size for part in parts)
    engines = tuple(
        EngineRows(engine, int(rows), int(damaged), first, last)
        for engine, (rows, damaged, first, last) in sorted(rows_of.items())
    )
    return StoreReport(size, engines, sessions, hits, misses, conflicts)


def prune_store(
    path: Path, engine: str | None = None, older_than: float | None = None, damaged: bool = False
) -> dict[str, int]:
    """Remove the rows that meet every condition given, give their space back, and return how many by engine.

    `engine` is a part of the engine's identity, `older_than` is in days. Raises UserError in one line when no
    condition is given, when there is no store at `path`, and for part files, which others may be writing to.
    """
    if engine is None and older_than is None and not damaged:
        raise UserError("say what to remove: --engine, --older-than or --damaged")
    latest = time.time() - (older_than or 0) * _DAY
    removed: dict[str, int] = {}
    with closing(open_store(path, must_exist=True)) as store:
        if not isinstance(store, StoreFile):
            raise UserError(
                f"{path} has part files, which other machines may be writing to; make it one file first: "
                f"sightscale store merge {path} --into FILE"
            )
        chosen = [
            row
            for row in store.rows()
            if (engine is None or engine in row.engine)
            and (older_than is None or row.written < latest)
            and (not damaged or row.is_damaged)
        ]
        store.remove([row.key for row in chosen])
    for row in chosen:
        removed[row.engine] = removed.get(row.engine, 0) + 1
    return removed


def merge_stores(sources: Sequence[Path], target: Path) -> Merged:
    """Put every whole row of the sources into the target, which is made when it isn't there.

    Where equal keys hold different texts it is logged. Raises UserError in one line for a source that isn't there or
    is the target.
    """
    for source in sources:
        if source.resolve() == target.resolve():
            raise UserError(f"{source} can't be merged into itself")
    merged = Merged(0, 0, 0, 0)
    with closing(open_store(target)) as kept:
        for source in sources:
            with closing(open_store(source, must_exist=True)) as store:
                for row in store.rows():
                    merged += _merge_row(row, source, kept, target, merged.conflicts < _NAMED)
                within = sum(part.conflicts for part in _parts_of(store) if isinstance(part, PartFiles))
                merged += Merged(0, 0, 0, within)
    return merged


def _merge_row(
    row: Generation, source: Path, kept: StoreFile | PartFiles | JoinedStore, target: Path, name_conflict: bool
) -> Merged:
    text = row.text
    if text is None:
        return Merged(0, 0, 1, 0)
    there = kept.get(row.key)
    if there is None:
        (kept.writing if isinstance(kept, JoinedStore) else kept).put_row(row)
        return Merged(1, 0, 0, 0)
    if there.text == text:
        return Merged(0, 1, 0, 0)
    if name_conflict:
        logger.warning(f"{source} and {target} hold different texts under the key {row.key[:12]}… of {row.engine}")
    return Merged(0, 1, 0, 1)


def _parts_of(store: StoreFile | PartFiles | JoinedStore) -> tuple[StoreFile | PartFiles, ...]:
    return (store.writing, store.reading) if isinstance(store, JoinedStore) else (store,)
