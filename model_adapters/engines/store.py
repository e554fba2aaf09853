"""The store: every finished generation, on disk the moment it is finished, in one SQLite file.

A generation is keyed by what decides it: the prompt with its pixels, the engine's identity (model,
weights, class, dtype) and the decoding with its seed. Write-ahead logging lets several processes
share a file; each row carries a checksum, and a row that doesn't match its own is not used. How often
the store had the answer already is counted for each session, that is each time it is opened.
"""

import hashlib
import json
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from sightscale.model_adapters.engines import Completion, Decoding, Engine, OnFinished, Prompt
from sightscale.tasks.errors import UserError

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS generations (
    key TEXT PRIMARY KEY, engine TEXT NOT NULL, body TEXT NOT NULL, checksum TEXT NOT NULL, written REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS sessions (
    session TEXT PRIMARY KEY, begun REAL NOT NULL, hits INTEGER NOT NULL, misses INTEGER NOT NULL
    ) WITHOUT ROWID""",
)
# Whatever bytes a damaged row holds, each of its values comes out as the type that it ought to be.
_EVERY_ROW = """SELECT CAST(key AS BLOB), coalesce(CAST(engine AS TEXT), ''), body, checksum,
    coalesce(CAST(written AS REAL), 0.0) FROM generations"""
_DAY = 86400.0  # seconds
_FIELDS = frozenset(field.name for field in fields(Completion))


class Store:
    """Finished generations by key. Safe for concurrent processes and threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises UserError in one line when it can't be used."""
        self.path = path
        self._session, self._begun = uuid.uuid4().hex, time.time()
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            self._connection.text_factory = _read_text
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
                    "SELECT body, checksum FROM generations WHERE key = ?", (key,)
                ).fetchone()
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError:  # the page it lies on is damaged
            return None
        if row is None or _is_damaged(key, *row):
            return None
        return Completion(**{name: value for name, value in json.loads(row[0]).items() if name in _FIELDS}, cached=True)

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Keep a completion; replaces what stood there. Raises UserError when it can't be written."""
        row = asdict(completion)
        del row["cached"]
        body = json.dumps(row)
        self._write(
            "INSERT OR REPLACE INTO generations VALUES (?, ?, ?, ?, ?)",
            (key, engine, body, _checksum(key, body), time.time()),
        )

    def count(self, hits: int, misses: int) -> None:
        """Count how often this session found an answer here, and how often not."""
        self._write(
            "INSERT INTO sessions VALUES (?, ?, ?, ?) ON CONFLICT (session) DO UPDATE "
            "SET hits = hits + excluded.hits, misses = misses + excluded.misses",
            (self._session, self._begun, hits, misses),
        )

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


class StoredEngine:
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

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        """As the engine inside would, but only what the store lacks is generated. Failures aren't kept."""
        keys = [generation_key(self.identity, prompt, decoding) for prompt in prompts]
        completions = [self._store.get(key) for key in keys]
        first: dict[str, int] = {}  # equal prompts in one batch are generated once
        for i, key in enumerate(keys):
            if completions[i] is None:
                first.setdefault(key, i)
        missing = list(first.values())
        self.hits += len(prompts) - len(missing)
        self.misses += len(missing)
        if prompts:
            self._store.count(len(prompts) - len(missing), len(missing))
        if on_finished:
            for i, completion in enumerate(completions):
                if completion:
                    on_finished(i, completion)

        def keep(j: int, completion: Completion) -> None:
            i = missing[j]
            if completion.error is None:
                self._store.put(keys[i], self.identity, completion)
            if on_finished:
                on_finished(i, completion)

        fresh = self._engine.generate([prompts[i] for i in missing], decoding, keep) if missing else []
        for i, completion in zip(missing, fresh, strict=True):
            completions[i] = completion
        finished: list[Completion] = []
        for i, (key, completion) in enumerate(zip(keys, completions, strict=True)):
            if completion is None:  # the same as an earlier prompt of this batch
                twin = completions[first[key]]
                assert twin is not None  # every first of its key was generated above
                completion = replace(twin, cached=True)
                if on_finished:
                    on_finished(i, completion)
            finished.append(completion)
        return finished

    def close(self) -> None:
        """Free the engine's model; the store stays open."""
        self._engine.close()


