"""Template: a board of one's own, tried on a local git remote with two contributors."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from sightscale.leaderboards.entry.folders import read_yaml, write_hashes, write_yaml
from sightscale.leaderboards.template.start import NAMES, start_board

RunCommand = Callable[..., int]
TITLE = "Small models, looked at"


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_script(folder: Path, tools: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the board as a forge would: with `sightscale` as a command, in the checkout."""
    (tools / "sightscale").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sightscale.harness.cli "$@"\n')
    (tools / "sightscale").chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", *arguments], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )


def change_title(entry: Path, **fields: str) -> None:
    (entry / "entry.yaml").write_text(write_yaml({**read_yaml(entry / "entry.yaml"), **fields}))
    write_hashes(entry)


def test_two_contributors_share_a_board(counted: Path, tmp_path: Path, run_command: RunCommand) -> None:
    remote, tools = tmp_path / "remote.git", tmp_path / "tools"
    tools.mkdir()
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(remote)], check=True)
    keeper, ada, bob = (tmp_path / name for name in ("keeper", "ada", "bob"))
    git(tmp_path, "clone", "-q", str(remote), str(keeper))
    git(keeper, "checkout", "-q", "-B", "main")
    assert run_command("leaderboard", "init", str(keeper), "--title", TITLE) == 0
    git(keeper, "add", "-A")
    git(keeper, "commit", "-q", "-m", "A board")
    git(keeper, "push", "-q", "origin", "main")

    git(tmp_path, "clone", "-q", str(remote), str(ada))
    git(ada, "checkout", "-q", "-b", "entry")
    shutil.copytree(counted, ada / "entries" / "tiny")
    git(ada, "add", "-A")
    git(ada, "commit", "-q", "-m", "Add tiny")
    git(ada, "push", "-q", "origin", "entry")

    git(keeper, "fetch", "-q")
    git(keeper, "checkout", "-q", "--detach", "origin/entry")
    done = run_script(keeper, tools, "tools/check-entries.sh", "origin/main", "HEAD")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("new: tiny") and "tiny: checked: 0 errors" in done.stdout
    assert "### tiny: checked" in (keeper / "comment.md").read_text()
    git(keeper, "checkout", "-q", "main")
    git(keeper, "merge", "-q", "--no-edit", "origin/entry")
    git(keeper, "push", "-q", "origin", "main")

    git(tmp_path, "clone", "-q", str(remote), str(bob))
    git(bob, "checkout", "-q", "-b", "mine")
    change_title(bob / "entries" / "tiny", title="Bob's", contact="bob@example.org")
    git(bob, "commit", "-q", "-a", "-m", "Rewrite tiny")
    git(bob, "push", "-q", "origin", "mine")
    git(keeper, "fetch", "-q")
    git(keeper, "checkout", "-q", "--detach", "origin/mine")
    done = run_script(keeper, tools, "tools/check-entries.sh", "origin/main", "HEAD")
    assert done.stdout.startswith("CHANGED, it was on the board already: tiny")
    assert "contact someone@example.org → bob@example.org" in done.stdout

    git(keeper, "checkout", "-q", "main")
    done = run_script(keeper, tools, "tools/build-site.sh")
    assert done.returncode == 0 and "1 entry: 1 checked" in done.stdout, done.stderr
    assert TITLE in (keeper / "site" / "index.html").read_text(encoding="utf-8")
    assert git(keeper, "status", "--porcelain") == ""  # what a build makes is ignored


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="isn't empty"):
        start_board(tmp_path, TITLE)
    with pytest.raises(ValueError, match="one line without quotes"):
        start_board(tmp_path / "board", 'x"; rm -rf "/')


def test_workflows_are_yaml_and_let_no_fork_near_a_token(tmp_path: Path) -> None:
    written = start_board(tmp_path / "board", TITLE)
    assert len(written) == len(NAMES) and all("@" + "TITLE@" not in path.read_text() for path in written)
    for path in written:
        if path.suffix == ".yml":
            workflow = yaml.safe_load(path.read_text())
            triggers = workflow.get(True, workflow.get("on", {}))  # YAML reads `on` as true
            assert "pull_request_target" not in triggers, path
            if "pull_request" in triggers and ".github" in path.parts:
                assert workflow["permissions"] == {"contents": "read"}
            for job in workflow.get("jobs", {}).values():  # values reach a shell as variables only
                assert not any("${{" in step.get("run", "") for step in job["steps"]), path
