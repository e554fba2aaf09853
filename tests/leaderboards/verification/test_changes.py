"""Changes and commands: a pull request's entries are listed and verified, and the exit code says the outcome."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sightscale.harness.evaluation import read_records, write_records
from sightscale.leaderboards.entry.entry import write_schema
from sightscale.leaderboards.entry.folders import load_entry, read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.entry.titles import fold_title
from sightscale.leaderboards.site.listed import Listed
from sightscale.leaderboards.verification import Worker, changes
from sightscale.leaderboards.verification.alike import find_alike, refuse_alike
from sightscale.leaderboards.verification.changes import find_changes
from sightscale.leaderboards.verification.verify import Verified
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
    assert change.entries == (repository / "entries" / "new é",) == change.new
    assert list(change.removed) == ["old"] and change.others == ("setup.py",)
    assert change.lines() == [
        "DELETED: old: what was there can't be read",
        "new: new é",
        "also changed outside of entries: 1 files, the first setup.py",
    ]
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
    assert run_command(*check) == 0 and "partly checked: 0 errors" in capsys.readouterr().out
    assert "The Oracle" in markdown.read_text() and json.loads(report.read_text())["accepted"]
    (output / "manifest.json").write_text("{}")
    assert run_command(*check) == 1 and "REFUSED" in capsys.readouterr().out
    assert "**refused**" in markdown.read_text()


def test_who_rewrites_anothers_entry_is_told_first_with_what_changed(
    tiny: Path, repository: Path, capsys: pytest.CaptureFixture[str], run_command: RunCommand, in_this_process: None
) -> None:
    board = repository / "entries"
    git(repository, "checkout", "-q", "main")
    shutil.copytree(tiny, board / "tiny")
    commit(repository)
    git(repository, "checkout", "-q", "-b", "theft")
    fields = read_yaml(board / "tiny" / "entry.yaml")
    fields |= {"title": "Mine now", "contact": "thief@example.org", "date": "2026-01-02"}
    (board / "tiny" / "entry.yaml").write_text(write_yaml(fields))
    records = read_records(board / "tiny" / "records.parquet")
    records.loc[records["condition"] == "none", "response"] = "A"
    write_records(records, board / "tiny" / "records.parquet")
    write_hashes(board / "tiny")
    shutil.copytree(board / "tiny", board / "another")
    commit(repository)
    markdown = repository.parent / "comment.md"
    assert (
        run_command("leaderboard", "check", "main...theft", "--entries", str(board), "--markdown", str(markdown)) == 1
    )
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first.startswith("CHANGED, it was on the board already: tiny: it was scripted:oracle, of someone@")
    assert "title None → Mine now; contact someone@example.org → thief@example.org" in first
    assert "answers differ, 0 are added and 0 gone" in first and second == "new: another"
    assert markdown.read_text().splitlines()[2].startswith("- CHANGED, it was on the board already")


@pytest.mark.parametrize("title", ["Tiny", "t i-n y", "tinу", "ＴＩＮＹ", "0.5B (0.6B perception)"])
def test_a_copied_title_is_refused_in_a_pull_request_and_told_apart_on_the_board(tiny: Path, title: str) -> None:
    other = load_entry(tiny)
    entry = other.model_copy(update={"id": "other", "name": "mine", "title": title})
    alike = find_alike([other, entry])
    assert ("other" in alike) == ("tiny" in fold_title(title))
    if "other" in alike:
        assert alike["other"] == ("the entry tiny",)
        verified = refuse_alike(Verified(tiny.with_name("other"), (), entry), [other, entry])
        assert not verified.accepted and "reads like the entry tiny" in verified.issues[0].reason
        assert Listed(entry, {}, {}, None, alike=alike["other"]).name == f"{title} [other]"


def test_a_checkpoint_called_as_another_entry_is_stands_with_its_id_and_is_not_refused(tiny: Path) -> None:
    """Nobody chose its name to be taken for another; but a reader must tell the two apart."""
    plain = load_entry(tiny)
    titled = plain.model_copy(update={"id": "other", "title": plain.name.upper()})
    alike = find_alike([plain, titled])
    assert set(alike) == {"tiny", "other"}
    assert Listed(plain, {}, {}, None, alike=alike["tiny"]).name == f"{plain.name} [tiny]"
    assert refuse_alike(Verified(tiny, (), plain), [plain, titled]).accepted
    named, again = (plain.model_copy(update={"id": id, "title": id}) for id in (plain.name, "asked again"))
    assert find_alike([named, again]) == {}  # both are of the checkpoint that one is called by


def test_answers_of_a_changed_entry_are_compared_within_bounds(
    counted: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides are a stranger's: this process reads neither."""
    board = repository / "entries"
    shutil.copytree(counted, board / "tiny")
    commit(repository)
    git(repository, "checkout", "-q", "-b", "more")
    records = read_records(board / "tiny" / "records.parquet")
    write_records(records.assign(response=records["response"] + "!"), board / "tiny" / "records.parquet")
    commit(repository)
    monkeypatch.setattr(changes, "read_submitted", None)
    assert "16 of 16 answers differ, 0 are added and 0 gone" in find_changes("change...more", board).lines()[0]
    monkeypatch.setattr(changes, "Worker", lambda: Worker(seconds=0.001))
    line = find_changes("change...more", board).lines()[0]
    assert "answers can't be compared: it takes more than" in line
    (board / "tiny" / "records.parquet").unlink()
    commit(repository)
    assert "its answers are gone" in find_changes("change...more", board).lines()[0]


def test_the_schema_is_printed(run_command: RunCommand, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("leaderboard", "schema") == 0
    assert capsys.readouterr().out == write_schema()
