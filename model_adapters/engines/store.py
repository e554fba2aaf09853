"""The store: every finished generation, on disk the moment it is finished, so that nothing is asked twice.

A generation is keyed by what decides it: the prompt with its pixels, the engine's identity (weights, class, dtype)
and the decoding with its seed. On a disk of this machine a store is one SQLite file, whose write-ahead log lets
several processes share it. That log needs memory which machines don't share (https://www.sqlite.org/wal.html), so on a
network file system a store is a folder of part files, PATH.parts, beside the file or in its place. Both together are
one store. Each row carries a checksum, and a row that doesn't match its own is not used.
"""

import hashlib
import json
import logging
import math
import shutil
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from sightscale.model_adapters.engines import (
    Choice,
    Completion,
    Completions,
    Decoding,
    Engine,
    Key,
    Likelihood,
    Likelihoods,
    OnScored,
    Prompt,
    Prompts,
    StreamingEngine,
    list_choices,
    score_continuations,
)
from sightscale.model_adapters.engines.file_systems import find_file_system
from sightscale.model_adapters.engines.generations import Generation, keep
from sightscale.model_adapters.engines.part_files import PartFiles, conflict
from sightscale.model_adapters.engines.weights import without_names
from sightscale.tasks.errors import UserError, blaming

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS generations (
    key TEXT PRIMARY KEY, engine TEXT NOT NULL, body TEXT NOT NULL, checksum TEXT NOT NULL, written REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY, begun REAL NOT NULL, hits INTEGER NOT NULL, misses INTEGER NOT NULL
    ) WITHOUT ROWID""",
)
_COLUMNS = {
    "generations": {"key", "engine", "body", "checksum", "written"},
    "sessions": {"session", "begun", "hits", "misses"},
}
# Whatever bytes a damaged row holds, each of its values comes out as the type that it ought to be.
_EVERY_ROW = """SELECT CAST(key AS BLOB), coalesce(CAST(engine AS TEXT), ''), body, checksum,
    coalesce(CAST(written AS REAL), 0.0) FROM generations"""
PARTS = ".parts"  # what the folder of part files has behind the store's name

logger = logging.getLogger(__name__)


class Store(Protocol):
    """Finished generations by key. Safe for threads and processes."""

    path: Path

    def get(self, key: str) -> Completion | None:
        """The completion kept under `key`; None when there is none or its row is damaged."""

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Keep a completion. Raises RuntimeError when it can't be written."""

    def count(self, hits: int, misses: int) -> None:
        """Count how often this session found an answer here, and how often not."""

    def rows(self) -> Iterator[Generation]:
        """Every row, also damaged ones."""

    def __len__(self) -> int: ...

    def close(self) -> None:
        """Close the files."""


