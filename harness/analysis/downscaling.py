"""Downscaling: how much each task loses when the model shrinks, beside how much it relies on looking.

A drop is absolute, in points of the score of the largest model minus the smaller one's, on the questions that
both answered; the relative drop is that over the largest model's score, where this is 20 % or more. Both directions of
every point carry error, and the same questions make both, so the points' own error covariances are taken out of the
line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sightscale.harness.analysis.findings import Finding, Level, Measure, as_table, without_interval
from sightscale.harness.analysis.matched_runs import (
    Questions,
    Run,
    match_questions,
    read_column,
    show_size,
    split_groups,
)
from sightscale.harness.statistics import (
    Array,
    Bootstrapped,
    Estimate,
    WeighedGap,
    bootstrap,
    fit_line,
    paired_difference,
    rank_correlation,
)
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, Condition

LEAST_SCORE = 0.2  # of the largest model, below which no relative drop is shown
REPLICATES = 2000  # of the line and the rank correlations
CORRELATIONS = {Measure.KENDALL: "kendall", Measure.SPEARMAN: "spearman"}


class Resampling(StrEnum):
    """What is drawn anew for an interval on the relation: the group of its findings."""

    QUESTIONS = "questions resampled"
    TASKS = "tasks and questions resampled"


@dataclass(frozen=True)
class Downscaling:
    """Findings, the points of drop against reliance (one row each), and the labels of the largest and smallest run."""

    findings: pd.DataFrame
    points: pd.DataFrame
    largest: str
    smallest: str


@dataclass(frozen=True)
class _Point:
    name: str
    drop: Bootstrapped
    reliance: Bootstrapped


def order_by_scale(runs: Sequence[Run]) -> list[tuple[float, Run]]:
    """Runs with their sizes in billions of parameters, the largest first: where they are placed, else the records'.

    Raises UserError for fewer than two, an unknown size, or two runs of one size.
    """
    if len(runs) < 2:
        raise UserError("downscaling needs at least two runs of different sizes; give RUN=8 RUN=0.6")
    sized = []
    for run in runs:
        placed = run.placement.size if run.placement else None
        if run.placement and placed is None:
            raise UserError(f"{run.label}: {run.placement} names two modules; a scale needs one size, such as RUN=8")
        counted = float(read_column(run, "parameters") or 0)
        if placed is None and not counted:  # scripted models have none
            raise UserError(f"the records of {run.label} don't say how large it is; write RUN=SIZE, such as RUN=8")
        sized.append((counted / 1e9 if placed is None else placed, run))
    sized.sort(key=lambda pair: -pair[0])
    for (size, first), (other, second) in pairwise(sized):
        if size == other:
            raise UserError(
                f"{first.label} and {second.label} have the same size ({show_size(size)}); "
                "a scale needs different sizes"
            )
    return sized


def find_downscaling(
    runs: Sequence[Run],
    condition: str | None = None,
    *,
    by: Level = Level.TASK,
    resamples: int = 10_000,
) -> Downscaling:
    """Drops from the largest model to each smaller one, and drop against reliance under a blind condition.

    Points of the second are tasks, categories or axes, as `by` says; without `condition` the first one that the
    largest run was asked under is taken. Raises UserError as `order_by_scale` does.
    """
    sized = order_by_scale(runs)
    (_, largest), (_, smallest) = sized[0], sized[-1]
    asked = set(largest.records["condition"])
    blind = condition or next((name for name in BLIND_CONDITIONS if name in asked), None)
    if condition and condition not in asked:
        raise UserError(
            f"{largest.label} was not asked blind under {condition!r}; it was asked under {', '.join(asked)}"
        )
    findings: list[Finding] = []
    points: list[_Point] = []
    sizes = _show_sizes([size for size, _ in sized])
    for questions in match_questions(runs):
        for size, (_, run) in zip(sizes[1:], sized[1:], strict=True):
            contrast = f"{sizes[0]} → {size}"
            drops, pair_points = _drops(questions, largest.label, run.label, blind, contrast, resamples, by)
            findings += drops
            points = points + pair_points if run is smallest else points
    findings += _relate(points)
    table = pd.DataFrame(
        [
            {
                "name": point.name,
                **{f"drop_{end}": value for end, value in _ends(point.drop.interval()).items()},
                **{f"reliance_{end}": value for end, value in _ends(point.reliance.interval()).items()},
                "n": point.drop.n,
            }
            for point in points
        ]
    )
    return Downscaling(as_table(findings), table, largest.label, smallest.label)


def _show_sizes(sizes: Sequence[float]) -> list[str]:
    """Sizes to three digits, or whole where that would make two of them one."""
    short = [show_size(float(f"{size:.3g}")) for size in sizes]
    return short if len(set(short)) == len(sizes) else [show_size(size) for size in sizes]


def _ends(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _drops(
    questions: Questions, largest: str, smaller: str, blind: str | None, contrast: str, resamples: int, by: Level
) -> tuple[list[Finding], list[_Point]]:
    """Findings for one pair of sizes, and the points among them."""
    columns = [(largest, str(Condition.SIGHTED)), (smaller, str(Condition.SIGHTED))]
    if any(column not in questions.scores.columns for column in columns):
        return [], []
    with_blind = blind is not None and (largest, blind) in questions.scores.columns
    both = questions.common([*columns, (largest, str(blind))] if with_blind else columns)
    findings: list[Finding] = []
    points: list[_Point] = []
    for group in split_groups(both.about):
        where: dict[str, Any] = {"run": smaller, "task": questions.task, "level": group.level, "group": group.name}
        where["contrast"] = contrast
        functions: list[Callable[[Array], Array]] = [WeighedGap((1.0, -1.0)), _relative_gap]
        functions += [WeighedGap((1.0, 0.0, -1.0))] if with_blind else []
        values, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
        seed = sum(f"{questions.task} {group.name}".encode())  # tasks are resampled independently
        drop, relative, *reliance = bootstrap(values, clusters, functions, resamples=resamples, seed=seed)
        # What is shown is the interval that every other command shows of it; the relation needs independent draws.
        shown = paired_difference(values[:, 0], values[:, 1], clusters, resamples=resamples)
        findings.append(Finding(Measure.DROP, shown, **where))
        findings.append(Finding(Measure.RELATIVE_DROP, _show_relative(relative, values[:, 0]), **where))
        if reliance and group.level == by:
            name = questions.task if by is Level.TASK else f"{questions.task}: {group.name}"
            points.append(_Point(name, drop, reliance[0]))
        if reliance:
            looking = paired_difference(values[:, 0], values[:, 2], clusters, resamples=resamples)
            findings.append(Finding(Measure.RELIANCE, looking, **where))
    return findings, points


def _show_relative(relative: Bootstrapped, scores: Array) -> Estimate:
    """The relative drop; missing where the largest model scores too little for a share of it to mean anything."""
    if not len(scores) or scores.mean() < LEAST_SCORE:
        return without_interval(float("nan"), relative.n, relative.clusters)
    return relative.interval(bounds=(-np.inf, 1.0))


def _relative_gap(totals: Array) -> Array:
    return (totals[..., 0] - totals[..., 1]) / totals[..., 0]


def _relate(points: Sequence[_Point]) -> list[Finding]:
    """Rank correlations and the line of reliance on drop, with intervals, and what each point does to them."""
    usable = [point for point in points if len(point.drop.replicates) and point.drop.clusters > 1]
    if len(usable) < 3:
        return []
    x, y = (np.array([getattr(point, side).value for point in usable]) for side in ("drop", "reliance"))
    errors = _errors(usable)
    step = max(1, len(usable[0].drop.replicates) // REPLICATES)
    xs = np.column_stack([point.drop.replicates[::step][:REPLICATES] for point in usable])
    ys = np.column_stack([point.reliance.replicates[::step][:REPLICATES] for point in usable])
    drawn = np.random.default_rng(0).integers(0, len(usable), size=xs.shape)
    n = len(usable)

    def relate(drops: Array, gains: Array, variance: Array, covariance: Array) -> dict[Measure, Array]:
        line = fit_line(drops, gains, variance, covariance)
        ranks = {measure: rank_correlation(drops, gains, name) for measure, name in CORRELATIONS.items()}
        return {**ranks, Measure.SLOPE: line.slope, Measure.INTERCEPT: line.intercept}

    variance, _, covariance = errors
    values = relate(x, y, variance, covariance)
    fixed = relate(xs, ys, 2 * variance, 2 * covariance)  # a resample carries the errors a second time
    rows_of = np.arange(len(xs))[:, None]
    other = relate(xs[rows_of, drawn], ys[rows_of, drawn], 2 * variance[drawn], 2 * covariance[drawn])
    findings = [
        Finding(measure, _percentiles(float(value), replicates[measure], n), level=Level.RELATION, group=resampled)
        for resampled, replicates in ((Resampling.QUESTIONS, fixed), (Resampling.TASKS, other))
        for measure, value in values.items()
    ]
    for measure, test in ((Measure.KENDALL_P, stats.kendalltau), (Measure.SPEARMAN_P, stats.spearmanr)):
        p = float(test(x, y).pvalue) if np.ptp(x) and np.ptp(y) else float("nan")
        estimate = without_interval(p, n)
        findings.append(Finding(measure, estimate, level=Level.RELATION, group=Resampling.QUESTIONS))
    return findings + _influences(usable, x, y, errors)


def _errors(points: Sequence[_Point]) -> list[Array]:
    """Variance of drop, of reliance, and their covariance, for each point; never zero, for a point without spread."""
    sides = []
    for side in ("drop", "reliance"):
        ends = [getattr(point, side).interval(bounds=(-1, 1)) for point in points]
        sides.append(np.array([max((end.high - end.low) / 3.92, 1e-4) ** 2 for end in ends]))
    together = np.array([np.cov(point.drop.replicates, point.reliance.replicates)[0, 1] for point in points])
    limit = 0.95 * np.sqrt(sides[0] * sides[1])
    return [*sides, np.clip(together, -limit, limit)]


def _percentiles(value: float, replicates: Array, n: int) -> Estimate:
    finite = replicates[np.isfinite(replicates)]
    if not len(finite) or value != value:
        return Estimate(value, float("nan"), float("nan"), n, n)
    low, high = np.quantile(finite, [0.025, 0.975])
    return Estimate(value, float(low), float(high), n, n)


def _influences(points: Sequence[_Point], x: Array, y: Array, errors: Sequence[Array]) -> list[Finding]:
    """For each point: the rank correlation and slope without it, and how far it lies from the others' line.

    `deviation` is that distance over its standard error, in which the others' own scatter counts.
    """
    findings: list[Finding] = []
    if len(points) < 4:
        return findings
    for number, point in enumerate(points):
        others = np.arange(len(points)) != number
        line = fit_line(x[others], y[others], errors[0][others], errors[2][others])
        gap = y - line.intercept - line.slope * x
        expected = errors[1] + line.slope**2 * errors[0] - 2 * line.slope * errors[2]
        scatter = max(0.0, float(np.sum(gap[others] ** 2 - expected[others]) / max(1, others.sum() - 2)))
        for measure, value in (
            (Measure.KENDALL_WITHOUT, rank_correlation(x[others], y[others])),
            (Measure.SLOPE_WITHOUT, line.slope),
            (Measure.DISTANCE, gap[number]),
            (Measure.DEVIATION, gap[number] / np.sqrt(expected[number] + scatter)),
        ):
            estimate = without_interval(float(value), point.drop.n)
            findings.append(Finding(measure, estimate, level=Level.INFLUENCE, group=point.name))
    return findings
