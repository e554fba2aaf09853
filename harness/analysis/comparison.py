"""Comparison: how two runs differ on the questions that both answered, and what each one costs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import as_findings, finding, known
from sightscale.harness.analysis.matched_runs import RIGHT, Questions, Run, match_questions, split_groups
from sightscale.harness.statistics import (
    Array,
    Bootstrapped,
    Difference,
    Estimate,
    average,
    bootstrap,
    holm,
    mcnemar,
    mean_of,
    mean_score,
    sign_flip,
    smallest_difference,
)
from sightscale.model_adapters.blindfold import SIGHTED

STAGES = ("input_tokens", "output_tokens", "perception_input_tokens", "perception_output_tokens")
SECONDS = ("seconds", "perception_seconds")
THINKING = "thinking tokens (about)"


def compare_runs(first: Run, second: Run, condition: str = SIGHTED, *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings on first − second for each task, category and axis: difference, test, and the smallest one to be seen.

    Tests of the tasks are corrected together by Holm's method. Categories and axes are shown with intervals, not
    tested. Raises ValueError when the two share no question.
    """
    rows: list[dict[str, Any]] = []
    tests: list[tuple[str, Difference]] = []
    parts: list[Bootstrapped] = []
    for questions in match_questions([first, second]):
        columns = [(first.label, condition), (second.label, condition)]
        if any(column not in questions.scores.columns for column in columns):
            continue
        both = questions.common(columns)
        if both.about.empty:
            continue
        for group in split_groups(both.about):
            where = {"task": both.task, "level": group.level, "group": group.name, "condition": condition}
            one, two = (both.column(*column)[group.members] for column in columns)
            clusters = both.clusters[group.members]
            seed = sum(both.task.encode())  # tasks are resampled independently
            gap = bootstrap(one - two, clusters, [mean_of(0)], resamples=resamples, seed=seed)[0]
            least = smallest_difference(one, two, clusters)
            rows += [
                finding("first", mean_score(one, clusters), **where, run=first.label),
                finding("second", mean_score(two, clusters), **where, run=second.label),
                finding("difference", gap.interval(bounds=(-1, 1)), **where),
                finding("discordance", known(least.discordance, least.n, least.clusters), **where),
                finding("smallest difference", known(least.value, least.n, least.clusters), **where),
            ]
            if group.level == "task":
                parts.append(gap)
                tests.append((both.task, _test(both, one, two)))
    if not tests:
        raise ValueError(
            f"{first.label} and {second.label} share no {condition} question; compare runs of the same tasks"
        )
    adjusted = holm([test.p for _, test in tests])
    for (task, test), p in zip(tests, adjusted, strict=True):
        where = {"task": task, "level": "task", "group": "all", "condition": condition}
        n = test.first_only + test.second_only
        rows.append(finding(f"p ({test.test})", known(test.p, n), **where))
        rows.append(finding("p (Holm)", known(p, n), **where))
    if len(parts) > 1:
        where = {"task": "mean", "level": "average", "group": f"mean of {len(parts)} tasks", "condition": condition}
        rows.append(finding("difference", average(parts).interval(bounds=(-1, 1)), **where))
    for run in (first, second):
        rows += find_cost(run, condition)
    return as_findings(rows)


def find_cost(run: Run, condition: str = SIGHTED) -> Iterator[dict[str, Any]]:
    """Findings per question of a run: tokens read and written in either stage, seconds, thinking.

    Records count thinking's tokens with the answer's: `thinking tokens` is the output's in the proportion of
    characters thought to characters written, and says so by its name.
    """
    for task, rows in run.records[run.records["condition"] == condition].groupby("task", sort=False):
        where = {"run": run.label, "task": str(task), "level": "cost", "group": "all", "condition": condition}
        costs = {name.replace("_", " "): rows[name].to_numpy(float) for name in (*STAGES, *SECONDS)}
        thinking, answer = (
            rows[name].fillna("").astype(str).str.len().to_numpy(float) for name in ("thinking", "response")
        )
        share = np.divide(thinking, thinking + answer, out=np.zeros(len(rows)), where=thinking > 0)
        costs |= {THINKING: share * costs["output tokens"], "thinking characters": thinking}
        for name, values in costs.items():
            if np.nan_to_num(values).any():
                yield finding(name, _mean(values, rows["cluster"].to_numpy(object)), **where)
        spent = float(rows[list(STAGES)].sum().sum())
        right = int((rows["score"] > RIGHT).sum())
        if spent:  # a scripted or imported model's tokens aren't known, which isn't none
            per_right = known(spent / right if right else float("nan"), len(rows))
            yield finding("tokens per right answer", per_right, **where)


def _mean(values: Array, clusters: Any) -> Estimate:
    """A mean of any unit; without an interval when nothing varies."""
    found = bootstrap(values, clusters, [mean_of(0)], resamples=2000)[0]
    varies = np.nanmax(values) > np.nanmin(values) and found.clusters > 1
    return found.interval() if varies else known(found.value, found.n, found.clusters)


def _test(both: Questions, one: Any, two: Any) -> Difference:
    """McNemar's test for right-or-wrong questions with a picture each, else sign flips of clusters."""
    single = both.about["cluster"].is_unique
    binary = np.isin(np.concatenate([one, two]), [0.0, 1.0]).all()
    return mcnemar(one, two) if single and binary else sign_flip(one, two, both.clusters)
