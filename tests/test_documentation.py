"""Every command that README and docs/ show is run, or says why not; all of them parse, and what is linked is there.

The commands of `console` blocks run in the slow tier, in the order of the pages and in one folder, since later ones
read what earlier ones wrote. A comment before a block, `<!-- not run: KIND -->`, says why a block isn't run.
"""

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonlines
import pytest
import typer
from PIL import Image
from typer.main import get_command

from sightscale.harness.cli import app

HERE = Path(__file__).resolve().parents[1]
INDEX = HERE / "docs" / "index.md"
ORDER = re.findall(r"^[\w-]+$", INDEX.read_text().partition(":hidden:")[2], re.MULTILINE)
GUIDE = HERE / "leaderboards" / "README.md"  # docs/leaderboard-guide.md shows it; its commands need a git repository
READ = [HERE / "README.md", *(HERE / "docs" / f"{name}.md" for name in ORDER), HERE / "CONTRIBUTING.md"]
PAGES = [*READ, INDEX, HERE / "SECURITY.md", GUIDE]
KINDS = (
    "needs a hub",
    "needs a server",
    "needs a GPU",
    "needs vLLM",
    "needs a git repository",
    "takes hours",
    "sets up an environment",
)
ROOT: Any = get_command(app)
BLOCK = re.compile(r"(?:^<!-- ([^>]*) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN, SHORTENED = "not run: ", "output shortened"
PROGRAM = re.compile(r"(?:[A-Z_]+=\S+ )*(?:\.venv\S*/bin/)?(?:sightscale|python\d?|make|hf|pip|git|cp|accelerate) ")
INLINE = re.compile(r"`(sightscale [a-z][^`]*)`")
STOPS = re.compile(r" (?=\||>|#|&&)| {2,}#")  # what a shell takes for itself, and a remark
GAPS = re.compile(r"…|\bRUN=|\[--")  # a form, with gaps to fill, is no command
NUMBER = re.compile(r"[+−-]?\d[\d,.]*")
RULES = re.compile(r"[\s─━═┃│┏┓┡┩└┘┴┬┼╇╈┳┻├┤]+")
MINUTES = 60


@dataclass(frozen=True)
class Shown:
    """A command of a page: the line, the output that the page shows below it, and the remark before its block."""

    page: str
    line: str
    output: tuple[str, ...] = ()
    remark: str = ""

    @property
    def is_run(self) -> bool:
        """Whether the slow tier runs it."""
        return not self.remark.startswith(NOT_RUN)


def read_blocks(page: str, text: str) -> Iterator[Shown]:
    """The commands of a page's console blocks, and of plain ones that begin with a prompt; continued lines joined."""
    for remark, language, block in BLOCK.findall(text):
        if language != "console" and (language or not block.startswith("$ ")):
            continue
        parts = re.split(r"^\$ ", re.sub(r"(?<!\\)\\\n\s*", "", block), flags=re.MULTILINE)
        assert not parts[0].strip(), f"{page}: a console block begins with output: {parts[0][:60]!r}"
        for part in parts[1:]:
            line, *output = part.rstrip("\n").split("\n")
            yield Shown(page, line, tuple(output), remark)


def list_commands(text: str) -> Iterator[tuple[str, bool]]:
    """The `sightscale` commands of a page and whether each is whole.

    Whole are those of its console blocks; those inside text may leave out what a reader knows.
    """
    for shown in read_blocks("", text):
        words = re.sub(r"^(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?", "", shown.line)
        if words.startswith("sightscale "):
            yield STOPS.split(words)[0], True
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


SHOWN = [(page.stem, *command) for page in PAGES for command in list_commands(page.read_text())]
TO_RUN = [
    shown
    for page in READ
    if page.stem != "leaderboard-guide"
    for shown in read_blocks(page.stem, page.read_text())
    if shown.is_run
]


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
    assert {"README", "measuring-reliance", "your-own-task"} <= {shown.page for shown in TO_RUN}


def test_a_block_is_run_unless_it_says_why_not() -> None:
    text = "<!-- not run: needs a hub -->\n```console\n$ a\n1\n$ b\n```\n\n```console\n$ c\n```\n"
    assert [(shown.line, shown.output, shown.is_run) for shown in read_blocks("page", text)] == [
        ("a", ("1",), False),
        ("b", (), False),
        ("c", (), True),
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HERE)))
def test_a_remark_is_one_that_we_know_and_every_command_stands_in_a_console_block(page: Path) -> None:
    for remark, language, block in BLOCK.findall(page.read_text()):
        known = remark in ("", SHORTENED) or (remark.startswith(NOT_RUN) and remark.removeprefix(NOT_RUN) in KINDS)
        assert known, f"{remark!r} is none of {KINDS}"
        if language not in ("console", "yaml", "python") and page != GUIDE:
            loose = [line for line in block.splitlines() if PROGRAM.match(line)]
            assert not loose, f"write these in a console block, each behind '$ ': {loose}"


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


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder: `sightscale` and `python` on the path, and what the pages take to be the reader's own."""
    from sightscale.model_adapters.checkpoints import FOLDER as CHECKPOINTS

    folder = tmp_path_factory.mktemp("reader")
    programs = folder / "programs"
    programs.mkdir()
    for name, rest in (("python", ""), ("sightscale", ' -c "from sightscale.harness.cli import main; main()"')):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)}{rest} "$@"\n')
        (programs / name).chmod(0o755)
    shutil.copytree(CHECKPOINTS / "easy_vqa_nano", folder / "path" / "to" / "model")
    colours = {"red": "#d02020", "green": "#20a020", "blue": "#2040d0", "yellow": "#e0d020"}
    rows = []
    for number in range(20):
        colour = list(colours)[number % 4]
        Image.new("RGB", (48 + number, 48), colours[colour]).save(folder / f"p{number}.png")
        row = {"question": "What colour is the picture?", "image": f"p{number}.png", "options": list(colours)}
        rows.append({**row, "answer": colour})
    with jsonlines.open(folder / "my_colours.jsonl", "w") as file:
        file.write_all(rows)
    grid = [(perception, reasoning) for reasoning in ("650k", "40k") for perception in ("650k", "40k")]
    for name, (perception, reasoning) in zip("abcd", grid, strict=True):
        model = f"decoupled:perception=nano_{perception}_extract,reasoning=nano_{reasoning}_reasoner,focus=data"
        run_line(
            f"sightscale run --model {model},greedy=true,answer_tokens=24 --data mini --tasks in_domain_vqav2 "
            f"--limit 20 --output runs/{name}",
            folder,
        )
    return folder


