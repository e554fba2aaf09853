"""Verification: an entry's folder re-scored, counted and compared, with every finding named. It needs no model.

What it can't prove is that the answers came from the model named: only running that model again can.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sightscale.leaderboards.entry import (
    ENTRY,
    HASHED,
    HASHES,
    LONGEST,
    MANIFEST,
    RECORDS,
    Entry,
    Submission,
    check_folder,
    hash_file,
    read_entry,
    read_json,
    read_manifests,
    read_submitted,
    show,
)
from sightscale.leaderboards.verification.checks import (
    check_blindness,
    check_claims,
    check_coverage,
    check_data,
    check_keys,
    check_provenance,
    check_scores,
)
from sightscale.leaderboards.verification.issues import Finding, error, has_errors, merge_alike

HUB, MINI = "hub", "mini"


@dataclass(frozen=True)
class Verified:
    """What verification found; `entry` is None when the folder holds none that can be read."""

    folder: Path
    findings: tuple[Finding, ...]
    entry: Entry | None = None

    @property
    def accepted(self) -> bool:
        """Whether nothing refuses the entry."""
        return not has_errors(self.findings)


def verify_entry(folder: Path, data: str = HUB, data_root: Path | None = None) -> Verified:
    """Verify the entry in a folder. With `data` `mini`, documents of the hub aren't read to compare with.

    Raises ValueError for unknown `data`; whatever is wrong with the folder is a finding.
    """
    if data not in (HUB, MINI):
        raise ValueError(f"unknown data {data!r}; known: {HUB}, {MINI}")
    findings = [error(str(folder.name), "folder", reason) for reason in check_folder(folder)]
    if findings:
        return Verified(folder, tuple(findings))
    findings += _check_hashes(folder)
    entry: Entry | None = None
    try:
        entry = read_entry(folder / ENTRY)
        manifests = read_manifests(folder / MANIFEST)
        records = read_submitted(folder / RECORDS)
    except ValueError as problem:
        file, _, reason = str(problem).partition(": ")
        return Verified(folder, (*findings, error(file, "the file", reason)), entry)
    if entry.id != folder.resolve().name:
        findings.append(error(ENTRY, "id", f"{entry.id} is not the folder's name {show(folder.resolve().name)}"))
    submission = Submission(folder, entry, manifests, records)
    unnamed = list(check_keys(records))
    if unnamed:
        return Verified(folder, (*findings, *unnamed), entry)
    for check in (check_coverage, check_scores, check_blindness, check_provenance, check_claims):
        findings += check(submission)
    findings += check_data(submission, data, data_root)
    return Verified(folder, tuple(merge_alike(findings)), entry)


def _check_hashes(folder: Path) -> Iterator[Finding]:
    """Each file's hash; any other name than the entry's files is refused, so no path is followed."""
    try:
        hashes = read_json(folder / HASHES, LONGEST[HASHES])
    except ValueError as problem:
        yield error(HASHES, "the file", str(problem).partition(": ")[2])
        return
    files = hashes.get("files")
    if set(hashes) != {"algorithm", "files"} or hashes["algorithm"] != "sha256" or not isinstance(files, dict):
        yield error(HASHES, "the file", "it must hold the algorithm sha256 and the hashes of files")
        return
    for name in sorted(set(files) - set(HASHED)):
        yield error(HASHES, show(name), "is no file of an entry")
    for name in HASHED:
        if name not in files:
            yield error(HASHES, name, "has no hash")
        elif files[name] != hash_file(folder / name):
            yield error(name, "sha256", f"the file isn't the one that {HASHES} names")
