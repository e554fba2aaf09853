"""Conversation files: rows in LLaVA's or ShareGPT's format, read one at a time from JSON, JSONL or parquet.

A file is gone through once when it is opened: each row is checked, its place noted, and a row that can't
be used is kept as a `BadRow` with its place and the reason. Rows are read again, and pictures
opened, only when a batch needs them, so a file may be larger than memory.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from PIL import Image

from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.pictures import UnreadablePicture, open_picture, read_size
from sightscale.trainers.data.conversations import IMAGE, Conversation

ROLES = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
BLOCK = 1 << 20  # characters read at a time from a JSON array
LONGEST_ROW = 64 * BLOCK  # characters; beyond it a row without an end is taken for a broken file


@dataclass(frozen=True)
class BadRow:
    """A row that can't be used: its file, its place (line or number, from 1) and the reason."""

    file: str
    row: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.row}: {self.reason}"


@dataclass(frozen=True)
class Picture:
    """A picture as a row has it: a file's path, or the bytes of one. Called, it is decoded."""

    source: Path | bytes

    def read(self) -> bytes:
        """The file's content."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def __call__(self) -> Image.Image:
        return open_picture(self.source)

    def check(self) -> None:
        """Read the header; pixels are decoded when a batch needs them. Raises UserError when it can't be read."""
        try:
            read_size(self.source)
        except UnreadablePicture as error:
            raise UserError(str(error)) from error


class ConversationFile:
    """The usable rows of one file, in order; `bad` holds the others."""

    def __init__(self, path: Path, images: Path | None = None) -> None:
        """Check every row. Raises UserError when the file can't be read at all."""
        self.path, self.images = path, images
        self.bad: list[BadRow] = []
        self._places: list[tuple[int, int]] = []  # each row's number, and its offset in bytes or its index
        self._table: datasets.Dataset | None = None  # of a parquet file
        if not path.is_file():
            raise UserError(f"there is no conversation file {path}")
        if path.suffix == ".parquet":
            self._open_table()
        elif path.suffix in (".json", ".jsonl"):
            self._check(_json_rows(path))
        else:
            raise UserError(f"{path}: conversation files end in .json, .jsonl or .parquet")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, i: int) -> Conversation:
        return self.read(i, self.raw(i))

    def read(self, i: int, raw: Any) -> Conversation:
        """The conversation at a position, whose row was read before."""
        return read_row(raw, self.images or self.path.parent, f"{self.path.name}:{self._places[i][0]}")

    def raw(self, i: int) -> Mapping[str, Any]:
        """The row at a position as the file holds it, with fields that a conversation has no use for."""
        row: Mapping[str, Any] = self._read(*self._places[i])
        return row

    def _check(self, rows: Iterator[tuple[int, int, Any]]) -> None:
        folder = self.images or self.path.parent
        for row, place, content in rows:
            try:
                if isinstance(content, ValueError):
                    raise content
                origin = f"{self.path.name}:{row}"
                read_row(content, folder, origin)
                for picture in read_pictures(content, folder, origin):
                    picture.check()
            except (ValueError, OSError) as error:
                self.bad.append(BadRow(self.path.name, row, str(error).removeprefix(f"{self.path.name}:{row}: ")))
            else:
                self._places.append((row, place))

    def _open_table(self) -> None:
        try:
            table = datasets.Dataset.from_parquet(str(self.path))
        except Exception as error:  # whatever keeps the library from reading it, it isn't a table for us
            raise UserError(f"{self.path} is not a parquet file: {first_line(error)}") from error
        self._table = table.with_format("arrow")  # so that pictures stay bytes
        self._check((i + 1, i, self._read(i + 1, i)) for i in range(len(table)))

    def _read(self, row: int, place: int) -> Any:
        if self._table is not None:
            return self._table[place : place + 1].to_pylist()[0]
        with self.path.open("rb") as file:
            file.seek(place)
            if self.path.suffix == ".jsonl":
                return json.loads(file.readline())
            return _decode_one(file)


