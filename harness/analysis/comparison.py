"""Comparison: how two runs differ on the questions that both answered, and what each one costs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import (
    ALL,
    AVERAGES,
    Finding,
    Level,
    Measure,
    as_table,
    read_estimate,
    without_interval,
)
from sightscale.harness.analysis.matched_runs import RIGHT, Questions, Run, match_questions, split_groups
from sightscale.harness.statistics import (
    Array,
    Bootstrapped,
    Difference,
    Estimate,
    Style,
    WeighedGap,
    average,
    bootstrap,
    holm,
    mcnemar,
    mean_of,
    mean_score,
    paired_difference,
    sign_flip,
    smallest_difference,
)
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

TOKENS = {
    Measure.INPUT_TOKENS: "input_tokens",
    Measure.OUTPUT_TOKENS: "output_tokens",
    Measure.PERCEPTION_INPUT_TOKENS: "perception_input_tokens",
    Measure.PERCEPTION_OUTPUT_TOKENS: "perception_output_tokens",
}
SECONDS = {Measure.SECONDS: "seconds", Measure.PERCEPTION_SECONDS: "perception_seconds"}
TESTS = {"McNemar mid-p": Measure.P_MCNEMAR, "McNemar exact": Measure.P_EXACT, "sign flips": Measure.P_SIGN_FLIPS}
COSTS = (*TOKENS, *SECONDS, Measure.THINKING_TOKENS, Measure.THINKING_CHARACTERS, Measure.TOKENS_PER_RIGHT)


def compare_runs(
    first: Run, second: Run, condition: str = Condition.SIGHTED, *, resamples: int = 10_000
) -> pd.DataFrame:
    """Findings on first − second for each task, category and axis: difference, test, smallest detectable difference.

    Tests of the tasks are corrected together by Holm's method. Categories and axes are shown with intervals, not
    tested. Raises UserError when the two share no question.
    """
    findings: list[Finding] = []
    tests: list[tuple[str, Difference]] = []
    parts: list[Bootstrapped] = []
    for questions in match_questions([first, second]):
        both = _share(questions, first, second, condition)
        if both is None:
            continue
        for group in split_groups(both.about):
            where: dict[str, Any] = {"task": both.task, "level": group.level, "group": group.name}
            where["condition"] = condition
            one, two = (both.column(run.label, condition)[group.members] for run in (first, second))
            clusters = both.clusters[group.members]
            seed = sum(both.task.encode())  # tasks are resampled independently
            gap = bootstrap(one - two, clusters, [WeighedGap((1.0,))], resamples=resamples, seed=seed)[0]
            least = smallest_difference(one, two, clusters)
            discordance = without_interval(least.discordance, least.n, least.clusters)
            smallest = without_interval(least.value, least.n, least.clusters)
            findings += [
                Finding(Measure.FIRST, mean_score(one, clusters), **where, run=first.label),
                Finding(Measure.SECOND, mean_score(two, clusters), **where, run=second.label),
                Finding(Measure.DIFFERENCE, paired_difference(one, two, clusters, resamples=resamples), **where),
                Finding(Measure.DISCORDANCE, discordance, **where),
                Finding(Measure.SMALLEST, smallest, **where),
            ]
            if group.level is Level.TASK:
                parts.append(gap)
                tests.append((both.task, _test(both, one, two)))
    if not tests:
        raise UserError(
            f"{first.label} and {second.label} share no {condition} question; compare runs of the same tasks"
        )
    adjusted = holm([test.p for _, test in tests])
    for (task, test), p in zip(tests, adjusted, strict=True):
        where = {"task": task, "level": Level.TASK, "group": ALL, "condition": condition}
        n = test.first_only + test.second_only
        findings.append(Finding(TESTS[test.test], without_interval(test.p, n), **where))
        findings.append(Finding(Measure.P_HOLM, without_interval(p, n), **where))
    if len(parts) > 1:
        where = {"task": "mean", "level": Level.AVERAGE, "group": AVERAGES[AverageKind.TASKS], "condition": condition}
        mean = average(parts).interval(bounds=(-1, 1))
        findings.append(Finding(Measure.DIFFERENCE, mean, **where, note=f"mean of {len(parts)} tasks"))
    for run in (first, second):
        findings += find_cost(run, condition)
    return as_table(findings)


def judge_margin(findings: pd.DataFrame, first: str, second: str, margin: float) -> list[str]:
    """A sentence for each task, and for their mean, on whether the first is as good as the second within `margin`.

    The margin is a share: 0.03 is three points. Equivalent: the whole 95 % interval of first − second lies within it
    (two one-sided tests at 2.5 %; Schuirmann, 1987). Not worse: its lower end does. Raises UserError for no margin.
    """
    if not 0 < margin < 1:
        raise UserError(f"--margin {100 * margin:g} is out of range; give points between 0 and 100, such as 3")
    points = f"{100 * margin:g} points"
    rows = findings[(findings["measure"] == Measure.DIFFERENCE)]
    sentences = []
    for row in rows[rows["level"].isin([Level.TASK, Level.AVERAGE])].itertuples():
        gap = read_estimate(row)
        if not gap.has_interval:
            verdict = "nothing can be said"
        elif gap.low > -margin and gap.high < margin:
            verdict = f"{first} and {second} are equivalent within {points}"
        elif gap.low > -margin:
            verdict = f"{first} is no worse than {second} by more than {points}"
        elif gap.high < -margin:
            verdict = f"{first} is worse than {second} by more than {points}"
        else:
            verdict = f"undecided: {first} may be worse than {second} by more than {points}, or not"
        name = str(row.note) if row.level == Level.AVERAGE else str(row.task)
        sentences.append(f"{name}: {verdict} ({gap.show(Style.POINTS)}, {gap.n:,} questions)")
    return sentences


def _share(questions: Questions, first: Run, second: Run, condition: str) -> Questions | None:
    """The questions of a task that both runs answered; None where there are none."""
    columns = [(first.label, condition), (second.label, condition)]
    if any(column not in questions.scores.columns for column in columns):
        return None
    both = questions.common(columns)
    return None if both.about.empty else both


def find_cost(run: Run, condition: str = Condition.SIGHTED) -> Iterator[Finding]:
    """Findings per question of a run: tokens read and written in either stage, seconds, thinking.

    Records count thinking's tokens with the answer's: `thinking tokens` is the output's in the proportion of
    characters thought to characters written, and says so by its name.
    """
    for task, rows in run.records[run.records["condition"] == condition].groupby("task", sort=False):
        where: dict[str, Any] = {"run": run.label, "task": str(task), "level": Level.COST, "group": ALL}
        where["condition"] = condition
        costs = {measure: rows[column].to_numpy(float) for measure, column in {**TOKENS, **SECONDS}.items()}
        thinking, answer = (
            rows[name].fillna("").astype(str).str.len().to_numpy(float) for name in ("thinking", "response")
        )
        share = np.divide(thinking, thinking + answer, out=np.zeros(len(rows)), where=thinking > 0)
        costs[Measure.THINKING_TOKENS] = share * costs[Measure.OUTPUT_TOKENS]
        costs[Measure.THINKING_CHARACTERS] = thinking
        for measure, values in costs.items():
            if np.nan_to_num(values).any():
                yield Finding(measure, _mean(values, rows["cluster"].to_numpy(object)), **where)
        spent = float(rows[list(TOKENS.values())].sum().sum())
        right = int((rows["score"] > RIGHT).sum())
        if spent:  # a scripted or imported model's tokens aren't known, which isn't none
            per_right = without_interval(spent / right if right else float("nan"), len(rows))
            yield Finding(Measure.TOKENS_PER_RIGHT, per_right, **where)


def _mean(values: Array, clusters: Any) -> Estimate:
    """A mean of any unit; without an interval when nothing varies."""
    mean = bootstrap(values, clusters, [mean_of(0)], resamples=2000)[0]
    varies = np.nanmax(values) > np.nanmin(values) and mean.clusters > 1
    return mean.interval() if varies else without_interval(mean.value, mean.n, mean.clusters)


def _test(both: Questions, one: Any, two: Any) -> Difference:
    """McNemar's test for right-or-wrong questions with a picture each, else sign flips of clusters."""
    single = both.about["cluster"].is_unique
    binary = np.isin(np.concatenate([one, two]), [0.0, 1.0]).all()
    return mcnemar(one, two) if single and binary else sign_flip(one, two, both.clusters)
