"""An entry's folder: four plain files with fixed names, and a signature if it has one, read within bounds.

An entry of claims alone, which no answer stands behind, is its first file by itself.

Only folders are read, no archives; names are fixed, so no path in a submission is ever followed; a link or any
further file is refused. YAML is read as JSON's values alone: no tags, no anchors or aliases, no key twice.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry.entry import Entry
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE, Role

ENTRY, RECORDS, MANIFEST, HASHES = "entry.yaml", RECORDS_FILE, MANIFEST_FILE, "hashes.json"
HASHED = (ENTRY, RECORDS, MANIFEST)
LONGEST = {ENTRY: 300_000, MANIFEST: 10_000_000, HASHES: 10_000, RECORDS: 500_000_000}  # bytes
SIGNATURE = "hashes.json.sigstore.json"  # what sigstore writes beside what it signs; an entry needs none
# What model-signing writes of a checkpoint's folder, by the part's role.
WEIGHTS_SIGNED = {role: f"{role}.sig" for role in Role}
OPTIONAL = {SIGNATURE: 100_000, **dict.fromkeys(WEIGHTS_SIGNED.values(), 1_000_000)}  # bytes
DEEPEST = 12  # of YAML
HASHED_AT_ONCE = 2**16  # bytes


class UnreadableFile(UserError):
    """A file that isn't what it should be: its name and the reason, in one bounded line."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file, self.reason = file, reason


def check_folder(folder: Path) -> list[str]:
    """What is wrong with the folder itself, one reason each; nothing in it is opened."""
    try:
        return _check_folder(folder)
    except OSError as error:
        return [f"{show_value(str(folder))} can't be read: {show_value(error.strerror or str(error))}"]


def _check_folder(folder: Path) -> list[str]:
    if folder.is_symlink():
        return [f"{folder} is a link; give the folder itself"]
    if folder.is_file():
        return [f"{folder} is a file: an entry is a folder, and archives aren't unpacked"]
    if not folder.is_dir():
        return [f"there is no folder {folder}"]
    reasons = []
    with os.scandir(folder) as items:
        listed = {item.name: item.stat(follow_symlinks=False) for item in items}
    for name, facts in sorted(listed.items()):
        longest = (LONGEST | OPTIONAL).get(name)
        if longest is None:
            reasons.append(f"{show_value(name)} doesn't belong in an entry; it holds {', '.join(LONGEST)} alone")
        elif not stat.S_ISREG(facts.st_mode):
            reasons.append(f"{name} is a link or no plain file")
        elif facts.st_size > longest:
            reasons.append(f"{name} has {facts.st_size:,} bytes, more than {longest:,}")
    needed = [ENTRY] if listed.keys() <= {ENTRY} else LONGEST
    return reasons + [f"{name} is missing" for name in needed if name not in listed]


def list_files(folder: Path) -> list[str]:
    """The names of the files that an entry's folder holds of those it may hold, in their order."""
    with os.scandir(folder) as items:  # a look for each would be ten thousand on a board of a thousand entries
        there = {item.name for item in items}
    return [name for name in (*LONGEST, *OPTIONAL) if name in there]


def load_entry(path: Path) -> Entry:
    """The entry in a folder. Raises UnreadableFile for what isn't one; claims aren't verified here."""
    reasons = check_folder(path)
    if reasons:
        raise UnreadableFile(str(path), reasons[0])
    return read_entry(path / ENTRY)


def list_entries(board: Path) -> list[Entry]:
    """The entries in a folder of entries' folders, by claims alone; folders that hold none are passed over."""
    entries = []
    for folder in sorted(path for path in board.iterdir() if path.is_dir() and not path.name.startswith(".")):
        try:
            entries.append(load_entry(folder))
        except UnreadableFile:
            continue
    return entries


def read_entry(path: Path) -> Entry:
    """The entry in a YAML file. Raises UnreadableFile naming the field."""
    return parse_entry(read_yaml(path), path.name)


def parse_entry(fields: Any, where: str = ENTRY) -> Entry:
    """An entry from YAML's values. Raises UnreadableFile naming the field."""
    try:
        # As JSON, so that strict fields take lists for tuples.
        return Entry.model_validate_json(json.dumps(fields, allow_nan=True))
    except ValidationError as error:
        raise UnreadableFile(where, first_reason(error)) from error
    except RecursionError as error:
        raise UnreadableFile(where, "nested too deeply") from error


def first_reason(error: ValidationError) -> str:
    """The first thing wrong in a validation error, with its field, in one bounded line."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"{show_value(field)}: {show_value(first['msg'].removeprefix('Value error, '))}"


def read_yaml(path: Path) -> Any:
    """A YAML file's values. Raises UnreadableFile for what is too large, or more than plain values."""
    text = _read_text(path, LONGEST[ENTRY])
    try:
        value = _read_plain(text)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        raise UnreadableFile(path.name, f"{show_value(problem)}{f', line {mark.line + 1}' if mark else ''}") from error
    except (RecursionError, ValueError) as error:  # ValueError: a number of more digits than Python reads
        raise UnreadableFile(path.name, show_value(str(error))) from error
    refuse_half_characters(value, path.name)
    return value


