"""Verification: an entry's folder re-scored, counted and compared, with every issue named. It needs no model.

What it can't prove is that the answers came from the model named: only running that model again can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    HASHED,
    HASHES,
    LONGEST,
    MANIFEST,
    RECORDS,
    Entry,
    RunManifest,
    Submission,
    UnreadableFile,
    check_folder,
    hash_file,
    list_files,
    read_entry,
    read_json,
    read_manifests,
    read_submitted,
)
from sightscale.leaderboards.verification.checks import (
    Signature,
    check_blindness,
    check_claims,
    check_coverage,
    check_data,
    check_keys,
    check_mini_pictures,
    check_plausibility,
    check_provenance,
    check_scores,
    check_signature,
    check_traces,
    check_weights,
    check_writing,
)
from sightscale.leaderboards.verification.claimed import check_claimed
from sightscale.leaderboards.verification.issues import (
    Issue,
    Level,
    State,
    bound_issues,
    error,
    find_state,
    merge_alike,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import DataOrigin


@dataclass(frozen=True)
class Verified:
    """What verification has to say of a folder, and what it read there, so that nobody reads it again.

    `entry`, `manifests` (by run) and `records` are None when the folder holds none that can be read.
    """

    folder: Path
    issues: tuple[Issue, ...]
    entry: Entry | None = None
    manifests: Mapping[str, RunManifest] | None = field(default=None, compare=False, repr=False)
    records: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    odd: int | None = field(default=None, compare=False)  # issues of plausibility; None where it wasn't looked at
    signature: Signature = field(default_factory=Signature)

    @property
    def accepted(self) -> bool:
        """Whether nothing refuses the entry."""
        return all(issue.level is not Level.ERROR for issue in self.issues)

    @property
    def state(self) -> State:
        """Checked, partly checked, or self-reported: refused, or claims alone."""
        claims_only = self.entry is not None and self.entry.claims_only
        return State.SELF_REPORTED if claims_only else find_state(self.issues)


def verify_entry(
    folder: Path,
    data: str = DataOrigin.HUB,
    data_root: Path | None = None,
    signatures: bool = False,
    bounded: bool = False,
    model_keys: Path | None = None,
) -> Verified:
    """Verify the entry in a folder. With `data` `mini`, documents of the hub aren't read to compare with.

    With `signatures` an entry without one says so; `bounded` tells that this process has limits of its own.
    `model_keys` is a folder of public keys and certificates of those who may sign weights.

    An entry of claims alone is held against itself, and against a source that this build holds.

    Raises UserError for unknown `data`; whatever is wrong with the folder is an issue. Where the entry can't be
    read, the first issue says why.
    """
    if data not in list(DataOrigin):
        raise UserError(f"unknown data {data!r}; known: {', '.join(DataOrigin)}")
    issues = [error(show_value(folder.name), "folder", reason) for reason in check_folder(folder)]
    if issues:
        return Verified(folder, tuple(issues))
    if list_files(folder) == [ENTRY]:
        return _verify_claims(folder)
    issues += _check_hashes(folder)
    signature = check_signature(folder, signatures)
    issues += [signature.issue] if signature.issue else []
    entry: Entry | None = None
    manifests: Mapping[str, RunManifest] | None = None
    try:
        entry = read_entry(folder / ENTRY)
        manifests = read_manifests(folder / MANIFEST)
        records = read_submitted(folder / RECORDS, bounded)
    except UnreadableFile as problem:
        return Verified(folder, (error(problem.file, "the file", problem.reason), *issues), entry, manifests)
    if entry.id != folder.resolve().name:
        issues.append(error(ENTRY, "id", f"{entry.id} is not the folder's name {show_value(folder.resolve().name)}"))
    submission = Submission(folder, entry, manifests, records)
    unnamed = list(check_keys(records))
    if unnamed:
        return Verified(folder, tuple(bound_issues([*issues, *unnamed])), entry, manifests, records)
    for check in (check_coverage, check_scores, check_blindness, check_traces, check_provenance, check_claims):
        issues += check(submission)
    issues += check_weights(submission, model_keys)
    odd = [*check_plausibility(submission), *check_writing(submission)]
    issues += odd
    issues += _check_questions(submission, data, data_root)
    told = tuple(bound_issues(merge_alike(issues)))
    return Verified(folder, told, entry, manifests, records, len(merge_alike(odd)), signature)


def _verify_claims(folder: Path) -> Verified:
    """An entry that is its first file alone."""
    try:
        entry = read_entry(folder / ENTRY)
    except UnreadableFile as problem:
        return Verified(folder, (error(problem.file, "the file", problem.reason),))
    return Verified(folder, tuple(check_claimed(folder, entry)), entry)


def _check_questions(submission: Submission, data: str, data_root: Path | None) -> Iterator[Issue]:
    """Rows against their documents; those of the mini suite aren't also looked for at the hub."""
    try:
        mini = list(check_mini_pictures(submission))
    except UserError:  # a model string that is none: `check_data` says so
        mini = []
    yield from mini
    if not mini:
        yield from check_data(submission, data, data_root)


def _check_hashes(folder: Path) -> Iterator[Issue]:
    """Each file's hash; any other name than the entry's files is refused, so no path is followed."""
    try:
        hashes = read_json(folder / HASHES, LONGEST[HASHES])
        actual = {name: hash_file(folder / name) for name in HASHED}
    except UnreadableFile as problem:
        yield error(problem.file, "the file", problem.reason)
        return
    files = hashes.get("files")
    if set(hashes) != {"algorithm", "files"} or hashes["algorithm"] != "sha256" or not isinstance(files, dict):
        yield error(HASHES, "the file", "it must hold the algorithm sha256 and the hashes of files")
        return
    for name in sorted(set(files) - set(HASHED)):
        yield error(HASHES, show_value(name), "is no file of an entry")
    for name in HASHED:
        if name not in files:
            yield error(HASHES, name, "has no hash")
        elif files[name] != actual[name]:
            yield error(name, "sha256", f"the file isn't the one that {HASHES} names")
