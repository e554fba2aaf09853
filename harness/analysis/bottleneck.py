"""The bottleneck: what a better perception module, or a better reasoning module, would bring.

Runs form a grid of perception × reasoning modules; everything is computed on the questions that the whole grid
answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import AVERAGES, Finding, Level, Measure, as_table
from sightscale.harness.analysis.matched_runs import (
    RIGHT,
    TRUTH,
    Questions,
    Run,
    match_questions,
    read_column,
    show_size,
    split_groups,
)
from sightscale.harness.statistics import Array, Bootstrapped, WeighedGap, average, bootstrap, mean_score
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition

ATTRIBUTIONS = (
    Measure.PERCEPTION_HELPS,
    Measure.REASONING_HELPS,
    Measure.EITHER_HELPS,
    Measure.BOTH_NEEDED,
    Measure.NEITHER_HELPS,
    Measure.RIGHT_ALREADY,
    Measure.WORSE,
)


@dataclass(frozen=True)
class Module:
    """One module of an axis: its size in billions of parameters, 0 where unknown, and its name."""

    size: float
    name: str


@dataclass(frozen=True)
class Grid:
    """Modules of either axis, the largest first, the run in each cell, and runs on ground-truth descriptions."""

    perception: tuple[Module, ...]
    reasoning: tuple[Module, ...]
    cells: Mapping[tuple[str, str], Run]
    truth: Mapping[str, Run]


def arrange_grid(runs: Sequence[Run]) -> Grid:
    """The grid that runs form, by their placements (`0.6:8`), else by the records' modules.

    Raises UserError for a run without modules, two runs in one cell, or a missing corner.
    """
    modules: tuple[dict[str, Module], dict[str, Module]] = ({}, {})
    cells: dict[tuple[str, str], Run] = {}
    truth: dict[str, Run] = {}
    for run in runs:
        perception, reasoning = _modules(run)
        modules[1][reasoning.name] = reasoning
        if perception.name == TRUTH:
            truth[reasoning.name] = run
            continue
        modules[0][perception.name] = perception
        at = (perception.name, reasoning.name)
        if at in cells:
            raise UserError(
                f"{cells[at].label} and {run.label} both have perception {at[0]} with reasoning {at[1]}; "
                "give one run for each pair"
            )
        cells[at] = run
    inside = {reasoning for _, reasoning in cells}
    axes = [
        tuple(sorted(axis, key=lambda module: (-module.size, module.name)))
        for axis in (modules[0].values(), [module for module in modules[1].values() if module.name in inside])
    ]
    shape = [len(axis) for axis in axes]
    if min(shape) < 2:
        raise UserError(
            "a grid needs at least 4 decoupled runs (2 perception × 2 reasoning modules); these are "
            f"{shape[0]} × {shape[1]}: "
            "run the others, or say which modules a run has: RUN=PERCEPTION:REASONING, such as RUN=0.6:8"
        )
    missing = [f"{p.name} with {r.name}" for p in axes[0] for r in axes[1] if (p.name, r.name) not in cells]
    if missing:
        raise UserError(
            f"the grid needs {shape[0] * shape[1]} decoupled runs ({shape[0]} perception × {shape[1]} reasoning "
            f"modules), and {len(cells)} are given; missing: {', '.join(missing)}"
        )
    return Grid(axes[0], axes[1], cells, truth)


def find_bottleneck(runs: Sequence[Run], *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings for each task, category and axis, and their mean over tasks.

    `perception drop` is the mean over reasoning modules of the score with the largest perception module minus
    that with a smaller one, `reasoning drop` likewise; `interaction` is how much more the largest perception
    brings to the largest reasoning module than to the smallest. Attributions take the smallest pair as where to
    start, and the largest modules as the better ones. Raises UserError as `arrange_grid` does.
    """
    grid = arrange_grid(runs)
    sighted = str(Condition.SIGHTED)
    columns = [(grid.cells[p.name, r.name].label, sighted) for p in grid.perception for r in grid.reasoning]
    effects = _list_effects(grid)
    findings: list[Finding] = []
    over_tasks: list[list[Bootstrapped]] = [[] for _ in effects]
    for questions in match_questions(runs):
        if any(column not in questions.scores.columns for column in columns):
            continue
        both = questions.common(columns)
        findings += _truth_gaps(questions, grid, resamples)
        for group in split_groups(both.about):
            where: dict[str, Any] = {"task": questions.task, "level": group.level, "group": group.name}
            values, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
            seed = sum(questions.task.encode())  # tasks are resampled independently
            weighed = [WeighedGap(tuple(effect.weights.ravel())) for effect in effects]
            sizes = bootstrap(values, clusters, weighed, resamples=resamples, seed=seed)
            for effect, size, parts in zip(effects, sizes, over_tasks, strict=True):
                findings.append(effect.as_finding(size, where))
                if group.level is Level.TASK and size.n:
                    parts.append(size)
            kinds = attribute(values, len(grid.reasoning))
            findings += [
                Finding(kind, mean_score((kinds == kind).astype(float), clusters), **where) for kind in ATTRIBUTIONS
            ]
            findings += _cell_scores(grid, values, clusters, where)
    if not findings:
        raise UserError("the runs of the grid share no task; run all of them on the same --tasks")
    tasks = max(len(parts) for parts in over_tasks)
    where = {"task": "mean", "level": Level.AVERAGE, "group": AVERAGES[AverageKind.TASKS]}
    where["note"] = f"mean of {tasks} tasks"
    if tasks > 1:
        findings += [
            effect.as_finding(average(parts), where) for effect, parts in zip(effects, over_tasks, strict=True)
        ]
    return as_table(findings)


