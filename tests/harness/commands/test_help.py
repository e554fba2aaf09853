"""`--help`: groups, panels and examples; every line fits and nothing is cut or broken, at 60, 80 and 120 columns."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sightscale.harness.cli import app

ROOT: Any = get_command(app)
CONTINUED = " \\\n      "  # how an example goes on in the next line


def walk(command: Any = ROOT, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, with the words that name it."""
    yield names, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*names, name))


COMMANDS = dict(walk())


def read_help(names: tuple[str, ...], width: int) -> str:
    """A command's help in a terminal of that width."""
    context = ROOT.make_context("sightscale", [], resilient_parsing=True, terminal_width=width)
    command = ROOT
    for name in names:
        command = command.commands[name]
        context = command.make_context(name, [], parent=context, resilient_parsing=True, terminal_width=width)
    return str(command.get_help(context))


def read_examples(text: str) -> list[str]:
    """The examples of a help text, each as one line."""
    _, _, examples = text.partition("\nExamples:\n")
    return [line.strip() for line in examples.replace(CONTINUED, " ").splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_line_fits_and_no_word_is_broken_or_cut_off(names: tuple[str, ...], width: int) -> None:
    text = read_help(names, width)
    assert max(map(len, text.splitlines())) <= width
    whole = read_help(names, 10_000)  # nothing is wrapped in a line that long
    assert [word for word in text.split() if word != "\\"] == whole.split()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_two_examples_can_be_pasted(names: tuple[str, ...], width: int) -> None:
    text = read_help(names, width)
    examples = read_examples(text)
    assert 2 <= len(examples) <= 3 and all(line.startswith("sightscale ") for line in examples)
    assert examples == read_examples(read_help(names, 10_000))
    for line in text.partition("\nExamples:\n")[2].splitlines():
        assert re.match(r"  sightscale |      [^ ]", line), line


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_example_is_a_command_that_parses(names: tuple[str, ...]) -> None:
    for example in read_examples(read_help(names, 80)):
        words = shlex.split(example.partition(" | ")[0])[1:]
        if names:
            assert tuple(words[: len(names)]) == names
        command, context = ROOT, ROOT.make_context("sightscale", [], resilient_parsing=True)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words[0]]
            group = hasattr(command, "commands")
            context = command.make_context(
                words[0], [] if group else words[1:], parent=context, resilient_parsing=group
            )
            words = words[1:] if group else []
        assert not words, f"{example}: {words} is left over"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["run", "--model", "m", "--tasks", "t", "--output", ""], "the path is empty"),
        (["run", "--model", "m", "--tasks", "t", "--output="], "the path is empty"),
        (["compare", "a", ""], "the path is empty"),
        (["run", "--model", "m", "--tasks", "t", "--output", "o", "--limit", "9" * 30], "the number is above"),
        (["run", "--model", "m", "--tasks", "t", "--output", "o", "--seed", "9" * 30], "the number is above"),
    ],
)
def test_an_empty_path_and_a_number_beyond_all_sense_are_refused(words: list[str], reason: str) -> None:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and reason in done.output


def test_an_empty_list_of_conditions_is_one() -> None:
    context = ROOT.make_context("sightscale", [], resilient_parsing=True)
    words = ["--model", "m", "--tasks", "t", "--blind", "", "--output", "."]
    assert ROOT.commands["run"].make_context("run", words, parent=context).params["blind"] == ""


def test_the_commands_stand_in_four_groups() -> None:
    text = read_help((), 80).partition("\nExamples:\n")[0]
    panels = re.findall(r"^(\S[^\n]*):\n((?:  [^\n]*\n)+)", text, re.MULTILINE)
    groups = {title: re.findall(r"^  (\S+)", rows, re.MULTILINE) for title, rows in panels}
    assert groups == {
        "Run": ["doctor", "run", "sweep", "study", "parity", "focus", "train", "speed"],
        "Read results": [
            *(
                "report",
                "reliance",
                "factors",
                "dose",
                "downscale",
                "bottleneck",
                "compare",
                "power",
                "leaks",
                "records",
                "rescore",
            ),
        ],
        "Data and models": ["tasks", "data", "models", "convert", "extract-data", "import", "store"],
        "Publish": ["leaderboard", "export", "push"],
        "Options": ["--debug", "--version", "--install-completion", "--show-completion", "--help"],
    }


@pytest.mark.parametrize(
    ("group", "members"),
    [
        ("tasks", ["list", "show", "new"]),
        ("models", ["list", "show"]),
        ("store", ["show", "prune", "merge"]),
        ("leaderboard", ["init", "add", "verify", "check", "schema", "build", "challenge", "rerun", "copies"]),
    ],
)
def test_a_group_has_its_sub_commands(group: str, members: list[str]) -> None:
    assert [names[1] for names in COMMANDS if len(names) == 2 and names[0] == group] == members


def test_options_of_one_kind_stand_in_a_panel() -> None:
    text = read_help(("run",), 80)
    assert "\nData:\n  --data TEXT " in text and "\nSpeed and storage:\n  --batch-size N " in text


@pytest.mark.parametrize("width", [60, 100, 300])
def test_help_is_as_wide_as_the_terminal_up_to_a_limit(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    context = ROOT.make_context("sightscale", [], resilient_parsing=True)
    widest = max(map(len, ROOT.get_help(context).splitlines()))
    assert min(width, 120) - 12 < widest <= min(width, 120)


def test_help_is_printed_without_an_error() -> None:
    done = CliRunner().invoke(app, ["leaderboard", "build", "--help"])
    assert done.exit_code == 0 and done.stdout.startswith("Usage: ") and done.stderr == ""


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_argument_and_option_has_a_sentence(names: tuple[str, ...]) -> None:
    command = COMMANDS[names]
    assert (command.help or "").strip()
    for parameter in command.params:
        if parameter.name not in ("help", "install_completion", "show_completion"):
            text = str(getattr(parameter, "help", None) or "")
            assert len(re.sub(r"\[default: [^\]]*\]", "", text).split()) >= 2, f"{' '.join(names)} {parameter.name}"
