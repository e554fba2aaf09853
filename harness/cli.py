"""The command line: `sightscale COMMAND`. Each command is a file in `commands`, imported when it runs."""

import functools
import sys
from collections.abc import Callable
from typing import Any

import typer

from sightscale.harness.commands import (
    bottleneck,
    compare,
    convert,
    downscale,
    focus,
    import_samples,
    models,
    reliance,
    run,
    speed,
    store,
    tasks,
    train,
)
from sightscale.model_adapters.errors import first_line

app = typer.Typer(
    name="sightscale",
    help="Does a small vision-language model see, and if it fails, is it perception or reasoning?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _ending_in_one_line(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with what a user can mend ending in one line on standard error and exit code 1."""

    @functools.wraps(command)
    def ended(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            _end("interrupted; finished work is kept, run the same command again to go on", 130)
        except (ValueError, RuntimeError, OSError) as error:
            _end(first_line(error), 1)

    return ended


def _end(reason: str, code: int) -> None:
    print(f"sightscale: {reason}", file=sys.stderr)
    sys.exit(code)


for _command in (
    run.run,
    focus.focus,
    reliance.reliance,
    downscale.downscale,
    bottleneck.bottleneck,
    compare.compare,
    import_samples.import_samples,
    tasks.tasks,
    models.models,
    convert.convert,
    train.train,
    store.store,
    speed.speed,
):
    app.command(_command.__name__.removesuffix("_samples"))(_ending_in_one_line(_command))


def main() -> None:
    """Run the command line."""
    app()