class StoreFile:
    """A store in one SQLite file on a disk of this machine."""

    def __init__(self, path: Path, must_exist: bool = False) -> None:
        """Open or create the file. Raises UserError in one line when it can't be used, or isn't there but must be."""
        self.path = path
        self._session, self._begun = uuid.uuid4().hex, time.time()
        self._lock = threading.Lock()
        if must_exist and (not path.is_file() or not path.stat().st_size):
            raise UserError(f"there is no store at {path}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            self._connection.text_factory = _read_text
            tables = {
                name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            if must_exist and "generations" not in tables:
                raise UserError(f"{path} is not a store")
            for name in tables & set(_COLUMNS):  # before anything is written into somebody else's file
                lacking = _COLUMNS[name] - {
                    column for _, column, *_ in self._connection.execute(f"PRAGMA table_info({name})")
                }
                if lacking:
                    raise UserError(
                        f"{path} is not a store of sightscale: its {name} lack {', '.join(sorted(lacking))}"
                    )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            for table in _SCHEMA:
                self._connection.execute(table)
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"cannot use the store {path}: {error}; move the file away or name another") from error

    def get(self, key: str) -> Completion | None:
        """The completion kept under `key`; None when there is none or its row is damaged."""
        try:
            with self._lock:
                row = self._connection.execute(
                    "SELECT key, engine, body, checksum, written FROM generations WHERE key = ?", (key,)
                ).fetchone()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:  # the page it lies on is damaged
            return None
        return None if row is None else Generation(key, *row[1:]).completion

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Keep a completion; replaces what stood there. Raises RuntimeError when it can't be written."""
        self.put_row(keep(key, engine, completion, time.time()))

    def put_row(self, row: Generation) -> None:
        """Keep a row as another store has it."""
        self._write(
            "INSERT OR REPLACE INTO generations VALUES (?, ?, ?, ?, ?)",
            (row.key, row.engine, row.body, row.checksum, row.written),
        )

    def count(self, hits: int, misses: int) -> None:
        """Count how often this session found an answer here, and how often not."""
        self._write(
            "INSERT INTO sessions VALUES (?, ?, ?, ?) ON CONFLICT (session) DO UPDATE "
            "SET hits = hits + excluded.hits, misses = misses + excluded.misses",
            (self._session, self._begun, hits, misses),
        )

    def rows(self) -> Iterator[Generation]:
        """Every row, also damaged ones. Raises UserError when the file can't be read."""
        try:
            for key, *others in self._connection.execute(_EVERY_ROW):
                # A key that isn't UTF-8 keeps its bytes, so that its row can be removed.
                yield Generation(key.decode("utf-8", "surrogateescape"), *others)
        except sqlite3.Error as error:
            raise UserError(f"cannot read the store {self.path}: {error}; move it away or name another") from error

    def sessions(self) -> tuple[int, int, int]:
        """How often it was used, and its hits and misses."""
        number, hits, misses = self._connection.execute(
            "SELECT count(*), coalesce(sum(hits), 0), coalesce(sum(misses), 0) FROM sessions"
        ).fetchone()
        return int(number), int(hits), int(misses)

    def remove(self, keys: Sequence[str]) -> None:
        """Remove rows and give their space back."""
        try:
            with self._lock:
                self._connection.execute("BEGIN IMMEDIATE")
                for key in keys:
                    content = key.encode("utf-8", "surrogateescape")
                    self._connection.execute("DELETE FROM generations WHERE key = CAST(? AS TEXT)", (content,))
                self._connection.execute("COMMIT")
                self._connection.execute("VACUUM")
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    @property
    def size(self) -> int:
        """Bytes of the file with its log."""
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return sum(file.stat().st_size for file in files if file.exists())

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self._lock:
                self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error) -> RuntimeError:
        return RuntimeError(f"cannot go on with the store {self.path}: {error}; free the disk, or name another file")

    def __len__(self) -> int:
        with self._lock:
            return int(self._connection.execute("SELECT count(*) FROM generations").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


class CopiedStoreFile(StoreFile):
    """A store's SQLite file that lies where SQLite's locks can't be relied on: a copy of this machine's own is read."""

    def __init__(self, path: Path) -> None:
        """Copy the file with its log. Raises UserError in one line when it can't be had, or is no store."""
        self._folder = TemporaryDirectory(prefix="sightscale-store-")
        copy = Path(self._folder.name) / path.name
        with blaming(path, "read the store"):
            for suffix in ("", "-wal"):
                source = path.with_name(path.name + suffix)
                if source.exists():
                    shutil.copyfile(source, copy.with_name(copy.name + suffix))
        super().__init__(copy, must_exist=True)

    def close(self) -> None:
        """Remove the copy."""
        super().close()
        self._folder.cleanup()


class JoinedStore:
    """A SQLite file and part files together: one is written to, both are read."""

    def __init__(self, path: Path, writing: StoreFile | PartFiles, reading: StoreFile | PartFiles) -> None:
        self.path, self.writing, self.reading = path, writing, reading
        self._told: set[str] = set()

    def get(self, key: str) -> Completion | None:
        """The completion kept under `key` in either; where their texts differ it is said, and the first counts."""
        kept, other = self.writing.get(key), self.reading.get(key)
        if kept and other and kept.text != other.text and key not in self._told:
            self._told.add(key)
            logger.warning(conflict(self.path, Generation(key, "two stores", None, None, 0.0)))
        return kept or other

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Keep a completion. Raises RuntimeError when it can't be written."""
        self.writing.put(key, engine, completion)

    def count(self, hits: int, misses: int) -> None:
        """Count how often this session found an answer here, and how often not."""
        self.writing.count(hits, misses)

    def rows(self) -> Iterator[Generation]:
        """Every row of both; of equal keys the one that `get` would give."""
        yield from self.writing.rows()
        yield from (row for row in self.reading.rows() if self.writing.get(row.key) is None)

    def __len__(self) -> int:
        return sum(1 for _ in self.rows())

    def close(self) -> None:
        """Close both."""
        self.writing.close()
        self.reading.close()


def open_store(path: Path, mounts: Path | None = None, must_exist: bool = False) -> StoreFile | PartFiles | JoinedStore:
    """The store at `path`: a SQLite file, part files in the folder PATH.parts, or both; made when it isn't there.

    A `path` that is a folder holds part files itself. `mounts` is a list of mounts as Linux keeps it, this machine's
    own by default. Raises UserError in one line when the store can't be used, or isn't there but `must_exist`.
    """
    if path.is_dir():
        if must_exist and not any(path.glob("*.jsonl")):
            raise UserError(f"there is no store at {path}")
        return PartFiles(path)
    parts = path.with_name(path.name + PARTS)
    system = find_file_system(path, mounts)
    if system is not None and system.is_shared:
        if must_exist and not parts.is_dir() and not path.exists():
            raise UserError(f"there is no store at {path}")
        if not path.exists():
            return PartFiles(parts)
        logger.info(f"store: {path} lies on {system.type}; it is read from a copy, and {parts.name} is written to")
        return JoinedStore(path, PartFiles(parts), CopiedStoreFile(path))
    if parts.is_dir():
        return JoinedStore(path, StoreFile(path), PartFiles(parts))
    return StoreFile(path, must_exist)


class StoredEngine(StreamingEngine):
    """An engine that asks the store first, and keeps what the engine inside it finishes."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine, self._store = engine, store
        self.hits = self.misses = 0

    @property
    def identity(self) -> str:
        return self._engine.identity

    @property
    def parameters(self) -> int | None:
        """How many parameters the engine's model has; None where it isn't known."""
        return getattr(self._engine, "parameters", None)

    @property
    def seconds_opening(self) -> tuple[float, float]:
        """How long loading the engine's model has taken so far, by the clock and of processors.

        Both are 0 where it was loaded before it came here.
        """
        engine = self._engine
        return getattr(engine, "seconds_opening", 0.0), getattr(engine, "cpu_seconds_opening", 0.0)

    @property
    def workload(self) -> str:
        """What the engine is busy with, in words; nothing where it doesn't tell."""
        return getattr(self._engine, "workload", "")

    @property
    def batch_size(self) -> int | None:
        """How many prompts the engine inside answers at a time; None where it is closed, or sees to that by itself."""
        return getattr(self._engine, "batch_size", None)

    def generate_anew(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """As the engine inside, whatever the store has; nothing is kept."""
        return self._engine.stream(prompts, decoding)

    def stream(self, prompts: Prompts[Key], decoding: Decoding) -> Completions[Key]:
        """As the engine inside would, but only what the store lacks is generated. Failures aren't kept."""
        ready: deque[tuple[Key, Completion]] = deque()  # what needs no generating
        under_way: dict[str, list[Key]] = {}  # by generation: who asked for the same since
        lock = threading.Lock()  # the engine inside may ask for prompts from a thread of its own
        hits = misses = 0

        def read() -> Generator[tuple[tuple[str, Key], Prompt] | None, None, None]:
            nonlocal hits, misses
            for item in prompts:
                if item is None:
                    yield None
                    continue
                key, prompt = item
                generation = generation_key(self.identity, prompt, decoding)
                with lock:
                    kept = self._store.get(generation)
                    is_new = kept is None and generation not in under_way
                    if kept is not None:
                        ready.append((key, kept))
                        hits += 1
                    elif is_new:
                        under_way[generation] = []
                        misses += 1
                    else:  # equal prompts are generated once
                        under_way[generation].append(key)
                        hits += 1
                if is_new:
                    yield (generation, key), prompt
                elif not misses:  # the engine isn't needed yet
                    yield None

        asked = read()
        try:
            for first in asked:
                yield from _take_all(ready)
                if first is not None:
                    break
            else:
                return
            with closing(self._engine.stream(chain([first], asked), decoding)) as completions:
                for (generation, key), completion in completions:
                    with lock:
                        if completion.error is None:
                            self._store.put(generation, self.identity, completion)
                        others = under_way.pop(generation)
                    yield key, completion
                    yield from ((other, replace(completion, cached=True)) for other in others)
                    yield from _take_all(ready)
            yield from _take_all(ready)
        finally:
            asked.close()
            self.hits, self.misses = self.hits + hits, self.misses + misses
            if hits or misses:
                self._store.count(hits, misses)

    def score(
        self, prompts: Sequence[Prompt], continuations: Sequence[Sequence[str]], on_scored: OnScored | None = None
    ) -> list[Likelihoods]:
        """As the engine inside would, but only the continuations that the store lacks are scored. Failures aren't kept.

        Of a prompt that is kept in whole, tokens and seconds are 0.
        """
        keys = [
            [likelihood_key(self.identity, prompt, one) for one in each]
            for prompt, each in zip(prompts, continuations, strict=True)
        ]
        kept = {
            key: likelihood
            for key in dict.fromkeys(key for each in keys for key in each)
            if (likelihood := read_likelihood(self._store.get(key)))
        }
        lacking = {i: [n for n, key in enumerate(each) if key not in kept] for i, each in enumerate(keys)}
        missing = [i for i, numbers in lacking.items() if numbers]
        hits = sum(key in kept for each in keys for key in each)
        misses = sum(map(len, lacking.values()))
        self.hits, self.misses = self.hits + hits, self.misses + misses
        if hits or misses:
            self._store.count(hits, misses)
        results = [Likelihoods(() if lacking[i] else tuple(kept[key] for key in each)) for i, each in enumerate(keys)]
        if on_scored:
            for i in (i for i, numbers in lacking.items() if not numbers):
                on_scored(i, results[i])

        def keep(j: int, scores: Likelihoods) -> None:
            i = missing[j]
            fresh = dict(zip(lacking[i], scores.each, strict=not scores.error))
            for number, likelihood in fresh.items():
                self._store.put(keys[i][number], self.identity, write_likelihood(likelihood))
            each = () if scores.error else tuple(fresh.get(n) or kept[key] for n, key in enumerate(keys[i]))
            results[i] = replace(scores, each=each)
            if on_scored:
                on_scored(i, results[i])

        if missing:
            asked = [[continuations[i][n] for n in lacking[i]] for i in missing]
            score_continuations(self._engine, [prompts[i] for i in missing], asked, keep)
        return results

    def look_up(self, prompts: Sequence[Prompt], decoding: Decoding) -> list[tuple[str, Completion | None]]:
        """Each prompt's key, with what the store has for it; nothing is generated or counted."""
        keys = [generation_key(self.identity, prompt, decoding) for prompt in prompts]
        return [(key, self._store.get(key)) for key in keys]

    def list_choices(self, prompt: Prompt, decoding: Decoding) -> list[Choice]:
        """As the engine inside, which is asked anew. Raises EngineFailure in one line when it can't tell."""
        return list_choices(self._engine, prompt, decoding)

    def close(self) -> None:
        """Free the engine's model; the store stays open."""
        self._engine.close()


def _take_all(ready: "deque[tuple[Key, Completion]]") -> Completions[Key]:
    while ready:
        yield ready.popleft()


def generation_key(identity: str, prompt: Prompt, decoding: Decoding) -> str:
    """SHA-256 of everything that decides a generation; what the folder of a model's weights is called doesn't."""
    decided_by = json.dumps([without_names(identity), prompt.digest, decoding.as_dict()], sort_keys=True)
    return hashlib.sha256(decided_by.encode()).hexdigest()


def likelihood_key(identity: str, prompt: Prompt, continuation: str) -> str:
    """SHA-256 of everything that decides how likely a continuation is; no generation has the same."""
    decided_by = json.dumps([without_names(identity), prompt.digest, {"likelihood of": continuation}], sort_keys=True)
    return hashlib.sha256(decided_by.encode()).hexdigest()


def write_likelihood(likelihood: Likelihood) -> Completion:
    """A likelihood as the store keeps it: JSON in the place of a completion's text."""
    return Completion(json.dumps(asdict(likelihood)))


def read_likelihood(kept: Completion | None) -> Likelihood | None:
    """The likelihood in what the store kept; None where it kept none."""
    try:
        values = json.loads(kept.text) if kept else {}
        read = Likelihood(float(values["logprob"]), int(values["tokens"]), bool(values["is_greedy"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return read if math.isfinite(read.logprob) else None


def _read_text(content: bytes) -> str:
    """A column's text; what isn't UTF-8 in it comes out as other text, whose checksum is another."""
    return content.decode("utf-8", "replace")
