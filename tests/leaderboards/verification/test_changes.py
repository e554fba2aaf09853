"""Changes and commands: a pull request's entries are found, verified and told of; the exit code says the outcome."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sightscale.harness.cli import app
from sightscale.leaderboards.entry.entry import write_schema
from sightscale.leaderboards.entry.folders import load_entry
from sightscale.leaderboards.verification.changes import find_changes


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


def run(*arguments: str) -> int:
    try:
        app(list(arguments), standalone_mode=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_new_changed_and_removed_entries_are_told_apart(repository: Path) -> None:
    shutil.rmtree(repository / "entries" / "old")
    (repository / "entries" / "new é").mkdir()
    (repository / "entries" / "new é" / "entry.yaml").write_text("y")
    (repository / "setup.py").write_text("z")
    commit(repository)
    changes = find_changes("main...change", repository / "entries")
    assert changes.entries == (repository / "entries" / "new é",)
    assert changes.removed == ("old",) and changes.others == ("setup.py",)
    assert changes.lines() == ["removed: old", "also changed outside of entries: 1 files, the first setup.py"]
    assert find_changes("main...main", repository / "entries").lines() == ["no entry is changed"]


@pytest.mark.parametrize("revisions", ["--output=x...y", "main", "a b...c", "main...nowhere", "$(x)...y"])
def test_what_are_no_revisions_is_refused(repository: Path, revisions: str) -> None:
    with pytest.raises(ValueError, match=r"no revisions|git can't compare"):
        find_changes(revisions, repository / "entries")


def test_an_entry_is_made_checked_in_a_pull_request_and_refused_once_it_is_tampered_with(
    oracle_run: Path, repository: Path, capsys: pytest.CaptureFixture[str], in_this_process: None
) -> None:
    output = repository / "entries" / "oracle"
    facts = repository.parent / "facts.yaml"
    facts.write_text(
        "licence: Apache-2.0\ncontact: someone@example.org\nparts: {model: {repository: example/oracle}}\n"
    )
    made = ["leaderboard", "add", str(oracle_run), "--output", str(output), "--facts", str(facts)]
    assert run(*made) == 1 and "needs visual_data: give --visual-data" in capsys.readouterr().err
    assert run(*made, "--visual-data", "unk.", "--title", "The Oracle") == 0
    assert load_entry(output).parts[0].repository == "example/oracle"
    assert run(*made, "--visual-data", "unk.") == 1 and "is there already" in capsys.readouterr().err
    commit(repository)
    markdown, report = repository.parent / "comment.md", repository.parent / "report.json"
    check = ["leaderboard", "check", "main...change", "--entries", str(repository / "entries")]
    check += ["--markdown", str(markdown), "--json", str(report)]
    assert run(*check) == 0 and "accepted: 0 errors" in capsys.readouterr().out
    assert "The Oracle" in markdown.read_text() and json.loads(report.read_text())["accepted"]
    (output / "manifest.json").write_text("{}")
    assert run(*check) == 1 and "REFUSED" in capsys.readouterr().out
    assert "**refused**" in markdown.read_text()


def test_runs_that_do_not_belong_together_are_refused(oracle_run: Path, tmp_path: Path) -> None:
    from sightscale.leaderboards.entry.add import Facts, add_entry

    other = Path(shutil.copytree(oracle_run, tmp_path / "other"))
    manifest = json.loads((other / "manifest.json").read_text())
    facts = Facts(visual_data="unk.", licence="MIT", contact="x@example.org")
    with pytest.raises(ValueError, match="stands in two runs"):
        add_entry([oracle_run, other], tmp_path / "entry", facts)
    (other / "manifest.json").write_text(json.dumps({**manifest, "model": "another"}))
    with pytest.raises(ValueError, match="differ in model"):
        add_entry([oracle_run, other], tmp_path / "entry", facts)
    (other / "manifest.json").write_text(json.dumps({**manifest, "status": "running"}))
    with pytest.raises(ValueError, match="isn't finished"):
        add_entry([other], tmp_path / "entry", facts)


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("leaderboard", "schema") == 0
    assert capsys.readouterr().out == write_schema()


def test_exports_are_printed_and_written(oracle_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", str(oracle_run), "--to", "csv") == 0
    assert capsys.readouterr().out.startswith("System,Perception")
    assert run("export", str(oracle_run), "--to", "lmms-eval", "--output", str(tmp_path / "a" / "b.json")) == 0
    assert json.loads((tmp_path / "a" / "b.json").read_text())["results"]
    assert run("export", str(oracle_run), "--to", "parquet") == 1 and "known: lmms-eval" in capsys.readouterr().err
