"""Doses: how a score falls as its pictures lose information, and the dose at which half of the gain is lost.

Sighted is all of the information, the condition without a picture none of it. For `downscale` the half dose is in
pixels of the longer side: the finest detail that a model still uses.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sightscale.harness.analysis.findings import Finding, Measure, as_table
from sightscale.harness.analysis.matched_runs import Questions, Run, match_questions, split_groups
from sightscale.harness.statistics import Estimate, fit_response
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition, Degradation

RISING = (Degradation.DOWNSCALE,)  # a larger amount leaves more information; of the others, less
SHARES = (Degradation.OCCLUDE, Degradation.NOISE)  # amounts that are shares, not scales
UNITS = {
    Degradation.DOWNSCALE: "pixels of the longer side",
    Degradation.BLUR: "pixels of the Gaussian",
    Degradation.SHUFFLE: "tiles along a side",
    Degradation.OCCLUDE: "share covered",
    Degradation.NOISE: "share of pixels",
}
FLOORS = (Condition.NONE, Condition.BLACK, Condition.MEAN)  # without any picture: the first that a run has


def read_amount(condition: str) -> tuple[Degradation, float] | None:
    """A dose's kind and amount from the condition's name; None for another condition."""
    name, colon, amount = condition.partition(":")
    if not colon or name not in list(Degradation):
        return None
    return Degradation(name), float(amount)


def find_doses(runs: Sequence[Run], *, seed: int = 0) -> pd.DataFrame:
    """Findings for each run, task and category: the monotone score at each dose, the gain, and the half dose.

    Questions count that were answered sighted, without the picture and at every dose of a kind. Raises UserError for a
    run without a condition that shows no picture, and where no run was asked at two doses of a kind.
    """
    findings: list[Finding] = []
    for questions in match_questions(runs):
        for run in runs:
            for kind in Degradation:
                findings += _one_kind(questions, run.label, kind, seed)
    if not findings:
        raise UserError(
            "no run was asked sighted, without the picture and at two or more doses of one kind; run it with "
            "--blind none,downscale:8,downscale:16,downscale:32,downscale:64"
        )
    return as_table(findings)


def _one_kind(questions: Questions, run: str, kind: Degradation, seed: int) -> Iterator[Finding]:
    asked = {condition for label, condition in questions.columns if label == run}
    known = [(dose[1], name) for name in asked if (dose := read_amount(name)) and dose[0] is kind]
    doses = sorted(known, reverse=kind not in RISING)
    floor = next((str(name) for name in FLOORS if name in asked), None)
    if len(doses) < 2 or not floor or Condition.SIGHTED not in asked:
        return
    names = [floor, *(name for _, name in doses), str(Condition.SIGHTED)]
    both = questions.common([(run, name) for name in names])
    for group in split_groups(both.about):
        where: dict[str, Any] = {"run": run, "task": questions.task, "level": group.level, "group": group.name}
        where |= {"contrast": str(kind), "note": UNITS[kind]}
        scores, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
        amounts = [amount for amount, _ in doses]
        fit = fit_response(scores, amounts, clusters, logarithmic=kind not in SHARES, seed=seed)
        for place, name in enumerate(names):
            value, low, high = (float(curve[place]) for curve in (fit.fitted, fit.low, fit.high))
            estimate = Estimate(value, low, high, fit.gain.n, fit.gain.clusters)
            yield Finding(Measure.DOSED, estimate, **where, condition=name)
        yield Finding(Measure.DOSE_GAIN, fit.gain, **where)
        yield Finding(Measure.HALF_DOSE, fit.half, **where)


def describe_half(findings: pd.DataFrame) -> list[str]:
    """A sentence for each run, task and kind: where half of the gain from looking is lost."""
    rows = findings[(findings["measure"] == Measure.HALF_DOSE) & (findings["level"] == "task")]
    sentences = []
    for row in rows.to_dict("records"):
        name = f"{row['run']}, {row['task']}, {row['contrast']}"
        if row["value"] != row["value"]:
            sentences.append(f"{name}: no clear gain from looking, so there is no half dose")
            continue
        low, high = row["low"], row["high"]
        between = f"between {low:.3g} and {high:.3g}"
        if low == float("-inf") or low <= 0:
            between = f"at {high:.3g} or below"
        if high == float("inf"):
            between = f"at {low:.3g} or above" if low > 0 else "anywhere"
        sentences.append(f"{name}: half of the gain is lost at {row['value']:.3g} {row['note']}, {between}")
    return sentences
