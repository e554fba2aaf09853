"""`sightscale tasks`: what can be asked."""

from sightscale.harness.commands.terminal import open_console


def tasks() -> None:
    """List the tasks that come with sightscale; every task of lmms-eval can be named as well."""
    from rich.table import Table

    from sightscale.tasks.catalogue import list_tasks

    table = Table("task", "questions", "chance", "source", "revision", "licence", "data now")
    for card in list_tasks():
        n = f"{card.questions:,}" if card.questions else "–"
        chance = f"{100 * card.chance:.1f} %" if card.chance is not None else "–"
        table.add_row(card.name, n, chance, card.source, card.revision[:12], card.licence, card.availability())
    open_console().print(table)