def run_line(line: str, folder: Path) -> str:
    """What a shell prints for a line in that folder, at 80 columns and without a hub; it has to end well."""
    path = f"{folder / 'programs'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "80", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20 * MINUTES,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def mask(line: str) -> str:
    """A line of output without its numbers, gaps and rules: those may differ on another machine."""
    return RULES.sub(" ", NUMBER.sub("#", line)).strip()


def test_numbers_and_gaps_of_an_output_may_differ_and_words_may_not() -> None:
    assert mask("│ easy_vqa │ 96.1 [94.0, 97.5] │") == mask("easy_vqa  5.0 [−1.2, 1,007]")
    assert mask("4 records") != mask("4 rows")


@pytest.mark.slow
@pytest.mark.parametrize("shown", TO_RUN, ids=lambda shown: f"{shown.page}: {shown.line[:60]}")
def test_a_command_that_is_shown_runs_and_prints_what_the_page_says(shown: Shown, reader: Path) -> None:
    printed = run_line(shown.line, reader)
    if shown.remark != SHORTENED:
        lines = {mask(line) for line in printed.splitlines()}
        missing = [line for line in shown.output if mask(line) and mask(line) not in lines]
        assert not missing, f"{missing} is not in what was printed:\n{printed}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in READ if ">>> " in page.read_text()], ids=lambda page: page.stem)
def test_python_that_is_shown_prints_what_the_page_says(
    page: Path, reader: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reader)
    text = "\n".join(block for _, language, block in BLOCK.findall(page.read_text()) if language == "python")
    example = doctest.DocTestParser().get_doctest(text, {}, page.stem, str(page), 0)
    assert example.examples
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example).failed == 0
