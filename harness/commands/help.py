"""How `--help` looks: plain text that fits the terminal, options in panels, examples that can be pasted.

typer's own layouts cut a summary with "…" or break a long word in the middle. This one wraps at spaces alone.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

LARGEST = 2**32 - 1  # of whatever is counted, and of a seed that numpy takes
WIDEST = 120  # columns that help uses at most
INDENT = "  "
NAME_COLUMNS = 26  # a longer name stands on a line of its own, its text below it
EXAMPLES = "__examples__"
TYPE = re.compile(r"<(?:list\[)?(\w+)(?: range)?\]?>")  # how typer shows the type of a value
TYPES = {"str": "TEXT", "int": "N", "float": "N", "path": "PATH"}

Function = TypeVar("Function", bound=Callable[..., Any])


def examples(*lines: str) -> Callable[[Function], Function]:
    """Decorator: command lines that `--help` shows below the options, one a line."""

    def attach(function: Function) -> Function:
        setattr(function, EXAMPLES, lines)
        return function

    return attach


def register(app: typer.Typer, function: Callable[..., None], name: str, panel: str | None = None) -> None:
    """Make a function a command of `app`: its docstring is the help, its examples follow the options."""
    lines = "\n".join(getattr(function, EXAMPLES, ()))
    about = inspect.getdoc(function)
    app.command(name, cls=HelpCommand, help=about, epilog=lines, rich_help_panel=panel)(function)


class HelpCommand(TyperCommand):
    """A command with our layout of help, which refuses an empty path and a number that is too large."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. Raises click's BadParameter for a path without a name and for a number beyond LARGEST."""
        given = list(args)
        rest = super().parse_args(ctx, args)
        parameter: Any
        for parameter in self.params:
            value = ctx.params.get(parameter.name)
            for each in value if isinstance(value, list | tuple) else [value]:
                if isinstance(each, int) and abs(each) > LARGEST:
                    raise typer.BadParameter(f"the number is above {LARGEST:,}", ctx, parameter)
                if any(_is_empty(parameter, each, before, text) for before, text in pairwise(["", *given])):
                    raise typer.BadParameter("the path is empty; write . for the current folder", ctx, parameter)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help into the formatter."""
        _format_help(self, ctx, formatter)


def _is_empty(parameter: Any, value: Any, before: str, text: str) -> bool:
    """Whether `text`, which stands after `before`, is an empty path or argument that `parameter` took."""
    if parameter.param_type_name == "argument":
        return text == "" and not before.startswith("-") and value in ("", Path())
    option, _, joined = text.partition("=")
    return isinstance(value, Path) and (
        (text == "" and before in parameter.opts) or ("=" in text and not joined and option in parameter.opts)
    )


class HelpGroup(TyperGroup):
    """A group of commands with our layout of help."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help into the formatter."""
        _format_help(self, ctx, formatter)


def _format_help(command: Any, ctx: Any, formatter: Any) -> None:
    width = formatter.width
    command.format_usage(ctx, formatter)
    sections = [_wrap(paragraph, width) for paragraph in _paragraphs(command.help or "")]
    sections += [_lay_out(title, rows, width) for title, rows in _panels(command, ctx).items()]
    if command.epilog:
        lines = (line for example in command.epilog.splitlines() for line in _wrap_example(example, width))
        sections.append("\n".join(("Examples:", *lines)))
    formatter.write("".join(f"\n{section}\n" for section in sections))


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text, each on one line."""
    yield from (" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n") if part.strip())


def _panels(command: Any, ctx: Any) -> dict[str, list[tuple[str, str]]]:
    """Rows of arguments, options and commands by the title that they stand under."""
    panels: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        name, text = record
        default = "Arguments" if parameter.param_type_name == "argument" else "Options"
        panels.setdefault(parameter.rich_help_panel or default, []).append((TYPE.sub(_show_type, name), text))
    if isinstance(command, TyperGroup):
        options = panels.pop("Options")
        for name in command.list_commands(ctx):
            inner: Any = command.get_command(ctx, name)
            if not inner.hidden:
                summary = next(_paragraphs(inner.short_help or inner.help or ""), "")
                panels.setdefault(inner.rich_help_panel or "Commands", []).append((name, summary))
        panels["Options"] = options
    return {title: rows for title, rows in panels.items() if rows}


def _show_type(match: re.Match[str]) -> str:
    return TYPES.get(match.group(1).lower(), match.group(0))


def _lay_out(title: str, rows: list[tuple[str, str]], width: int) -> str:
    """A panel: names in one column, their texts in another, or below the name where that is too long."""
    column = min(max(len(name) for name, _ in rows), NAME_COLUMNS) + len(INDENT)
    margin = INDENT + " " * column
    lines = [f"{title}:"]
    for name, text in rows:
        texts = _wrap(re.sub(r" +", " ", text), width, margin).splitlines() or [margin]
        if len(name) + len(INDENT) <= column:
            texts[0] = f"{INDENT}{name:{column}}{texts[0][len(margin) :]}".rstrip()
        else:
            texts.insert(0, INDENT + name)
        lines += texts
    return "\n".join(lines)


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _wrap_example(example: str, width: int) -> list[str]:
    """A command line that can be pasted: whole where it fits, else continued with a backslash and an indentation.

    It breaks before an option, so that a value stays beside its name, and at other spaces only where it must.
    """
    if len(INDENT + example) <= width:
        return [INDENT + example]
    room = width - len(" \\")
    pieces: list[str] = []
    for part in re.split(r" (?=--)", example):
        pieces += [part] if len(3 * INDENT + part) <= room else part.split()
    lines = [INDENT + pieces[0]]
    for piece in pieces[1:]:
        if len(f"{lines[-1]} {piece}") <= room:
            lines[-1] += f" {piece}"
        else:
            lines.append(3 * INDENT + piece)
    return [*(f"{line} \\" for line in lines[:-1]), lines[-1]]