def write_yaml(fields: Mapping[str, Any]) -> str:
    """Values as YAML that `read_yaml` takes."""
    return yaml.dump(fields, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, width=120)


def read_json(path: Path, longest: int) -> dict[str, Any]:
    """A JSON object.

    Raises UnreadableFile for anything else, for NaN, for text that no file can hold, and for more than `longest` bytes.
    """
    text = _read_text(path, longest)
    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(path.name, show_value(str(error)) or "nested too deeply") from error
    if not isinstance(value, dict):
        raise UnreadableFile(path.name, "not a JSON object")
    refuse_half_characters(value, path.name)
    return value


def refuse_half_characters(value: Any, file: str) -> None:
    r"""Raise UnreadableFile where a text holds half of a surrogate pair (`\ud800`), which no file can hold."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError as error:
        raise UnreadableFile(file, f"it holds half a character, {error.object[error.start : error.end]!r}") from error


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes. Raises UnreadableFile when it can't be read."""
    digest = hashlib.sha256()
    with _opening(path) as file:
        while part := file.read(HASHED_AT_ONCE):
            digest.update(part)
    return digest.hexdigest()


def write_hashes(folder: Path) -> None:
    """Write `hashes.json` for the other files of an entry's folder."""
    files = {name: hash_file(folder / name) for name in HASHED}
    (folder / HASHES).write_text(json.dumps({"algorithm": "sha256", "files": files}, indent=2) + "\n")


@contextmanager
def _opening(path: Path) -> Iterator[BufferedReader]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise UnreadableFile(path.name, show_value(error.strerror or str(error)).lower()) from error


def _read_text(path: Path, longest: int) -> str:
    with _opening(path) as file:
        raw = file.read(longest + 1)
    if len(raw) > longest:
        raise UnreadableFile(path.name, f"larger than {longest:,} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(path.name, "not UTF-8") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"holds {name}, which is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("holds a key twice")
    return fields


# libyaml's parser where PyYAML was built with it: ten times as fast, for a leaderboard of many entries.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read_plain(text: str) -> Any:
    """The values of one YAML document. Raises yaml's error for tags, anchors, aliases, depth and a key twice.

    Read from the parser's events alone, so that nothing is ever composed of what is refused.
    """
    events: Iterator[Any] = yaml.parse(text, Loader=_Parser)
    values = [_read_node(next(events), events, 1) for event in events if isinstance(event, yaml.DocumentStartEvent)]
    if len(values) > 1:
        raise yaml.composer.ComposerError(None, None, "expected one document, but found another document", None)
    return values[0] if values else None


def _read_node(event: Any, events: Iterator[Any], depth: int) -> Any:
    if isinstance(event, yaml.AliasEvent) or event.anchor:
        raise yaml.composer.ComposerError(None, None, "anchors and aliases aren't read", event.start_mark)
    if event.tag:
        raise yaml.composer.ComposerError(None, None, f"the tag {show_value(event.tag)} isn't read", event.start_mark)
    if depth > DEEPEST:
        raise yaml.composer.ComposerError(None, None, "nested too deeply", event.start_mark)
    if isinstance(event, yaml.ScalarEvent):
        return _read_scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        values = []
        while not isinstance(item := next(events), yaml.SequenceEndEvent):
            values.append(_read_node(item, events, depth + 1))
        return values
    mapping: dict[Any, Any] = {}
    written = set()
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name, mark = _read_node(key, events, depth + 1), key.start_mark
        if not isinstance(key, yaml.ScalarEvent):
            raise yaml.constructor.ConstructorError(None, None, "found unhashable key", mark)
        if key.value in written or name in mapping:
            raise yaml.constructor.ConstructorError(None, None, "a key stands twice", mark)
        written.add(key.value)
        mapping[name] = _read_node(next(events), events, depth + 1)
    return mapping


@lru_cache(maxsize=4096)  # keys and names, which an entry repeats
def _read_scalar(text: str) -> Any:
    """The value of an unquoted text. A date is the text it is written as, and so is `<<`."""
    tag = _PLAIN.resolve(yaml.ScalarNode, text, (True, False))
    return text if tag in _READ_AS_TEXT else _PLAIN.yaml_constructors[tag](_PLAIN, yaml.ScalarNode(tag, text))


_READ_AS_TEXT = ("tag:yaml.org,2002:str", *(f"tag:yaml.org,2002:{name}" for name in ("timestamp", "merge", "value")))
_PLAIN: Any = yaml.SafeLoader("")


class _PlainDumper(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Text with Unicode's own line ends is quoted: elsewhere they would be read as line breaks."""
        style = '"' if any(end in text for end in "\x85\u2028\u2029") else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_PlainDumper.add_representer(str, _PlainDumper.represent_text)
_PlainDumper.add_multi_representer(StrEnum, lambda dumper, word: dumper.represent_text(str(word)))
