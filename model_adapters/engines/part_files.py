"""Part files: a store that several machines share, where SQLite's locks and shared memory can't be relied on.

It is a folder. Each writer, a process on a host, appends to one file of its own; what the store holds is the union
of all files. A line is one generation, or a writer's count of hits and misses. A line without its end is one that is
still being written, or that a killed writer left; a line that doesn't match its checksum is not used.
"""

import hashlib
import json
import logging
import os
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sightscale.model_adapters.engines import Completion
from sightscale.model_adapters.engines.generations import Generation, keep
from sightscale.tasks.errors import UserError, blaming

SUFFIX = ".jsonl"
_BLOCK = 8 * 2**20  # bytes that are read together
_PAUSE = 1.0  # seconds between two looks for what others have written, and between two forced writes
_SAID = 5  # conflicts that are named; the others are counted

logger = logging.getLogger(__name__)


@dataclass
class _Part:
    """One writer's file, how far it was read, and its descriptor once a line was looked up."""

    path: Path
    end: int = 0
    descriptor: int | None = None


class PartFiles:
    """Finished generations in a folder of append-only files. Safe for threads, processes and machines."""

    def __init__(self, folder: Path, pause: float = _PAUSE) -> None:
        """Use or make the folder; `pause` is how many seconds what others write may go unseen.

        Raises UserError in one line when it can't be used.
        """
        self.path, self._pause = folder, pause
        with blaming(folder, "use the store"):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._parts: dict[str, _Part] = {}
        self._numbers: list[str] = []  # names of the files, by the numbers that the index has
        self._writing: int | None = None
        self._writer = 0  # the process that opened the file it writes to
        self._looked = self._forced = -pause
        self._sessions: dict[str, list[int]] = {}  # hits and misses of each writer
        self.conflicts = 0  # keys under which another text was met
        # A private database without a name lies in a temporary file of this machine: the index needs no memory.
        self._index = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._index.execute(
            "CREATE TABLE places (key TEXT PRIMARY KEY, part INTEGER, start INTEGER, length INTEGER, written REAL, "
            "text BLOB) WITHOUT ROWID"
        )

    def get(self, key: str) -> Completion | None:
        """The completion kept under `key`, whoever wrote it; None when there is none."""
        with self._lock:
            row = self._find(key)
            if row is None and time.monotonic() - self._looked >= self._pause:
                self.look()
                row = self._find(key)
            if row is None:
                return None
            line = self._read(*row)
        generation = _parse(line)
        return generation.completion if isinstance(generation, Generation) else None

    def put(self, key: str, engine: str, completion: Completion) -> None:
        """Append a completion to this process's file. Raises RuntimeError when it can't be written."""
        self.put_row(keep(key, engine, completion, time.time()))

    def put_row(self, row: Generation) -> None:
        """Append a row as another store has it."""
        self._append(asdict(row))

    def count(self, hits: int, misses: int) -> None:
        """Count how often this writer found an answer here, and how often not."""
        self._append({"hits": hits, "misses": misses}, force=True)

    def look(self) -> None:
        """Read what the files hold beyond what was read before."""
        with self._lock:
            self._looked = time.monotonic()
            with blaming(self.path, "read the store"):
                names = sorted(entry.name for entry in os.scandir(self.path) if entry.name.endswith(SUFFIX))
            self._index.execute("BEGIN")
            for name in names:
                if name not in self._parts:
                    self._parts[name] = _Part(self.path / name)
                    self._numbers.append(name)
                self._read_on(name)
            self._index.execute("COMMIT")

    def rows(self) -> Iterator[Generation]:
        """Each generation once, also damaged ones; of equal keys the one that was written first."""
        self.look()
        for name in self._numbers:
            number = self._numbers.index(name)
            for start, line in _lines(self._parts[name].path, 0):
                generation = _parse(line)
                if generation is None:
                    yield Generation("", "", None, None, 0.0)
                elif isinstance(generation, Generation):
                    place = self._find(generation.key)
                    if generation.is_damaged or (place and place[:2] == (number, start)):
                        yield generation

    def sessions(self) -> tuple[int, int, int]:
        """How many writers it had, and their hits and misses."""
        self.look()
        hits, misses = (sum(totals[i] for totals in self._sessions.values()) for i in (0, 1))
        return len(self._sessions), hits, misses

    def __len__(self) -> int:
        self.look()
        with self._lock:
            return int(self._index.execute("SELECT count(*) FROM places").fetchone()[0])

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.path.glob(f"*{SUFFIX}"))

    def close(self) -> None:
        """Close the files; what was written is forced to the disk."""
        with self._lock:
            for part in self._parts.values():
                if part.descriptor is not None:
                    os.close(part.descriptor)
                    part.descriptor = None
            if self._writing is not None and self._writer == os.getpid():
                os.fsync(self._writing)
                os.close(self._writing)
            self._writing = None

    def _append(self, values: dict[str, Any], force: bool = False) -> None:
        line = json.dumps(values).encode() + b"\n"
        with self._lock:
            try:
                if self._writing is None or self._writer != os.getpid():  # a forked process has a file of its own
                    self._writing, self._writer = _begin_file(self.path), os.getpid()
                rest = memoryview(line)
                while rest:
                    rest = rest[os.write(self._writing, rest) :]
                # Other machines see what was forced out; after a crash of this one it is there.
                if force or time.monotonic() - self._forced >= self._pause:
                    os.fsync(self._writing)
                    self._forced = time.monotonic()
            except OSError as error:
                raise RuntimeError(
                    f"cannot go on with the store {self.path}: {error}; free the disk, or name another folder"
                ) from error

    def _find(self, key: str) -> tuple[int, int, int] | None:
        with self._lock:
            row = self._index.execute("SELECT part, start, length FROM places WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def _read(self, number: int, start: int, length: int) -> bytes:
        part = self._parts[self._numbers[number]]
        if part.descriptor is None:
            part.descriptor = os.open(part.path, os.O_RDONLY)
        return os.pread(part.descriptor, length, start)

    def _read_on(self, name: str) -> None:
        part, number = self._parts[name], self._numbers.index(name)
        for start, line in _lines(part.path, part.end):
            part.end = start + len(line) + 1
            generation = _parse(line)
            if isinstance(generation, dict):
                totals = self._sessions.setdefault(name, [0, 0])
                totals[0] += generation["hits"]
                totals[1] += generation["misses"]
            elif generation is not None and generation.text is not None:
                self._add(generation, number, start, len(line))

    def _add(self, generation: Generation, number: int, start: int, length: int) -> None:
        text = hashlib.sha256(str(generation.text).encode("utf-8", "surrogatepass")).digest()[:16]
        known = self._index.execute(
            "SELECT part, written, text FROM places WHERE key = ?", (generation.key,)
        ).fetchone()
        if known is not None:
            if known[2] != text:
                self.conflicts += 1
                if self.conflicts <= _SAID:
                    logger.warning(conflict(self.path, generation))
            # Every reader chooses alike: the earliest, and of two at one time that of the file whose name is first.
            if (known[1], self._numbers[known[0]]) <= (generation.written, self._numbers[number]):
                return
        self._index.execute(
            "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?, ?)",
            (generation.key, number, start, length, generation.written, text),
        )


def conflict(path: Path, generation: Generation) -> str:
    """What is said of a key that holds two texts."""
    return (
        f"the store {path} holds different texts under one key ({generation.key[:12]}… of {generation.engine}); "
        "the earliest is used. Batches of another size or another device can do that: run with one set-up to compare"
    )


def _begin_file(folder: Path) -> int:
    """The descriptor of a new file that is this process's own, named after its host and number."""
    host = re.sub(r"[^\w.-]", "_", socket.gethostname()) or "host"
    number = 0
    while True:  # a host may give a process the number of an earlier one
        name = f"{host}-{os.getpid()}{f'-{number}' if number else ''}{SUFFIX}"
        try:
            return os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            number += 1


def _lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from `start` on, each with its place and without its end."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            rest = b""
            while block := file.read(_BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield start, line
                    start += len(line) + 1
    except OSError as error:
        raise UserError(f"cannot read the store's file {path}: {(error.strerror or str(error)).lower()}") from error


def _parse(line: bytes) -> Generation | dict[str, int] | None:
    """A line's generation, its count of hits and misses, or None when it is neither."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    if set(values) == {"hits", "misses"} and all(type(value) is int for value in values.values()):
        return values
    texts = [values.get(name) for name in ("key", "engine", "body", "checksum")]
    written = values.get("written")
    if not all(isinstance(text, str) for text in texts) or not isinstance(written, (int, float)):
        return None
    key, engine, body, check = (str(text) for text in texts)
    return Generation(key, engine, body, check, float(written))
