"""Gathering: the entries of a leaderboard's folder, each with what this build knows of it.

What was looked at once is kept under a name that says what decides it: the bytes of the entry's files, the code that
looked, and the data it looked with. What is kept is read as data; pages among it go to the site as they are, so the
folder belongs where only builds write.
"""

import hashlib
import logging
import tempfile
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    Entry,
    UnreadableFile,
    check_folder,
    hash_file,
    list_files,
    load_entry,
)
from sightscale.leaderboards.proofs import Result, digest_files, read_results
from sightscale.leaderboards.site.listed import Listed, Questions, read_listed, write_listed
from sightscale.leaderboards.site.proofs import show_proofs
from sightscale.leaderboards.site.reading import list_claims, read_claims
from sightscale.leaderboards.verification import (
    TooMuch,
    Worker,
    check_claimed,
    find_alike,
    prepare,
    refuse,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import DataOrigin

logger = logging.getLogger(__name__)

EMBEDDED = Path(__file__).parents[1] / "entries"  # those that come with sightscale
CODE = ("*.py", "*.yaml", "*.jinja", "*.css", "*.js")
ROOT = Path(__file__).parents[2]
WORKED_ON = ("leaderboards", "harness", "tasks", "model_adapters")  # the floors whose code decides what is said


@dataclass(frozen=True)
class Gathered:
    """The entries that were read, by id, and a line for each folder that was left out."""

    entries: tuple[Listed, ...]
    left_out: tuple[str, ...]


def list_embedded() -> list[Path]:
    """The folders of the entries that come with sightscale."""
    return sorted(path for path in EMBEDDED.iterdir() if path.is_dir())


@contextmanager
def gathering(
    folder: Path,
    *,
    verify: bool = True,
    data: str = DataOrigin.HUB,
    data_root: Path | None = None,
    samples: int = 0,
    kept: Path | None = None,
    proofs: Path | None = None,
    signatures: bool = False,
) -> Iterator[Gathered]:
    """Read every entry in a folder of entries, and verify each if `verify`; reports are there while the context is.

    `kept` is a folder where what was looked at stays for the next time, `proofs` one of what challenges and reruns came
    to; with `signatures` an entry without one says so. A folder that holds no readable entry is left
    out, with its name and the reason. Raises UserError when there is no folder, or nothing in it is an entry.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name the one that holds the entries' folders")
    with tempfile.TemporaryDirectory() as temporary, Worker() as worker:
        workshop = (kept or Path(temporary)).absolute()
        workshop.mkdir(parents=True, exist_ok=True)
        look = _Look(workshop, worker, data, data_root, samples, signatures, {}) if verify else None
        listed: list[Listed] = []
        left_out: list[str] = []
        for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()):
            entry = look.verify(path) if look else read_claims_kept(path, workshop)
            if isinstance(entry, Listed):
                listed.append(entry)
            else:
                left_out.append(f"{show_value(path.name)}: {show_value(entry, 300)}")
        if not listed:
            raise UserError(f"{folder} holds no entry{f': {left_out[0]}' if left_out else ''}")
        alike = find_alike(one.entry for one in listed)
        results = dict(_read_proofs(proofs, {one.entry.id for one in listed}, left_out)) if proofs else {}
        shown = show_proofs(listed, results, {id: digest_files(folder / id) for id in results})
        entries = (replace(one, alike=alike.get(one.entry.id, ()), proofs=shown[one.entry.id]) for one in listed)
        yield Gathered(tuple(entries), tuple(left_out))


def gather(folder: Path, *, verify: bool = True, data: str = DataOrigin.HUB, data_root: Path | None = None) -> Gathered:
    """The same without reports, for who wants the numbers alone."""
    with gathering(folder, verify=verify, data=data, data_root=data_root) as gathered:
        return gathered


def _read_proofs(folder: Path, ids: Set[str], left_out: list[str]) -> Iterator[tuple[str, tuple[Result, ...]]]:
    """What was proved of entries, by their ids; a file that can't be read is left out, with the reason."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name the one that --proofs of challenge and rerun wrote")
    for path in sorted(folder.glob("*.json")):
        if path.stem not in ids:
            continue
        try:
            yield path.stem, read_results(path)
        except UserError as problem:
            left_out.append(f"{show_value(folder.name)}: {show_value(str(problem), 300)}")


def read_claims_kept(path: Path, workshop: Path) -> Listed | str:
    """An entry by its claims alone, as it was read before if its files are what they were."""
    reasons = check_folder(path)
    if reasons:
        return reasons[0]
    try:
        name = _name(path, "claims")
    except UnreadableFile as problem:
        return str(problem)
    try:
        return read_listed(workshop, name, {})
    except (OSError, ValueError, KeyError, TypeError):  # nothing was kept, or something else lies there
        listed = read_claims(path)
    if isinstance(listed, Listed):
        write_listed(listed, workshop, name)
        return replace(listed, key=name)
    return listed


def _look_at_claims(path: Path, workshop: Path) -> Listed | str:
    """An entry of claims alone with its issues, which are found anew: a date passes, and a source may be held."""
    listed = read_claims_kept(path, workshop)
    if isinstance(listed, str):
        return listed
    return replace(listed, verified=True, issues=tuple(check_claimed(path, listed.entry)))


@dataclass
class _Look:
    """How entries are verified: where results are kept, by which process, and with which data."""

    workshop: Path
    worker: Worker
    data: str
    data_root: Path | None
    samples: int
    signatures: bool
    questions: dict[str, Questions]

    def verify(self, path: Path) -> Listed | str:
        """An entry as far as this build accepts it, or the reason why there is none."""
        reasons = check_folder(path)
        if reasons:
            return reasons[0]
        if list_files(path) == [ENTRY]:  # claims alone: nothing of it needs a process of its own
            return _look_at_claims(path, self.workshop)
        try:
            name = _name(path, f"{self.data} {self.data_root} {self.samples} {self.signatures}")
        except UnreadableFile as problem:
            return str(problem)
        try:
            return read_listed(self.workshop, name, self.questions)
        except (OSError, ValueError, KeyError, TypeError):
            logger.info(f"verifying {show_value(path.name)}")
        root = str(self.data_root.absolute()) if self.data_root else None

        def work() -> str | None:
            seconds = prepare(self.worker, path, self.data, self.data_root)
            reason: str | None = self.worker.call(
                "sightscale.leaderboards.site.reading:read_apart",
                seconds,
                folder=str(path.absolute()),
                data=str(self.data),
                data_root=root,
                samples=self.samples,
                signatures=self.signatures,
                workshop=str(self.workshop),
                name=name,
            )
            return reason

        try:
            reason = self.worker.attempt(work)
        except TooMuch as problem:
            return self._refuse(path, problem)
        return reason or read_listed(self.workshop, name, self.questions)

    def _refuse(self, path: Path, problem: TooMuch) -> Listed | str:
        """An entry that can't be verified within bounds stands with its claims, where they can be read."""
        try:
            entry: Entry = load_entry(path)
        except UnreadableFile as unreadable:
            return str(unreadable)
        if entry.id != path.name:
            return f"the entry's id {entry.id} is not the folder's name {show_value(path.name)}"
        return replace(list_claims(entry), verified=True, issues=refuse(path, problem).issues)


def _name(path: Path, how: str) -> str:
    """What decides what is said of an entry, as a name."""
    digest = hashlib.sha256(f"{_hash_code()} {how} {path.name}".encode())
    for name in list_files(path):
        digest.update(f"{name} {hash_file(path / name)}".encode())
    return digest.hexdigest()[:40]


@cache
def _hash_code() -> str:
    """What tells this version of the code from others, and the libraries that it rests on."""
    digest = hashlib.sha256()
    for library in ("lmms-eval", "datasets", "pillow", "pandas", "numpy", "scipy"):
        digest.update(f"{library} {version(library)}".encode())
    digest.update(f"signatures {find_spec('sigstore') is not None}".encode())
    for floor in WORKED_ON:
        for pattern in CODE:
            for path in sorted((ROOT / floor).rglob(pattern)):
                digest.update(f"{path.relative_to(ROOT)}".encode() + path.read_bytes())
    return digest.hexdigest()
