"""Changes: which entries a pull request touches, by git alone; none of its code is checked out.

What stood at the base is read from git's own objects within the same bounds as any entry, so that a change says what
it changes: who rewrites somebody else's entry is named first.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightscale.harness.evaluation import KEY
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    LONGEST,
    RECORDS,
    Entry,
    UnreadableFile,
    read_entry,
    read_submitted,
)
from sightscale.leaderboards.verification.bounded import TooMuch, Worker
from sightscale.tasks.errors import UserError

REVISIONS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@-]{0,200}(\.\.\.?)[A-Za-z0-9][A-Za-z0-9._/~^@-]{0,200}")
SECONDS = 120  # that git may take
MOST_FIELDS = 12  # told of one changed entry
WHO = ("title", "contact", "name", "licence", "notes", "visual_data", "date")  # told with both values, in this order


@dataclass(frozen=True)
class Changes:
    """Folders of new and of changed entries, names of removed ones, what the changed ones say, and further paths."""

    new: tuple[Path, ...]
    changed: Mapping[Path, tuple[str, ...]]
    removed: Mapping[str, str]  # by name, whose it was
    others: tuple[str, ...]

    @property
    def entries(self) -> tuple[Path, ...]:
        """The folders to verify, those first that were there already."""
        return (*self.changed, *self.new)

    def lines(self) -> list[str]:
        """What a maintainer should know before the issues, what was there already first."""
        lines = []
        for folder, reasons in self.changed.items():
            what = "; ".join(reasons) or "no field and no answer: the files are written otherwise"
            lines.append(f"CHANGED, it was on the board already: {show_value(folder.name)}: {what}")
        lines += [f"DELETED: {show_value(name)}: {whose}" for name, whose in self.removed.items()]
        lines += [f"new: {show_value(folder.name)}" for folder in self.new]
        if self.others:
            lines.append(
                f"also changed outside of entries: {len(self.others)} files, the first {show_value(self.others[0])}"
            )
        return lines or ["no entry is changed"]


def find_changes(revisions: str, entries: Path) -> Changes:
    """What `revisions` (BASE...HEAD) changes in the folder `entries` of the repository around it.

    The head must be what is checked out, since the folders are read from disk. Raises UserError in one line for
    what are no revisions, and when git can't compare them.
    """
    match = REVISIONS.fullmatch(revisions)
    if not match:
        raise UserError(f"{show_value(revisions)} are no revisions; write BASE...HEAD")
    if not entries.is_dir():
        raise UserError(f"there is no folder {entries}")
    root = Path(_git(entries, "rev-parse", "--show-toplevel").decode().strip())
    listed = _git(entries, "diff", "--name-only", "--no-renames", "-z", "--end-of-options", revisions, "--")
    paths = [raw.decode("utf-8", "replace") for raw in listed.split(b"\0") if raw]
    where = entries.resolve().relative_to(root.resolve()).parts
    touched: dict[str, None] = {}
    others = []
    for path in paths:
        parts = Path(path).parts
        if parts[: len(where)] == where and len(parts) > len(where) + 1:
            touched[parts[len(where)]] = None
        else:
            others.append(path)
    base = _find_base(entries, revisions, match[1])
    new, changed, removed = [], {}, {}
    for name in touched:
        folder, at = entries / name, "/".join((*where, name))
        was_there = bool(_git(entries, "ls-tree", "--name-only", "--full-tree", base, "--", f"{at}/"))
        if not (folder.exists() or folder.is_symlink()):
            removed[name] = _whose(entries, base, at)
        elif was_there:
            changed[folder] = tuple(_compare(folder, entries, base, at))
        else:
            new.append(folder)
    return Changes(tuple(new), changed, removed, tuple(others))


def _find_base(folder: Path, revisions: str, dots: str) -> str:
    base, head = revisions.split(dots)
    if dots == "...":
        return _git(folder, "merge-base", "--end-of-options", base, head).decode().strip()
    return _git(folder, "rev-parse", "--verify", "--end-of-options", f"{base}^{{commit}}").decode().strip()


def _whose(folder: Path, base: str, at: str) -> str:
    with tempfile.TemporaryDirectory() as place:
        before = _entry_at(folder, base, at, Path(place))
    return _describe(before) if before else "what was there can't be read"


def _describe(entry: Entry) -> str:
    return f"{show_value(entry.title or entry.name)}, of {show_value(entry.contact)}, {entry.date}"


def _compare(now: Path, folder: Path, base: str, at: str) -> Iterator[str]:
    """What a changed entry changes: fields with both values, scores, and answers."""
    with tempfile.TemporaryDirectory() as place:
        before = _entry_at(folder, base, at, Path(place))
        if before is None:
            yield "what was there can't be read"
            return
        yield f"it was {_describe(before)}"
        try:
            after = read_entry(now / ENTRY)
        except UnreadableFile as problem:
            yield f"what is there now can't be read: {problem.reason}"
            return
        yield from _compare_fields(before, after)
        had = bool(_git(folder, "ls-tree", "--name-only", "--full-tree", base, "--", f"{at}/{RECORDS}"))
        has = (now / RECORDS).is_file()
        if not (had and has):
            if had or has:
                yield f"its answers are {'gone' if had else 'added'}"
            return
        try:
            old = _save(folder, base, at, RECORDS, Path(place))
            with Worker() as worker:  # records are a stranger's, on both sides
                new = str((now / RECORDS).absolute())
                yield from worker.call(f"{__name__}:compare_answers", old=str(old), new=new)
        except (UserError, TooMuch) as problem:
            yield f"answers can't be compared: {show_value(str(problem))}"


def _compare_fields(before: Entry, after: Entry) -> Iterator[str]:
    for name in WHO:
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield f"{name} {show_value(old)} → {show_value(new)}"
    left = [
        name
        for name in type(before).model_fields
        if name not in (*WHO, "scores", "averages") and getattr(before, name) != getattr(after, name)
    ]
    if left:
        yield f"also {', '.join(left[:MOST_FIELDS])}"
    old_scores = {(score.task, str(score.condition)): score.score for score in before.scores}
    new_scores = {(score.task, str(score.condition)): score.score for score in after.scores}
    moved = [key for key in old_scores.keys() & new_scores.keys() if old_scores[key] != new_scores[key]]
    if moved:
        most = max(moved, key=lambda key: abs(new_scores[key] - old_scores[key]))
        by = 100 * (new_scores[most] - old_scores[most])
        yield f"{len(moved)} scores, most {show_value(most[0])} under {most[1]} by {by:+.1f} points"
    for word, keys in (
        ("added", new_scores.keys() - old_scores.keys()),
        ("gone", old_scores.keys() - new_scores.keys()),
    ):
        if keys:
            yield f"{len(keys)} scores {word}"


def compare_answers(old: str, new: str) -> list[str]:
    """Called in a worker: how many answers differ between two files of records, in words; nothing where none does."""
    try:
        read = [read_submitted(Path(path), bounded=True) for path in (old, new)]
    except UnreadableFile as problem:
        return [f"answers can't be compared: {show_value(str(problem))}"]
    sides = [rows.drop_duplicates(KEY).set_index(KEY)["response"].fillna("") for rows in read]
    both = sides[0].to_frame("old").join(sides[1].to_frame("new"), how="inner")
    differ = int((both["old"] != both["new"]).sum())
    further, missing = len(sides[1]) - len(both), len(sides[0]) - len(both)
    told = f"{differ:,} of {len(both):,} answers differ, {further:,} are added and {missing:,} gone"
    return [told] if differ or further or missing else []


def _entry_at(folder: Path, base: str, at: str, place: Path) -> Entry | None:
    try:
        return read_entry(_save(folder, base, at, ENTRY, place))
    except UserError:
        return None


def _save(folder: Path, base: str, at: str, name: str, place: Path) -> Path:
    """A file as it was at the base, in `place`. Raises UserError for one that isn't there, or is too large."""
    blob = f"{base}:{at}/{name}"
    if int(_git(folder, "cat-file", "-s", blob)) > LONGEST[name]:
        raise UserError(f"{name} was larger than {LONGEST[name]:,} bytes")
    (place / name).write_bytes(_git(folder, "cat-file", "blob", blob))
    return place / name


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "--literal-pathspecs", "-C", str(folder), *arguments], capture_output=True, timeout=SECONDS
        )
    except OSError as error:
        raise UserError(f"git is needed to see what changed: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"git took more than {SECONDS} s to see what changed") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise UserError(f"git can't compare: {show_value(lines[0])}")
    return done.stdout
