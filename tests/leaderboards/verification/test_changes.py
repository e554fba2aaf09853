"""Changes and commands: a pull request's entries are listed and verified, and the exit code says the outcome."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sightscale.leaderboards.entry.entry import write_schema
from sightscale.leaderboards.entry.folders import load_entry
from sightscale.leaderboards.verification import changes
from sightscale.leaderboards.verification.changes import find_changes
from sightscale.tasks.errors import UserError

RunCommand = Callable[..., int]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "board"
    (folder / "entries" / "old").mkdir(parents=True)
    (folder / "entries" / "old" / "entry.yaml").write_text("x")
    (folder / "README.md").write_text("a board")
    git(folder.parent, "init", "-q", "-b", "main", str(folder))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    git(folder, "checkout", "-q", "-b", "change")
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "change")


def test_new_changed_and_removed_entries_are_told_apart(repository: Path) -> None:
    shutil.rmtree(repository / "entries" / "old")
    (repository / "entries" / "new é").mkdir()
    (repository / "entries" / "new é" / "entry.yaml").write_text("y")
    (repository / "setup.py").write_text("z")
    commit(repository)
    change = find_changes("main...change", repository / "entries")
    assert change.entries == (repository / "entries" / "new é",)
    assert change.removed == ("old",) and change.others == ("setup.py",)
    assert change.lines() == ["removed: old", "also changed outside of entries: 1 files, the first setup.py"]
    assert find_changes("main...main", repository / "entries").lines() == ["no entry is changed"]


def test_a_git_that_never_ends_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "SECONDS", 0)
    with pytest.raises(UserError, match="git took more than 0 s"):
        find_changes("main...change", repository / "entries")


@pytest.mark.parametrize("revisions", ["--output=x...y", "main", "a b...c", "main...nowhere", "$(x)...y"])
def test_what_are_no_revisions_is_refused(repository: Path, revisions: str) -> None:
    with pytest.raises(ValueError, match=r"no revisions|git can't compare"):
        find_changes(revisions, repository / "entries")


def test_an_entry_is_made_checked_in_a_pull_request_and_refused_once_it_is_tampered_with(
    oracle_run: Path,
    repository: Path,
    capsys: pytest.CaptureFixture[str],
    run_command: RunCommand,
    in_this_process: None,
) -> None:
    output = repository / "entries" / "oracle"
    facts = repository.parent / "facts.yaml"
    facts.write_text(
        "licence: Apache-2.0\ncontact: someone@example.org\nparts: {model: {repository: example/oracle}}\n"
    )
    made = ["leaderboard", "add", str(oracle_run), "--output", str(output), "--facts", str(facts)]
    assert run_command(*made) == 1 and "needs visual_data: give --visual-data" in capsys.readouterr().err
    assert run_command(*made, "--visual-data", "unk.", "--title", "The Oracle") == 0
    assert load_entry(output).parts[0].repository == "example/oracle"
    assert run_command(*made, "--visual-data", "unk.") == 1 and "is there already" in capsys.readouterr().err
    commit(repository)
    markdown, report = repository.parent / "comment.md", repository.parent / "report.json"
    check = ["leaderboard", "check", "main...change", "--entries", str(repository / "entries")]
    check += ["--markdown", str(markdown), "--json", str(report)]
    assert run_command(*check) == 0 and "accepted: 0 errors" in capsys.readouterr().out
    assert "The Oracle" in markdown.read_text() and json.loads(report.read_text())["accepted"]
    (output / "manifest.json").write_text("{}")
    assert run_command(*check) == 1 and "REFUSED" in capsys.readouterr().out
    assert "**refused**" in markdown.read_text()


def test_the_schema_is_printed(run_command: RunCommand, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("leaderboard", "schema") == 0
    assert capsys.readouterr().out == write_schema()
