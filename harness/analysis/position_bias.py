"""Position bias: how much a model's choices depend on where an option stands.

Computed from records alone. `spread` is 0 when every letter is chosen as often as it is right. Questions that were
asked in several orders of their options give `consistent`, the share answered with the same option's text in every
order, and `always_right` (circular evaluation; Liu et al., 2023, MMBench): right in every order.
"""

from dataclasses import dataclass

import pandas as pd
from rich.table import Table

from sightscale.harness.analysis.summary import show_condition
from sightscale.harness.evaluation import parse_options
from sightscale.harness.statistics import Estimate, mean_score
from sightscale.tasks.vocabulary import AnswerFormat


@dataclass(frozen=True)
class PositionBias:
    """One task under one condition: shares by letter, and how answers hold when options move."""

    task: str
    condition: str
    n: int
    chosen: dict[str, float]  # share of readable answers that choose a letter
    right: dict[str, float]  # share of questions whose answer stands there
    accuracy: dict[str, float]  # score of the questions whose answer stands there
    spread: float  # half the sum of |chosen − right|: the share of choices to move for balance
    orders: int  # how many orders each question was asked in
    consistent: Estimate | None
    always_right: Estimate | None
    always_right_by_chance: float | None


def position_bias(records: pd.DataFrame) -> list[PositionBias]:
    """Position bias of each multiple-choice task in `records` under each condition."""
    choices = records[(records["answer_format"] == AnswerFormat.CHOICE) & records["options"].notna()]
    return [
        _measure(str(task), str(condition), rows)
        for (task, condition), rows in choices.groupby(["task", "condition"], sort=False)
    ]


def _measure(task: str, condition: str, rows: pd.DataFrame) -> PositionBias:
    letters = sorted({letter for text in rows["options"].unique() for letter in parse_options(text)})
    chosen = rows["prediction"].dropna().value_counts(normalize=True)
    right = rows["target"].value_counts(normalize=True)
    by_place = rows.groupby("target")["score"].mean()
    orders = int(rows.groupby("item_id").size().max())
    several = orders > 1
    same, always, chance = _over_orders(rows) if several else (None, None, None)
    return PositionBias(
        task=task,
        condition=condition,
        n=len(rows),
        chosen={letter: float(chosen.get(letter, 0.0)) for letter in letters},
        right={letter: float(right.get(letter, 0.0)) for letter in letters},
        accuracy={letter: float(by_place.get(letter, float("nan"))) for letter in letters},
        spread=sum(abs(float(chosen.get(letter, 0.0)) - float(right.get(letter, 0.0))) for letter in letters) / 2,
        orders=orders,
        consistent=same,
        always_right=always,
        always_right_by_chance=chance,
    )


def _over_orders(rows: pd.DataFrame) -> tuple[Estimate, Estimate, float]:
    """Over questions asked in several orders: same option chosen throughout, always right, and that by chance."""
    texts = [
        parse_options(options).get(letter) if isinstance(letter, str) else None
        for options, letter in zip(rows["options"], rows["prediction"], strict=True)
    ]
    asked = rows.assign(chosen_text=pd.Series(texts, rows.index, dtype=object)).groupby("item_id")
    whole = asked.filter(lambda group: len(group) > 1).groupby("item_id")
    clusters = whole["cluster"].first().to_numpy()
    same = whole["chosen_text"].agg(lambda texts: float(texts.notna().all() and texts.nunique() == 1))
    always = whole["score"].min()
    by_chance = (whole["chance"].first() ** whole.size()).mean()  # guesses in each order apart
    return mean_score(same, clusters), mean_score(always, clusters), float(by_chance)


def render_position_bias(biases: list[PositionBias]) -> Table:
    """The figures as a table for a terminal, in per cent."""
    table = Table(
        title="Position bias",
        caption="chosen / right: share of answers choosing a letter, and of questions where it is right. Spread: share "
        "of choices to move for balance. Always right: in every order of the options.",
        caption_justify="left",
    )
    for name in ("task", "condition", "chosen / right", "spread", "same option", "always right", "by chance"):
        table.add_column(name, justify="left" if name in ("task", "condition") else "right")
    for bias in biases:
        shares = "  ".join(f"{k} {100 * v:.0f}/{100 * bias.right[k]:.0f}" for k, v in bias.chosen.items())
        table.add_row(
            bias.task,
            show_condition(bias.condition),
            shares,
            f"{100 * bias.spread:.1f}",
            bias.consistent.show() if bias.consistent else "–",
            bias.always_right.show() if bias.always_right else "–",
            f"{100 * bias.always_right_by_chance:.1f}" if bias.always_right_by_chance is not None else "–",
        )
    return table
