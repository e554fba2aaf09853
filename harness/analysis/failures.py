"""Failed answers: how many there are, and why."""

import pandas as pd

from sightscale.tasks.vocabulary import Outcome

LONGEST = 200  # letters of a reason that are shown


def describe_failures(records: pd.DataFrame) -> list[str]:
    """A sentence for each task and condition with failed answers: how many, and the most frequent reason."""
    failed = records[records["outcome"] == Outcome.FAILED]
    sizes = records.groupby(["task", "condition"]).size().to_dict()
    sentences = []
    for (task, condition), part in failed.groupby(["task", "condition"], sort=False):
        reasons = part["error"].dropna().value_counts()
        why = f": {' '.join(str(reasons.index[0]).split())[:LONGEST]}" if len(reasons) else ""
        others = f" ({int(reasons.iloc[0]):,} of them)" if len(reasons) > 1 else ""
        sentences.append(
            f"{task}, {condition}: {len(part):,} of {sizes[task, condition]:,} answers failed{why}{others}"
        )
    return sentences
