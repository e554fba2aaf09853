"""The command line: `sightscale COMMAND`. Each command is a file in `commands`; its parts are imported when it runs.

It is the composition root: it alone may reach every floor. A `UserError` ends in one line and exit code 1, since its
message is meant for the user; so does a disk that is full or may not be written to. Anything else is a bug and
keeps its traceback.
"""

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from sightscale.harness.commands import (
    bottleneck,
    compare,
    convert,
    downscale,
    export,
    extract_data,
    focus,
    import_samples,
    leaderboard,
    models,
    reliance,
    report,
    run,
    speed,
    store,
    study,
    tasks,
    train,
)
from sightscale.harness.commands.terminal import setup_logging
from sightscale.tasks.errors import UserError, first_line

DEBUG = "SIGHTSCALE_DEBUG"  # set, tracebacks of user errors are shown too
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)
RUN, READ, MODELS, PUBLISH = "Run", "Read results", "Data and models", "Publish"

app = typer.Typer(
    name="sightscale",
    help="Does a small vision-language model see, and if it fails, is it perception or reasoning?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from sightscale import __version__

        print(f"sightscale {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    debug: Annotated[
        bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of every error, and all messages.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
    setup_logging(debug=debug)


def _ending_in_one_line(command: Callable[..., Any]) -> Callable[..., None]:
    """The command, with what a user can mend ending in one line on standard error and exit code 1."""

    @functools.wraps(command)
    def run_command(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            _end("interrupted; finished work is kept, run the same command again to go on", 130)
        except UserError as error:
            _end(first_line(error), 1)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read the output has gone
            sys.exit(1)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            where = f"{error.filename}: " if error.filename else ""
            _end(f"{where}{(error.strerror or str(error)).lower()}; finished work is kept, mend it and go on", 1)

    return run_command


def _end(reason: str, code: int) -> None:
    if os.environ.get(DEBUG):
        traceback.print_exc()
    print(f"sightscale: {reason}", file=sys.stderr)
    sys.exit(code)


@dataclass(frozen=True)
class Command:
    """A command, the group that `--help` lists it in, and examples of it."""

    run: Callable[..., None]
    group: str
    examples: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it is typed."""
        return self.run.__name__.removesuffix("_samples").strip("_").replace("_", "-")


def write_epilog(examples: tuple[str, ...]) -> str:
    """Examples as `--help` ends with them, a line each."""
    return "\n\n".join(("Examples:", *(f"$ {example}".replace("[", r"\[") for example in examples)))


COMMANDS = (
    Command(run.run, RUN, run.EXAMPLES),
    Command(study.study, RUN, study.EXAMPLES),
    Command(train.train, RUN, train.EXAMPLES),
    Command(speed.speed, RUN, speed.EXAMPLES),
    Command(report.report, READ, report.EXAMPLES),
    Command(reliance.reliance, READ, reliance.EXAMPLES),
    Command(downscale.downscale, READ, downscale.EXAMPLES),
    Command(bottleneck.bottleneck, READ, bottleneck.EXAMPLES),
    Command(compare.compare, READ, compare.EXAMPLES),
    Command(focus.focus, MODELS, focus.EXAMPLES),
    Command(convert.convert, MODELS, convert.EXAMPLES),
    Command(extract_data.extract_data, MODELS, extract_data.EXAMPLES),
    Command(import_samples.import_samples, MODELS, import_samples.EXAMPLES),
    Command(export.export, PUBLISH, export.EXAMPLES),
)
FAMILIES = (  # commands that have commands of their own
    (tasks.app, MODELS, tasks.COMMANDS),
    (models.app, MODELS, models.COMMANDS),
    (store.app, MODELS, store.COMMANDS),
    (leaderboard.app, PUBLISH, leaderboard.COMMANDS),
)

for _command in COMMANDS:
    app.command(_command.name, rich_help_panel=_command.group, epilog=write_epilog(_command.examples))(
        _ending_in_one_line(_command.run)
    )
for _family, _group, _members in FAMILIES:
    for _run, _examples in _members.items():
        _name = _run.__name__.strip("_").replace("_", "-")
        _family.command(_name, epilog=write_epilog(_examples))(_ending_in_one_line(_run))
    app.add_typer(_family, rich_help_panel=_group)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
