"""`sightscale doctor`: whether a model can be measured here, before anything is measured."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sightscale.harness.commands.help import examples
from sightscale.harness.commands.options import FILES
from sightscale.harness.commands.terminal import open_console, quieten

OF_RUNS = ("box_convention", "max_new_tokens", "seed", "store")  # arguments that the engine doesn't have


@examples(
    "sightscale doctor nano_2m",
    "sightscale doctor my/vlm,dtype=bfloat16 --json checkup.json",
)
def doctor(
    model: Annotated[str, typer.Argument(help="A model by its name, folder or hub id; ,KEY=VALUE may follow.")],
    file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the checks to a file as well.", rich_help_panel=FILES),
    ] = None,
) -> None:
    """Check whether a model loads, sees, and answers the same in a batch; takes a minute or two.

    It shows the model eight small pictures. Exit code 1 means a fault, which would make a score wrong or impossible. A
    note is worth reading before a run.
    """
    quieten()
    from rich.table import Column, Table

    from sightscale.model_adapters.checkup import Check, State, check_up
    from sightscale.model_adapters.model_strings import check_model, parse_model
    from sightscale.tasks.errors import UserError, blaming

    spec = parse_model(model)
    if spec.kind != "end-to-end":
        raise UserError(f"model {model!r}: doctor checks one model by its name or folder; name one of its modules")
    check_model(spec)
    options = {name: value for name, value in spec.arguments.items() if name not in OF_RUNS}
    checks: list[Check] = list(check_up(spec.name, options))
    table = Table(*(Column(name, overflow="fold") for name in ("check", "", "seen")))
    for check in checks:
        table.add_row(check.name, str(check.state), check.says + (f"; {check.mend}" if check.mend else ""))
    open_console().print(table)
    if file:
        rows = [{"check": c.name, "state": str(c.state), "says": c.says, "mend": c.mend} for c in checks]
        with blaming(file, "write to"):
            file.write_text(json.dumps({"model": model, "checks": rows}, indent=2) + "\n", encoding="utf-8")
    faults, notes = (sum(check.state == state for check in checks) for state in (State.FAULT, State.NOTE))
    print(f"{len(checks)} checks: {faults} fault{'s' * (faults != 1)}, {notes} note{'s' * (notes != 1)}")
    if faults:
        raise typer.Exit(1)
