"""What one entry can do to verification and to the site: nothing beyond its own folder, and at most fifty lines."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sightscale.leaderboards.entry import UnreadableFile
from sightscale.leaderboards.entry.folders import read_json, read_yaml, write_hashes
from sightscale.leaderboards.entry.submission import MAX_TASKS, read_manifests
from sightscale.leaderboards.site.build import Options, _put_in_place, build_site
from sightscale.leaderboards.verification.issues import MOST, Level, bound_issues, error, warning
from sightscale.leaderboards.verification.verify import verify_entry

Copy = Callable[[Path], Path]


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A copy of a small entry that may be spoiled, in a folder of entries with the whole one beside it."""
    import shutil

    folder = tmp_path / "entries"
    shutil.copytree(tiny, folder / tiny.name)
    return folder / tiny.name


def change_manifest(entry: Path, **fields: object) -> None:
    manifest = json.loads((entry / "manifest.json").read_text())
    manifest["runs"][0] |= fields
    (entry / "manifest.json").write_text(json.dumps(manifest))
    write_hashes(entry)


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"a": {"b": ["x\\udfff"]}}', '{"\\udc00": 1}'])
def test_half_a_character_is_refused(text: str, tmp_path: Path) -> None:
    for name, read in (("a.json", lambda path: read_json(path, 1000)), ("a.yaml", read_yaml)):
        (tmp_path / name).write_text(text)
        with pytest.raises(UnreadableFile, match=r"half a character|surrogate|invalid"):
            read(tmp_path / name)


def test_half_a_character_in_an_entry_is_named_and_stops_no_build(copy: Path, tmp_path: Path) -> None:
    import shutil

    bad = copy.parent / "bad-entry"
    shutil.copytree(copy, bad)
    (bad / "entry.yaml").write_text((copy / "entry.yaml").read_text().replace(f"id: {copy.name}", "id: bad-entry"))
    change_manifest(bad, note="\ud800")
    verified = verify_entry(bad, "mini")
    assert not verified.accepted and "half a character" in verified.issues[0].reason
    gathered = build_site(copy.parent, tmp_path / "site", Options(data="mini", samples=0))
    assert {listed.entry.id: listed.accepted for listed in gathered.entries}[copy.name]
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_manifest_of_endless_tasks_is_refused_at_once(copy: Path) -> None:
    tasks = json.loads((copy / "manifest.json").read_text())["runs"][0]["tasks"]
    change_manifest(copy, tasks=[*tasks, *(f"t{i}" for i in range(MAX_TASKS))])
    with pytest.raises(UnreadableFile, match=r"runs\.0\.tasks"):
        read_manifests(copy / "manifest.json")
    assert len(verify_entry(copy, "mini").issues) <= MOST


def test_issues_are_bounded_the_gravest_first() -> None:
    many = [warning("a", str(i), "odd") for i in range(900_000)] + [error("b", str(i), "wrong") for i in range(70)]
    bounded = bound_issues(many)
    assert len(bounded) == MOST and {issue.level for issue in bounded} == {Level.ERROR}
    assert bounded[-1].reason == "900,021 more: 21 error, 900,000 warning"
    assert bound_issues(many[:MOST]) == many[:MOST]


def test_records_of_an_older_version_are_refused_in_plain_words(copy: Path) -> None:
    table = pq.read_table(copy / "records.parquet").drop_columns(["reader", "document_hash"])
    pq.write_table(table, copy / "records.parquet")
    write_hashes(copy)
    (issue,) = verify_entry(copy, "mini").issues
    assert "it lacks the columns document_hash, reader, as records of an older sightscale do" in issue.reason


def test_a_site_is_exchanged_in_one_step(tmp_path: Path) -> None:
    site, new, old = tmp_path / "site", tmp_path / "new", tmp_path / "old"
    for folder, text in ((site, "1"), (new, "2")):
        folder.mkdir()
        (folder / "index.html").write_text(text)
    _put_in_place(new, site, old)
    assert (site / "index.html").read_text() == "2" and (old / "index.html").read_text() == "1" and not new.exists()


def test_a_build_that_was_killed_between_renames_is_mended(copy: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    build_site(copy.parent, site, Options(data="mini", samples=0, verify=False))
    site.replace(tmp_path / ".site.old")
    with pytest.raises(Exception, match="no folder"):
        build_site(tmp_path / "gone", site, Options(verify=False))
    build_site(copy.parent, site, Options(data="mini", samples=0, verify=False))
    assert (site / "index.html").is_file() and not (tmp_path / ".site.old").exists()