def read_row(row: Any, folder: Path, origin: str) -> Conversation:
    """One row as a conversation. Raises UserError saying what is wrong with it."""
    if not isinstance(row, Mapping):
        raise UserError(f"{origin}: a row must be an object, not {type(row).__name__}")
    messages = row.get("conversations") or row.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise UserError(f"{origin}: no `conversations`")
    system: str | None = None
    turns: list[tuple[str, str]] = []
    asked: str | None = None
    for message in messages:
        role, text = _read_message(message, origin)
        if role == "system" and not turns and asked is None:
            system = text
        elif role == "user" and asked is None:
            asked = text
        elif role == "assistant" and asked is not None:
            if not text.strip():
                raise UserError(f"{origin}: turn {len(turns) + 1} has an empty answer")
            turns.append((asked, text))
            asked = None
        else:
            raise UserError(f"{origin}: {role} speaks out of turn in turn {len(turns) + 1}")
    if not turns:
        raise UserError(f"{origin}: nothing is answered")
    pictures = read_pictures(row, folder, origin)
    conversation = Conversation(tuple(turns), pictures, origin, system)
    placed = sum(question.count(IMAGE) for question, _ in turns)
    if placed and placed != len(pictures):
        raise UserError(f"{origin}: {placed} places for {len(pictures)} pictures")
    return conversation


def _read_message(message: Any, origin: str) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        raise UserError(f"{origin}: a turn must be an object")
    role = ROLES.get(str(message.get("from") or message.get("role")).lower())
    text = message.get("value", message.get("content"))
    if role is None:
        raise UserError(f"{origin}: unknown speaker {message.get('from') or message.get('role')!r}")
    if not isinstance(text, str):
        raise UserError(f"{origin}: a turn without text")
    return role, text


def read_pictures(row: Mapping[str, Any], folder: Path, origin: str) -> tuple[Picture, ...]:
    """The pictures that a row names, or holds. Raises UserError for one that is neither there nor in `folder`."""
    return tuple(_picture(one, folder, origin) for one in _named_pictures(row))


def _named_pictures(row: Mapping[str, Any]) -> list[Any]:
    named = row.get("images") if row.get("images") is not None else row.get("image")
    if named is None or named == "":
        return []
    return list(named) if isinstance(named, (list, tuple)) else [named]


def _picture(named: Any, folder: Path, origin: str) -> Picture:
    if isinstance(named, Mapping):  # how parquet files of the `datasets` library hold a picture
        if named.get("bytes"):
            return Picture(named["bytes"])
        named = named.get("path")
    if not isinstance(named, str) or not named:
        raise UserError(f"{origin}: a picture is neither a file's name nor bytes")
    path = (folder / named).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UserError(f"{origin}: the picture {named!r} lies outside of {folder}")
    if not path.is_file():
        raise UserError(f"{origin}: there is no picture {named!r} in {folder}")
    return Picture(path)


def _json_rows(path: Path) -> Iterator[tuple[int, int, Any]]:
    """Rows with their number and offset; one that isn't JSON comes as the ValueError that says so."""
    if path.suffix == ".jsonl":
        with path.open("rb") as file:
            offset = _skip_order_mark(file)
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, offset, _parse(line)
                offset += len(line)
        return
    yield from _array_rows(path)


def _parse(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        return ValueError(f"not JSON: {error}")


def _array_rows(path: Path) -> Iterator[tuple[int, int, Any]]:
    """The members of a JSON array, one at a time. Raises UserError where the array itself is broken."""
    with path.open("rb") as file:
        start = _skip(file, _skip_order_mark(file), b"[", path)
        number = 0
        while True:
            file.seek(start)
            start, character = _next_mark(file, start)
            if character in (b"]", b""):
                if character == b"":
                    yield number + 1, start, ValueError("the file ends inside of the array")
                return
            number += 1
            file.seek(start)
            try:
                content = _decode_one(file)
            except ValueError as error:
                yield number, start, ValueError(f"not JSON from here on: {error}")
                return
            yield number, start, content
            start = file.tell()


def _skip_order_mark(file: Any) -> int:
    """Leave the file standing after the mark of its byte order, where it begins with one; that place."""
    place = len(BOM_UTF8) if file.read(len(BOM_UTF8)) == BOM_UTF8 else 0
    file.seek(place)
    return place


def _skip(file: Any, place: int, mark: bytes, path: Path) -> int:
    place, character = _next_mark(file, place)
    if character != mark:
        raise UserError(f"{path} is not a JSON array of rows")
    return place + 1


def _next_mark(file: Any, place: int) -> tuple[int, bytes]:
    """The place and the value of the next byte that is neither white space nor a comma."""
    while True:
        character = file.read(1)
        if character not in (b" ", b"\n", b"\r", b"\t", b","):
            return place, character
        place += 1


def _decode_one(file: Any) -> Any:
    """The JSON value that starts where `file` stands; leaves it standing after the value."""
    start = file.tell()
    block = 1 << 14
    while True:
        file.seek(start)
        raw = file.read(block)
        text = raw.decode("utf-8", "ignore")  # a character may be cut at the end of the block
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            if len(raw) < block or block > LONGEST_ROW:
                raise
            block *= 4
            continue
        file.seek(start + len(text[:end].encode()))
        return value
