"""`sightscale data`: the documents that tasks are about."""

from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import HelpGroup, examples, register
from sightscale.harness.commands.options import DataRoot, IncludePath
from sightscale.harness.commands.terminal import quieten

app = typer.Typer(
    name="data",
    cls=HelpGroup,
    help="Lock the documents of tasks, so that later runs use the same data.",
    no_args_is_help=True,
    epilog="sightscale data lock in_domain --data mini --output data.lock\n"
    "sightscale data lock mmstar --data-root copies --output data.lock",
)


@examples(
    "sightscale data lock in_domain,mmstar --data mini --output data.lock",
    "sightscale data lock mmstar_math --data-root copies --output math.lock",
)
def lock(
    tasks: Annotated[str, typer.Argument(help="Tasks or groups, separated by commas.")],
    output: Annotated[Path, typer.Option(metavar="FILE", help="File to write.")],
    data: Annotated[str, typer.Option(help="`hub` or `mini`, as for `sightscale run`.")] = "hub",
    data_root: DataRoot = None,
    options: Annotated[str, typer.Option(help="Order of multiple-choice options, as for `sightscale run`.")] = "",
    include_path: IncludePath = None,
) -> None:
    """Record which documents tasks have now; `run --lock` then refuses any others.

    Every document is read, text and pictures; nothing is generated.
    """
    quieten()
    from sightscale.harness.evaluation import lock_tasks, write_lock
    from sightscale.tasks.sources import reading

    names = tuple(name.strip() for name in tasks.split(",") if name.strip())
    with reading(data, data_root, options):
        locked = lock_tasks(names, data, options, tuple(include_path or ()))
    write_lock(locked, output)
    count = sum(len(task.documents) for task in locked.tasks.values())
    print(f"{count:,} documents of {len(locked.tasks):,} tasks in {output}")


register(app, lock, "lock")
