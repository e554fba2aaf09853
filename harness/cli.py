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
from sightscale.tasks.errors import first_line

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
    report.report,
    reliance.reliance,
    downscale.downscale,
    bottleneck.bottleneck,
    compare.compare,
    import_samples.import_samples,
    tasks.tasks,
    models.models,
    convert.convert,
    train.train,
    extract_data.extract_data,
    store.store,
    speed.speed,
    study.study,
    export.export,
):
    app.command(_command.__name__.removesuffix("_samples").replace("_", "-"))(_ending_in_one_line(_command))

for _part in leaderboard.COMMANDS:
    leaderboard.app.command(_part.__name__)(_ending_in_one_line(_part))
app.add_typer(leaderboard.app)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
