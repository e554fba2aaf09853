"""`sightscale models`: the checkpoints that have a short name."""

from sightscale.harness.commands.terminal import open_console


def models() -> None:
    """List the checkpoints that `--model` knows by a short name, and where each comes from."""
    from rich.table import Table

    from sightscale.model_adapters.checkpoints import list_checkpoints

    table = Table("name", "where it is")
    for name, where in list_checkpoints().items():
        table.add_row(name, where)
    open_console().print(table)
