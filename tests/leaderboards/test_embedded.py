"""The entries that come with sightscale: they are in the package, tell no machine's folders, and are accepted."""

import re
import tomllib
from pathlib import Path

import pytest

from sightscale.harness.cli import app
from sightscale.harness.evaluation.records import read_records
from sightscale.leaderboards.entry.folders import ENTRY, MANIFEST, RECORDS, list_files, load_entry
from sightscale.leaderboards.entry.submission import Submission, read_manifests
from sightscale.leaderboards.published import find_published
from sightscale.leaderboards.site.gather import EMBEDDED, list_embedded
from sightscale.leaderboards.verification import Level, State, Worker, verify_apart
from sightscale.leaderboards.verification.checks import check_claims, check_coverage, check_provenance
from sightscale.tasks.vocabulary import Kind

MEASURED = [folder for folder in list_embedded() if RECORDS in list_files(folder)]


def test_each_is_an_entry_that_the_package_data_name() -> None:
    assert list_embedded()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["sightscale.leaderboards"]
    packed = {path for pattern in patterns for path in EMBEDDED.parent.glob(pattern)}
    for folder in list_embedded():
        assert load_entry(folder).id == folder.name
        assert {folder / name for name in list_files(folder)} <= packed


def test_there_is_one_of_each_kind() -> None:
    """End to end, decoupled, a data set of somebody else's package, another harness's answers, and claims alone."""
    entries = [load_entry(folder) for folder in list_embedded()]
    measured = {entry.kind for entry in entries if not entry.claims_only}
    assert measured == {Kind.END_TO_END, Kind.DECOUPLED, Kind.IMPORTED}
    assert any(entry.score("easy_vqa") for entry in entries)
    claimed = {find_published(entry) is not None for entry in entries if entry.claims_only}
    assert claimed == {True, False}  # printed elsewhere, and the submitter's own


@pytest.mark.parametrize("folder", list_embedded(), ids=lambda folder: folder.name)
def test_none_tells_where_it_was_made(folder: Path) -> None:
    for name in {ENTRY, MANIFEST} & set(list_files(folder)):
        assert not re.search(r"/(home|work|root|tmp|Users|mnt)\b", (folder / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: folder.name)
def test_none_has_rows_that_verification_refuses_whatever_the_data(folder: Path) -> None:
    """What needs no data and no process of its own; the whole is in the slow tier."""
    manifests = read_manifests(folder / MANIFEST)
    submission = Submission(folder, load_entry(folder), manifests, read_records(folder / RECORDS))
    issues = [*check_coverage(submission), *check_provenance(submission), *check_claims(submission)]
    assert not [issue.line() for issue in issues if issue.level is Level.ERROR]


@pytest.mark.slow
@pytest.mark.parametrize("folder", list_embedded(), ids=lambda folder: folder.name)
def test_each_is_checked_within_the_bounds_of_any_entry_or_says_what_is_not(folder: Path) -> None:
    """In a process of its own, as a stranger's; it is no board's business to be kinder to ours."""
    with Worker() as worker:
        verified = verify_apart(worker, folder, "mini")
    lines = [issue.line() for issue in verified.issues]
    assert verified.accepted, lines
    assert not [issue for issue in verified.issues if issue.level is Level.WARNING], lines
    if verified.entry and verified.entry.claims_only:
        assert verified.state is State.SELF_REPORTED
        return
    if verified.entry and verified.entry.kind is Kind.IMPORTED:  # another harness keeps no traces of what it showed
        assert verified.state is State.PARTLY
        return
    not_checked = [issue for issue in verified.issues if issue.level is Level.NOT_CHECKED]
    assert (verified.state is State.CHECKED) == (not_checked == []), lines
    # The weights are another release's at worst: everything else that we ship is looked at from end to end.
    assert all("the checkpoint" in issue.reason and "the run names" in issue.reason for issue in not_checked), lines


def test_build_without_entries_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["leaderboard", "build", "--output", str(tmp_path / "site"), "--no-verify"], standalone_mode=False)
    assert f"index.html: {len(list_embedded())} entr" in capsys.readouterr().out
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert all(f"models/{folder.name}.html" in index for folder in list_embedded())
