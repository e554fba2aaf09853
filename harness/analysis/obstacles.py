"""Obstacles: what holds one model back, its perception or its reasoning, and what would have helped each question.

The model is asked as it is; with a better perception module before its own reasoning; with its own descriptions before
a better reasoning module; and with both. On mini data the better perception is the truth itself, an upper bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS, attribute
from sightscale.harness.analysis.findings import ALL, AVERAGES, Finding, Level, Measure, as_table, read_estimate
from sightscale.harness.analysis.matched_runs import Run, match_questions, split_groups
from sightscale.harness.statistics import Bootstrapped, Estimate, Style, WeighedGap, average, bootstrap, mean_score
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

WEIGHTS = {  # of the four runs in their order: both, better perception, better reasoning, the model as it is
    Measure.PERCEPTION_COST: (0.0, 1.0, 0.0, -1.0),
    Measure.REASONING_COST: (0.0, 0.0, 1.0, -1.0),
    Measure.BOTH_COST: (1.0, 0.0, 0.0, -1.0),
    Measure.COST_GAP: (0.0, 1.0, -1.0, 0.0),
}
LISTED = ["task", "doc_id", "item_id", "category", "target", "helps"]


@dataclass(frozen=True)
class Four:
    """One model's four runs."""

    model: Run
    better_perception: Run
    better_reasoning: Run
    both: Run

    @property
    def in_order(self) -> tuple[Run, ...]:
        """As `WEIGHTS` and `attribute` take them."""
        return self.both, self.better_perception, self.better_reasoning, self.model


def find_obstacles(four: Four, *, resamples: int = 10_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Findings for each task, category and axis and the mean over tasks; and a row for each question: `LISTED`.

    Only questions that all four runs answered count. Raises UserError where there are none.
    """
    columns = [(run.label, str(Condition.SIGHTED)) for run in four.in_order]
    findings: list[Finding] = []
    parts: dict[Measure, list[Bootstrapped]] = {measure: [] for measure in WEIGHTS}
    listed = []
    for questions in match_questions(four.in_order):
        if any(column not in questions.columns for column in columns):
            continue
        shared = questions.common(columns)
        kinds = attribute(shared.scores.to_numpy(float), 2)
        about = shared.about[["item_id", "category", "target"]].reset_index()
        listed.append(about.assign(task=questions.task, helps=kinds))
        for group in split_groups(shared.about):
            where: dict[str, Any] = {"task": questions.task, "level": group.level, "group": group.name}
            scores, clusters = shared.scores.to_numpy(float)[group.members], shared.clusters[group.members]
            functions = [WeighedGap(weights) for weights in WEIGHTS.values()]
            seed = sum(questions.task.encode())  # tasks are resampled independently
            sizes = bootstrap(scores, clusters, functions, resamples=resamples, seed=seed)
            for run, values in zip(four.in_order, scores.T, strict=True):
                findings.append(Finding(Measure.SCORE, mean_score(values, clusters), **where, run=run.label))
            for measure, size in zip(WEIGHTS, sizes, strict=True):
                findings.append(Finding(measure, size.interval(bounds=(-1, 1)), **where))
                if group.level is Level.TASK and size.n:
                    parts[measure].append(size)
            for kind in ATTRIBUTIONS:
                share = mean_score((kinds[group.members] == kind).astype(float), clusters)
                findings.append(Finding(kind, share, **where))
    if not any(parts.values()):
        raise UserError("the four runs share no answered question; run them again on the same tasks")
    tasks = len(parts[Measure.PERCEPTION_COST])
    if tasks > 1:
        over: dict[str, Any] = {"task": "mean", "level": Level.AVERAGE, "group": AVERAGES[AverageKind.TASKS]}
        for measure, some in parts.items():
            whole = average(some).interval(bounds=(-1, 1))
            findings.append(Finding(measure, whole, **over, note=f"mean of {tasks} tasks"))
    return as_table(findings), pd.concat(listed, ignore_index=True)[LISTED]


def conclude(findings: pd.DataFrame, model: str, truth: bool) -> str:
    """One sentence on what holds the model back: as clear as the intervals are, and no clearer."""
    level = Level.AVERAGE if (findings["level"] == Level.AVERAGE).any() else Level.TASK
    rows = findings[(findings["level"] == level) & findings["group"].isin([ALL, AVERAGES[AverageKind.TASKS]])]
    sizes = {str(row.measure): read_estimate(row) for row in rows.itertuples() if row.measure in list(WEIGHTS)}
    perception, reasoning = sizes[Measure.PERCEPTION_COST], sizes[Measure.REASONING_COST]
    both, gap = sizes[Measure.BOTH_COST], sizes[Measure.COST_GAP]
    seen = "true descriptions" if truth else "the reference's perception"
    gains = (
        f"{seen} bring it {_points(perception)}, the reference's reasoning on its own descriptions "
        f"{_points(reasoning)}, both together {_points(both)}, on {both.n:,} questions"
    )
    if perception.low > 0 and gap.low > 0:
        return f"Perception holds {model} back: {gains}."
    if reasoning.low > 0 and gap.high < 0:
        return f"Reasoning holds {model} back: {gains}."
    if perception.low > 0 and reasoning.low > 0:
        return f"Perception and reasoning hold {model} back, and neither clearly more: {gains}."
    if both.low > 0 and perception.low <= 0 and reasoning.low <= 0:
        return f"{model} needs both: neither better perception nor better reasoning alone clearly helps; {gains}."
    if both.low > 0:
        name = "Perception" if perception.low > 0 else "Reasoning"
        return f"{name} holds {model} back, if not clearly more than the other: {gains}."
    return f"Nothing tried clearly helps {model}: {gains}."


def _points(estimate: Estimate) -> str:
    return f"{estimate.show(Style.POINTS)} points"


def place_four(runs: Sequence[Run]) -> Four:
    """Runs given as model, better perception, better reasoning, both; told apart by what they are."""
    names = ("as it is", "better perception", "better reasoning", "both better")
    return Four(*(Run(name, run.records) for name, run in zip(names, runs, strict=True)))
