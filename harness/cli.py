"""The command line: `sightscale COMMAND`. Each command is a file in `commands`, imported when it runs."""

import sys

import typer
from sightscale.harness.commands import models, run, tasks, train

app = typer.Typer(
    name="sightscale",
    help="Does a small vision-language model see, and if it fails, is it perception or reasoning?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("tasks")(tasks.tasks)
app.command("models")(models.models)
app.command("train")(train.train)


def main() -> None:
    """Run the command line. What a user can mend ends in one line on standard error and exit code 1."""
    try:
        app()
    except KeyboardInterrupt:
        print(
            "sightscale: interrupted; what was finished is kept, run the same command again to go on", file=sys.stderr
        )
        sys.exit(130)
    except (ValueError, RuntimeError, OSError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"sightscale: {lines[0] if lines else type(error).__name__}", file=sys.stderr)
        sys.exit(1)
