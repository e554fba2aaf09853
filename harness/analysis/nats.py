"""Nats: reliance measured by how much likelier the picture makes the right option.

Runs whose answers are read from likelihoods (`--answers likelihood`) hold, for each answer, the logarithm of the right
option's share among the options. Its gain from looking, sighted − blind on the same question, is reliance in nats: what
the picture tells the model of the answer, in the sense of pointwise V-usable information (Ethayarajh, Choi &
Swayamdipta, 2022, ICML, "Understanding dataset difficulty with V-usable information"). The gain of the share itself
lies in [−1, 1], so that it has a confidence sequence, which nats, without bounds, have not.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import Finding, Measure
from sightscale.harness.analysis.matched_runs import Run, match_questions, split_groups
from sightscale.harness.statistics import paired_difference
from sightscale.tasks.likelihoods import READ_BY, letter_mass, read_likelihoods
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, AnswersBy, Condition

LITTLE = 0.05  # the mean probability of all letters below which a model answers in another form


def find_nats(runs: Sequence[Run], *, resamples: int = 10_000) -> Iterator[Finding]:
    """Reliance in nats and the probability's gain, for each run with likelihoods, task, category, axis and condition.

    Only questions scored under both conditions count; the interval is that of every paired difference.
    """
    for run in runs:
        if "right_logprob" not in run.records or run.records["right_logprob"].isna().all():
            continue
        scored = Run(run.label, run.records.assign(score=run.records["right_logprob"]))
        for questions in match_questions([scored]):
            for group in split_groups(questions.about):
                part = questions.select(group.members)
                for condition in BLIND_CONDITIONS:
                    columns = [(run.label, str(Condition.SIGHTED)), (run.label, str(condition))]
                    if any(column not in part.columns for column in columns):
                        continue
                    both = part.common(columns)
                    sighted, blind = (both.column(*column) for column in columns)
                    where: dict[str, Any] = {"run": run.label, "task": part.task, "group": group.name}
                    for measure, first, second, bound in (
                        (Measure.NATS, sighted, blind, np.inf),
                        (Measure.PROBABILITY_GAIN, np.exp(sighted), np.exp(blind), 1.0),
                    ):
                        gain = paired_difference(
                            first, second, both.clusters, resamples=resamples, bounds=(-bound, bound)
                        )
                        yield Finding(measure, gain, level=group.level, condition=str(condition), **where)


def describe_letter_mass(records: pd.DataFrame) -> list[str]:
    """A sentence for each task that is read from its options' letters, on which a model puts little probability."""
    by_letter = (records["answers"].map(READ_BY) == AnswersBy.LETTER) & records["likelihoods"].notna()
    rows = records[(records["condition"] == Condition.SIGHTED) & by_letter]
    sentences = []
    for task, part in rows.groupby("task", sort=False):
        mass = float(np.mean([letter_mass(read_likelihoods(text)) for text in part["likelihoods"]]))
        if mass < LITTLE:
            sentences.append(
                f"{task}: the options' letters have {100 * mass:.2g} % of the model's probability: it answers in "
                "another form, and which letter is likeliest may say little; compare with --answers likelihood:text"
            )
    return sentences
