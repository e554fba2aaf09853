"""Boxes whose units can't be told: how many answers held one, where nobody said how the model writes boxes."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from sightscale.tasks.boxes import AMBIGUOUS, AUTO, ground
from sightscale.tasks.vocabulary import AnswerFormat, Outcome


def describe_ambiguous_boxes(records: pd.DataFrame) -> list[str]:
    """A sentence for each task and condition with boxes that are one thing in pixels and another in thousandths."""
    unparsed = records[(records["answer_format"] == AnswerFormat.BOX) & (records["outcome"] == Outcome.UNPARSED)]
    sentences = []
    for (task, condition), part in unparsed.groupby(["task", "condition"], sort=False, observed=True):
        rows: Iterable[Any] = part.itertuples(index=False)
        ambiguous = sum(ground(str(row.response), str(row.target), AUTO)[0].reason == AMBIGUOUS for row in rows)
        if ambiguous:
            asked = ((records["task"] == task) & (records["condition"] == condition)).sum()
            sentences.append(
                f"{task}, {condition}: {ambiguous:,} of {asked:,} boxes may be in pixels or in thousandths and count "
                "as unparsed; say how the model writes boxes: box_convention=NAME in the model string"
            )
    return sentences
