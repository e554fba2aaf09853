"""Truncation: how many answers and descriptions met their limit on tokens, and what that can have done to a score."""

from collections.abc import Iterator

import pandas as pd

from sightscale.harness.evaluation import LENGTH
from sightscale.harness.statistics import unparsed_bounds
from sightscale.tasks.vocabulary import Kind, Mode, Outcome

NOTABLE = 0.05  # the share of cut-off answers from which a score is said to suffer


def describe_truncation(records: pd.DataFrame) -> list[str]:
    """A sentence for each task and condition with at least 5 % of its answers or descriptions cut off.

    It says how many, within which bounds the score would be had they been completed, and which argument of the model
    gives them more room.
    """
    return [
        sentence
        for (task, condition), part in records.groupby(["task", "condition"], sort=False)
        for sentence in _describe(f"{task}, {condition}", part)
    ]


def _describe(where: str, part: pd.DataFrame) -> Iterator[str]:
    cut = part["outcome"] == Outcome.TRUNCATED
    if cut.mean() >= NOTABLE:
        bounds = unparsed_bounds(part["score"], cut, part["chance"], part["cluster"])
        least, most = (100 * bounds[name].value for name in ("wrong", "right"))
        yield (
            f"{where}: {cut.sum():,} of {len(part):,} answers ({100 * cut.mean():.1f} %) were cut off at "
            f"{_limit(part.loc[cut, 'output_tokens'])} and count as wrong; completed, the score would lie between "
            f"{least:.1f} and {most:.1f}. {_mend(part)}"
        )
    described = part["description"].notna()
    cut_descriptions = part["perception_finish_reason"] == LENGTH
    if described.any() and cut_descriptions.sum() / described.sum() >= NOTABLE:
        yield (
            f"{where}: {cut_descriptions.sum():,} of {described.sum():,} descriptions were cut off at "
            f"{_limit(part.loc[cut_descriptions, 'perception_output_tokens'])}. "
            "More room: perception_tokens=N in the model string"
        )


def _limit(tokens: pd.Series) -> str:
    return f"{int(tokens.max()):,} tokens"


def _mend(part: pd.DataFrame) -> str:
    if part["kind"].iloc[0] != Kind.DECOUPLED:
        return "More room: max_new_tokens=N in the model string"
    thinks = part["mode"].iloc[0] == Mode.THINKING
    return f"More room: answer_tokens=N{' or budget=N' if thinks else ''} in the model string"
