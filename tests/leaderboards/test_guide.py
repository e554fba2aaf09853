"""The guide: its workflow gives a stranger's pull request nothing, and its commands and schema are those that exist."""

import re
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

import sightscale.leaderboards
from sightscale.harness.cli import app

GUIDE = (Path(sightscale.leaderboards.__file__).parent / "README.md").read_text()


def test_the_workflow_reads_only_and_runs_nothing_of_the_pull_request() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    workflow: dict[Any, Any] = yaml.safe_load(text)
    assert workflow[True].keys() == {"pull_request"}  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {"contents": "read"} and "secrets" not in text
    (job,) = workflow["jobs"].values()
    checkout, *_, verify = job["steps"]
    assert checkout["with"]["persist-credentials"] is False
    assert "permissions" not in job and "${{" not in verify["run"]  # values reach the shell as variables only
    assert "check" in verify["run"] and "-e ." not in text and "install ." not in text


def test_every_command_of_the_guide_is_one() -> None:
    commands: Any = get_command(app)
    named = re.findall(r"^\$ sightscale (\w+)(?: (add|verify|check|schema)\b)?", GUIDE, re.MULTILINE)
    assert len(named) >= 4
    for command, part in named:
        assert command in commands.commands and (not part or part in commands.commands[command].commands)
