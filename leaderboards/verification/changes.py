"""Changes: which entries a pull request touches, by git alone; none of its code is checked out."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sightscale.harness.pages import show_value
from sightscale.tasks.errors import UserError

REVISIONS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/~^@-]{0,200}(\.\.\.?)[A-Za-z0-9][A-Za-z0-9._/~^@-]{0,200}")
SECONDS = 120  # that git may take


@dataclass(frozen=True)
class Changes:
    """Folders of new or changed entries, names of removed ones, and paths outside of any entry."""

    entries: tuple[Path, ...]
    removed: tuple[str, ...]
    others: tuple[str, ...]

    def lines(self) -> list[str]:
        """What a maintainer should know before the issues."""
        lines = [f"removed: {show_value(name)}" for name in self.removed]
        if self.others:
            lines.append(
                f"also changed outside of entries: {len(self.others)} files, the first {show_value(self.others[0])}"
            )
        return lines or (["no entry is changed"] if not self.entries else [])


def find_changes(revisions: str, entries: Path) -> Changes:
    """What `revisions` (BASE...HEAD) changes in the folder `entries` of the repository around it.

    The head must be what is checked out, since the folders are read from disk. Raises UserError in one line for
    what are no revisions, and when git can't compare them.
    """
    if not REVISIONS.fullmatch(revisions):
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
    remaining = [name for name in touched if (entries / name).exists() or (entries / name).is_symlink()]
    removed = tuple(name for name in touched if name not in remaining)
    return Changes(tuple(entries / name for name in remaining), removed, tuple(others))


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, timeout=SECONDS)
    except OSError as error:
        raise UserError(f"git is needed to see what changed: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"git took more than {SECONDS} s to see what changed") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise UserError(f"git can't compare: {show_value(lines[0])}")
    return done.stdout
