"""Row files: JSON lines by the rows' ids, of which no stop leaves a torn, lost or repeated one."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sightscale.tasks.errors import UserError


class RowFile:
    """A JSONL file of rows with an `id`. What a killed run left half written is taken away on opening."""

    def __init__(self, path: Path) -> None:
        """Raises UserError when the file can't be read."""
        self.path = path
        self._places: dict[str, tuple[int, int]] = {}  # id to offset and length
        if path.is_dir():
            raise UserError(f"{path} is a folder, not a file of rows")
        if path.is_file() and not self._scan():
            self.keep(list(self._places))

    def __contains__(self, identity: str) -> bool:
        return identity in self._places

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> list[str]:
        """The rows' ids, in the file's order."""
        return list(self._places)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") if self._places else open(os.devnull, "rb") as file:  # noqa: PTH123
            for offset, length in list(self._places.values()):
                file.seek(offset)
                yield json.loads(file.read(length))

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows at the end; they are on the disk when this returns."""
        with self.path.open("ab") as file:
            offset = file.seek(0, os.SEEK_END)
            for row in rows:
                # A lone surrogate can't be written as UTF-8; as an escape it reads back the same.
                line = json.dumps(row, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
                file.write(line)
                self._places[str(row["id"])] = (offset, len(line))
                offset += len(line)
            file.flush()
            os.fsync(file.fileno())

    def keep(self, ids: list[str]) -> None:
        """Write the file anew with these rows in this order, whole or not at all; ids that it lacks are passed over."""
        wanted = [identity for identity in ids if identity in self._places]
        partial = self.path.with_name(f"{self.path.name}.partial")
        places: dict[str, tuple[int, int]] = {}
        with self.path.open("rb") as old, partial.open("wb") as new:
            for identity in wanted:
                offset, length = self._places[identity]
                old.seek(offset)
                places[identity] = (new.tell(), length)
                new.write(old.read(length))
            new.flush()
            os.fsync(new.fileno())
        partial.replace(self.path)
        self._places = places

    def _scan(self) -> bool:
        """Note each whole row's place; False when there is anything else in the file, or a row twice."""
        clean, offset = True, 0
        with self.path.open("rb") as file:
            for line in file:
                identity = _read_id(line)
                if identity is None or identity in self._places:
                    clean = False
                else:
                    self._places[identity] = (offset, len(line))
                offset += len(line)
        return clean


def _read_id(line: bytes) -> str | None:
    """The id of a whole row; None of anything else."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    identity = row.get("id") if isinstance(row, dict) else None
    return identity if isinstance(identity, str) else None
