"""The command line: `sightscale COMMAND`. Each command is a file in `commands`, imported when it runs.

It is the composition root: only the command line may import from every floor. A `UserError` ends in one line and exit
code 1, because its message is for the user. So does a disk that is full or can't be written to. Any other exception is
a bug and keeps its traceback.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from sightscale.harness.commands import (
    bottleneck,
    compare,
    convert,
    data,
    doctor,
    dose,
    downscale,
    export,
    extract_data,
    factors,
    focus,
    import_samples,
    leaderboard,
    leaks,
    models,
    parity,
    power,
    push,
    records,
    reliance,
    report,
    rescore,
    run,
    speed,
    store,
    study,
    sweep,
    tasks,
    train,
)
from sightscale.harness.commands.help import WIDEST, HelpGroup, register
from sightscale.harness.commands.terminal import setup_logging
from sightscale.tasks.errors import UserError, first_line

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)


class _Root(HelpGroup):
    """The root of the command line, which handles every command's errors."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _say("interrupted; finished work is kept, run the same command again to continue")
            sys.exit(INTERRUPTED)
        except UserError as error:
            _end(first_line(error), error, ctx)
        except OSError as error:
            if error.errno not in DISK_ERRORS:
                raise
            where = f"{error.filename}: " if error.filename else ""
            reason = (error.strerror or str(error)).lower()
            _end(f"{where}{reason}; finished work is kept; fix this and run the same command again", error, ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of their panels; typer puts groups last."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


def _end(reason: str, error: Exception, ctx: Any) -> NoReturn:
    """End a command with the reason on standard error and exit code 1."""
    if ctx.params["debug"]:
        traceback.print_exception(error)
    _say(reason)
    sys.exit(1)


def _say(reason: str) -> None:
    print(f"sightscale: {reason}", file=sys.stderr)


app = typer.Typer(
    name="sightscale",
    cls=_Root,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": WIDEST},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from sightscale import __version__

        print(f"sightscale {__version__}")
        raise typer.Exit


@app.callback(
    epilog="sightscale run --model nano_2m --data mini --tasks in_domain --blind none --output runs/nano\n"
    "sightscale report runs/nano"
)
def start(
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            envvar="SIGHTSCALE_DEBUG",
            show_envvar=True,
            help="Show the traceback of every error, and other packages' warnings.",
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Does a small vision-language model see, and if it fails, is it perception or reasoning?

    Write `sightscale COMMAND --help` for a command's options and examples.
    """
    setup_logging(debug)


PANELS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Run": (doctor.doctor, run.run, sweep.app, study.study, parity.parity, focus.focus, train.train, speed.speed),
    "Read results": (
        report.report,
        reliance.reliance,
        factors.factors,
        dose.dose,
        downscale.downscale,
        bottleneck.bottleneck,
        compare.compare,
        power.power,
        leaks.leaks,
        records.records,
        rescore.rescore,
    ),
    "Data and models": (
        tasks.app,
        data.app,
        models.app,
        convert.convert,
        extract_data.extract_data,
        import_samples.import_samples,
        store.app,
    ),
    "Publish": (leaderboard.app, export.export, push.push),
}

ORDER: list[str] = []

for _panel, _entries in PANELS.items():
    for _entry in _entries:
        if isinstance(_entry, typer.Typer):
            app.add_typer(_entry, rich_help_panel=_panel)
            ORDER.append(str(_entry.info.name))
        else:
            _name = _entry.__name__.removesuffix("_samples").replace("_", "-")
            register(app, _entry, _name, _panel)
            ORDER.append(_name)


def main() -> None:
    """Run the command line. A reader that closes the pipe early, as `head` does, ends it quietly."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer goes nowhere
        sys.exit(1)


if __name__ == "__main__":
    main()
