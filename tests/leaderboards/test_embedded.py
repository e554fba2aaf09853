"""The entries that come with sightscale: they are in the package, tell no machine's folders, and are accepted."""

import re
import tomllib
from pathlib import Path

import pytest

from sightscale.harness.cli import app
from sightscale.leaderboards.entry.folders import ENTRY, LONGEST, MANIFEST, load_entry
from sightscale.leaderboards.site.gather import EMBEDDED, list_embedded
from sightscale.leaderboards.verification.verify import verify_entry


def test_each_is_an_entry_that_the_package_data_name() -> None:
    assert list_embedded()
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["sightscale.leaderboards"]
    packed = {path for pattern in patterns for path in EMBEDDED.parent.glob(pattern)}
    for folder in list_embedded():
        assert load_entry(folder).id == folder.name
        assert {folder / name for name in LONGEST} <= packed


@pytest.mark.parametrize("folder", list_embedded(), ids=lambda folder: folder.name)
def test_none_tells_where_it_was_made(folder: Path) -> None:
    for name in (ENTRY, MANIFEST):
        assert not re.search(r"/(home|work|root|tmp|Users|mnt)\b", (folder / name).read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("folder", list_embedded(), ids=lambda folder: folder.name)
def test_each_is_accepted(folder: Path) -> None:
    verified = verify_entry(folder, "mini")
    assert verified.accepted, [issue.line() for issue in verified.issues]


def test_build_without_entries_takes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app(["leaderboard", "build", "--output", str(tmp_path / "site"), "--no-verify"], standalone_mode=False)
    assert f"index.html: {len(list_embedded())} entr" in capsys.readouterr().out
    index = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert all(f"models/{folder.name}.html" in index for folder in list_embedded())