def attribute(scores: Array, reasoning: int) -> Array:
    """What each question fails for, as one of `ATTRIBUTIONS`, from its scores in each cell.

    Columns are cells, perception outermost and the largest first on either axis; `reasoning` is how many
    reasoning modules there are.
    """
    right = scores > RIGHT
    both, perceives, reasons, neither = (right[:, at] for at in (0, reasoning - 1, -reasoning, -1))
    always_right = both & perceives & reasons
    return np.select(
        [
            neither & always_right,
            neither,
            perceives & reasons,
            perceives,
            reasons,
            both,
        ],
        [
            str(measure)
            for measure in (
                Measure.RIGHT_ALREADY,
                Measure.WORSE,
                Measure.EITHER_HELPS,
                Measure.PERCEPTION_HELPS,
                Measure.REASONING_HELPS,
                Measure.BOTH_NEEDED,
            )
        ],
        str(Measure.NEITHER_HELPS),
    )


def _modules(run: Run) -> tuple[Module, Module]:
    """The perception and the reasoning module of a run, by its placement, else by its records."""
    placement = run.placement
    if placement is not None:
        if placement.reasoning is None:
            raise UserError(
                f"{run.label}: {placement} does not name two modules; write RUN=PERCEPTION:REASONING, such as RUN=0.6:8"
            )
        reasoning = Module(placement.reasoning, show_size(placement.reasoning))
        if placement.perception is None:
            return Module(0, TRUTH), reasoning
        return Module(placement.perception, show_size(placement.perception)), reasoning
    modules = []
    for axis in ("perception", "reasoning"):
        name, counted = read_column(run, axis), read_column(run, f"{axis}_parameters")
        if name is None and counted is None:
            raise UserError(
                f"{run.label} ran end to end; run it as decoupled:perception=…,reasoning=…, "
                "or place it as RUN=PERCEPTION:REASONING, such as RUN=0.6:8"
            )
        size = float(counted) / 1e9 if counted else 0.0
        modules.append(Module(size, name or show_size(size)))
    return modules[0], modules[1]


@dataclass(frozen=True, eq=False)
class _Effect:
    """One effect: its measure, what is compared, and the weights on the grid's cells that make it."""

    measure: Measure
    contrast: str
    weights: Array  # perception × reasoning

    def as_finding(self, size: Bootstrapped, where: Mapping[str, Any]) -> Finding:
        """The effect's size at a place."""
        return Finding(self.measure, size.interval(bounds=(-2, 2)), **where, contrast=self.contrast)


def _list_effects(grid: Grid) -> list[_Effect]:
    shape = len(grid.perception), len(grid.reasoning)
    effects = []
    for number, module in enumerate(grid.perception[1:], 1):
        perception = np.zeros(shape)
        perception[0], perception[number] = 1 / shape[1], -1 / shape[1]
        contrast = f"{grid.perception[0].name} → {module.name}"
        effects.append(_Effect(Measure.PERCEPTION_DROP, contrast, perception))
    for number, module in enumerate(grid.reasoning[1:], 1):
        reasoning = np.zeros(shape)
        reasoning[:, 0], reasoning[:, number] = 1 / shape[0], -1 / shape[0]
        contrast = f"{grid.reasoning[0].name} → {module.name}"
        effects.append(_Effect(Measure.REASONING_DROP, contrast, reasoning))
    corners = np.zeros(shape)
    corners[0, 0] = corners[-1, -1] = 1
    corners[0, -1] = corners[-1, 0] = -1
    ends = "largest → smallest"
    return [
        *effects,
        _Effect(Measure.DROP_GAP, ends, perception - reasoning),
        _Effect(Measure.INTERACTION, ends, corners),
    ]


def _cell_scores(grid: Grid, values: Array, clusters: Any, where: Mapping[str, Any]) -> list[Finding]:
    cells = [(p.name, r.name) for p in grid.perception for r in grid.reasoning]
    return [
        Finding(
            Measure.SCORE,
            mean_score(values[:, at], clusters),
            **where,
            condition=Condition.SIGHTED,
            perception=perception,
            reasoning=reasoning,
            run=grid.cells[perception, reasoning].label,
        )
        for at, (perception, reasoning) in enumerate(cells)
    ]


def _truth_gaps(questions: Questions, grid: Grid, resamples: int) -> list[Finding]:
    """The score on ground-truth descriptions, and how much it is above the largest perception module's."""
    findings = []
    for reasoning, run in grid.truth.items():
        best = grid.cells.get((grid.perception[0].name, reasoning))
        labels = [run.label, *([best.label] if best else [])]
        columns = [(label, str(Condition.SIGHTED)) for label in labels]
        if any(column not in questions.scores.columns for column in columns):
            continue
        both = questions.common(columns)
        for group in split_groups(both.about):
            where: dict[str, Any] = {"run": run.label, "task": questions.task, "level": group.level}
            where |= {"group": group.name, "perception": TRUTH, "reasoning": reasoning}
            values, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
            findings.append(Finding(Measure.UPPER_BOUND, mean_score(values[:, 0], clusters), **where))
            if best:
                gap = bootstrap(values[:, 0] - values[:, 1], clusters, [WeighedGap((1.0,))], resamples=resamples)[0]
                findings.append(Finding(Measure.UPPER_GAP, gap.interval(bounds=(-1, 1)), **where))
    return findings