def generation_key(identity: str, prompt: Prompt, decoding: Decoding) -> str:
    """SHA-256 of everything that decides a generation."""
    decided_by = json.dumps([identity, prompt.digest, decoding.as_dict()], sort_keys=True)
    return hashlib.sha256(decided_by.encode()).hexdigest()


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
    """What a store holds. `size` is in bytes; hits and misses are of all its sessions."""

    size: int
    engines: tuple[EngineRows, ...]
    sessions: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float | None:
        """The share of prompts whose answer was there already; None before the first prompt."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


def describe_store(path: Path) -> StoreReport:
    """Count a store's rows by engine, and read each to find the damaged ones.

    Raises UserError in one line when there is no store at `path`.
    """
    with _open_existing(path) as connection:
        rows_of: dict[str, list[float]] = {}
        for key, engine, body, checksum, written in connection.execute(_EVERY_ROW):
            rows = rows_of.setdefault(engine, [0, 0, written, written])
            rows[0] += 1
            rows[1] += _is_damaged(key, body, checksum)
            rows[2:] = min(rows[2], written), max(rows[3], written)
        sessions, hits, misses = connection.execute(
            "SELECT count(*), coalesce(sum(hits), 0), coalesce(sum(misses), 0) FROM sessions"
        ).fetchone()
    engines = tuple(
        EngineRows(engine, int(rows), int(damaged), first, last)
        for engine, (rows, damaged, first, last) in sorted(rows_of.items())
    )
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.name in _files_of(path))
    return StoreReport(size, engines, sessions, hits, misses)


def prune_store(
    path: Path, engine: str | None = None, older_than: float | None = None, damaged: bool = False
) -> dict[str, int]:
    """Remove the rows that meet every condition given, give their space back, and return how many by engine.

    `engine` is a part of the engine's identity, `older_than` is in days. Raises UserError in one line
    when no condition is given and when there is no store at `path`.
    """
    if engine is None and older_than is None and not damaged:
        raise UserError("say what is to be removed: --engine, --older-than or --damaged")
    latest = time.time() - (older_than or 0) * _DAY
    removed: dict[str, int] = {}
    with _open_existing(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        chosen = [
            (key, name)
            for key, name, body, checksum, written in connection.execute(_EVERY_ROW)
            if (engine is None or engine in name)
            and (older_than is None or written < latest)
            and (not damaged or _is_damaged(key, body, checksum))
        ]
        for key, name in chosen:
            connection.execute("DELETE FROM generations WHERE key = CAST(? AS TEXT)", (key,))
            removed[name] = removed.get(name, 0) + 1
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


@contextmanager
def _open_existing(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a store that is there already; what SQLite can't read becomes a ValueError."""
    if not path.is_file() or not path.stat().st_size:
        raise UserError(f"there is no store at {path}")
    try:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.text_factory = _read_text
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "generations" not in tables:
                raise UserError(f"{path} is not a store")
            for table in _SCHEMA:
                connection.execute(table)
            yield connection
    except sqlite3.Error as error:
        raise UserError(f"cannot read the store {path}: {error}; move the file away or name another") from error


def _files_of(path: Path) -> set[str]:
    return {path.name + suffix for suffix in ("", "-wal", "-shm")}


def _read_text(content: bytes) -> str:
    """A column's text; what isn't UTF-8 in it comes out as other text, whose checksum is another."""
    return content.decode("utf-8", "replace")


def _is_damaged(key: str | bytes, body: object, checksum: object) -> bool:
    key = key if isinstance(key, str) else _read_text(key)
    return not isinstance(body, str) or _checksum(key, body) != checksum


def _checksum(key: str, body: str) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode("utf-8", "surrogatepass")).hexdigest()
