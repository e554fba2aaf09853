"""Every `sightscale …` command that README and docs/ show parses, and what they link to is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from sightscale.harness.cli import app

HERE = Path(__file__).resolve().parents[1]
PAGES = [
    *(HERE / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "leaderboards/README.md")),
    *sorted((HERE / "docs").glob("*.md")),
]
ROOT: Any = get_command(app)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(sightscale [a-z][^`]*)`")
STOPS = re.compile(r" (?=\||>|#|&&)| {2,}#")  # what a shell takes for itself, and a remark
GAPS = re.compile(r"…|\bRUN=|\[--")  # a form, with gaps to fill, is no command


def list_commands(text: str) -> Iterator[tuple[str, bool]]:
    """The `sightscale` commands of a page and whether each is whole.

    Whole are the lines of its code blocks, continued ones joined; those inside text may leave out what a reader knows.
    """
    for language, block in BLOCK.findall(text):
        if language in ("", "console", "bash"):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                command = line.removeprefix("$ ").removeprefix(".venv/bin/")
                if command.startswith("sightscale "):
                    yield STOPS.split(command)[0], True
    for command in INLINE.findall(BLOCK.sub("", text)):
        if "--" in command and not GAPS.search(command):
            yield command.replace("\n", " "), False


def parse(command: str) -> None:
    """Parse a command as the command line does, without running it. Raises click's UsageError where it can't be."""
    words = shlex.split(command)[1:]
    here, context = ROOT, ROOT.make_context("sightscale", [], resilient_parsing=True)
    while words and words[0] in getattr(here, "commands", {}):
        name, here = words[0], here.commands[words[0]]
        group = hasattr(here, "commands")
        arguments = [] if group else words[1:]
        context = here.make_context(name, arguments, parent=context, resilient_parsing=group or "--help" in arguments)
        words = words[1:] if group else []
    if words:
        raise ValueError(f"{words[0]!r} is no command")


SHOWN = [(page.stem, *found) for page in PAGES for found in list_commands(page.read_text())]


@pytest.mark.parametrize(("command", "whole"), [pytest.param(c, w, id=f"{page}: {c[:70]}") for page, c, w in SHOWN])
def test_a_command_that_is_shown_parses(command: str, whole: bool) -> None:
    try:
        parse(command)
    except typer.BadParameter as error:
        if whole or not str(error).startswith("Missing parameter"):
            raise


def test_commands_are_found_where_they_stand() -> None:
    text = "```console\n$ sightscale run --model a \\\n    --tasks b --output c\n```\nOr `sightscale tasks --x`.\n"
    assert list(list_commands(text)) == [
        ("sightscale run --model a --tasks b --output c", True),
        ("sightscale tasks --x", False),
    ]
    assert len({page for page, *_ in SHOWN}) >= 8


@pytest.mark.parametrize("command", ["sightscale rnu", "sightscale run --modell a", "sightscale tasks shwo x"])
def test_a_wrong_command_would_be_found(command: str) -> None:
    with pytest.raises(Exception, match=r"no command|No such option|No such command|Missing"):
        parse(command)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_a_file_that_is_linked_is_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", BLOCK.sub("", page.read_text())):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_readme_is_short_enough_to_be_read() -> None:
    assert len((HERE / "README.md").read_text().splitlines()) <= 150
