"""The store: every finished generation, on disk the moment it is finished, in one SQLite file.

A generation is keyed by what decides it: the prompt with its pixels, the engine's identity (model,
weights, class, dtype) and the decoding with its seed. Write-ahead logging lets several processes
share a file; each row carries a checksum, and a row that doesn't match its own is not used.
"""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sightscale.model_adapters.engines import Completion, Decoding, Engine, OnFinished, Prompt

_SCHEMA = """
CREATE TABLE IF NOT EXISTS generations (
    key TEXT PRIMARY KEY, engine TEXT NOT NULL, body TEXT NOT NULL, checksum TEXT NOT NULL, written REAL NOT NULL
) WITHOUT ROWID
"""


class Store:
    """Finished generations by key. Safe for concurrent processes and threads."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ValueError in one line when it can't be used."""
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=60, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ValueError(f"cannot use the store {path}: {error}; move the file away or name another") from error

    def get(self, key: str) -> Completion | None:
        """The completion kept under `key`; None when there is none or its row is damaged."""
        with self._lock:
            row = self._connection.execute("SELECT body, checksum FROM generations WHERE key = ?", (key,)).fetchone()
        if row is None or _checksum(key, row[0]) != row[1]:
            return None
        return Completion(**json.loads(row[0]), cached=True)

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Keep a completion; replaces what stood there."""
        fields = asdict(completion)
        del fields["cached"]
        body = json.dumps(fields)
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO generations VALUES (?, ?, ?, ?, ?)",
                (key, engine, body, _checksum(key, body), time.time()),
            )

    def __len__(self) -> int:
        with self._lock:
            return self._connection.execute("SELECT count(*) FROM generations").fetchone()[0]

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


def _checksum(key: str, body: str) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode()).hexdigest()
