"""What `--dry-run` prints: a table of prompts and tokens, and sentences of time, memory and money."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sightscale.harness.commands.terminal import open_console
from sightscale.tasks.errors import UserError

if TYPE_CHECKING:
    from sightscale.harness.evaluation import Forecast, Plan

logger = logging.getLogger(__name__)


def show_forecast(plans: Sequence["Plan"], pilot: int, price_in: float | None, price_out: float | None) -> None:
    """Forecast each plan, in order, and print what all of them would take together.

    Raises UserError where only one of the two prices is given.
    """
    from sightscale.harness.evaluation import add_up, describe, forecast

    if (price_in is None) != (price_out is None):
        raise UserError(f"--price-{'out' if price_out is None else 'in'} is missing: give both prices, 0 for one")
    if not plans:
        print("every run is finished; there is nothing to ask")
        return
    keys: set[str] = set()
    parts = []
    for number, plan in enumerate(plans, 1):
        if len(plans) > 1:
            logger.info(f"run {number} of {len(plans)}: {plan.output.name}")
        parts.append(forecast(plan, pilot, keys))
    costs = parts[0] if len(parts) == 1 else add_up(parts)
    _print_rows(costs)
    price = None if price_in is None or price_out is None else (price_in, price_out)
    for line in describe(costs, price):
        print(line)
    if plans[0].until:
        print(f"--until {plans[0].until}: the forecast is for a run that does not stop early")
    print("next: the same command without --dry-run")


def _print_rows(costs: "Forecast") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(caption="Prompts and tokens that are left to be generated, after the pilot.", caption_justify="left")
    for name in (
        "condition",
        "stage",
        "questions",
        "in the store",
        "equal to another",
        "to generate",
        "to read",
        "to write",
    ):
        table.add_column(name, justify="left" if name in ("condition", "stage") else "right", overflow="fold")
    for row in costs.rows:
        tokens = ["–" if about is None else f"{about.value:,.0f}" for about in (row.tokens_in, row.tokens_out)]
        counts = [f"{count:,}" for count in (row.questions, row.stored, row.equal, row.missing)]
        table.add_row(escape(row.condition), row.stage, *counts, *tokens)
    open_console().print(table)
