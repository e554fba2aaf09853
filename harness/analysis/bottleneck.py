"""The bottleneck: what a better perception module, or a better reasoning module, would bring.

Runs form a grid of perception × reasoning modules; everything is computed on the questions that the whole grid
answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.findings import as_findings, finding
from sightscale.harness.analysis.matched_runs import (
    RIGHT,
    Questions,
    Run,
    match_questions,
    parse_size,
    read_column,
    show_size,
    split_groups,
)
from sightscale.harness.statistics import Array, Bootstrapped, average, bootstrap, mean_score
from sightscale.model_adapters.blindfold import SIGHTED

TRUTH = "truth"  # the perception module that hands on ground-truth descriptions
ATTRIBUTIONS = (
    "only better perception helps",
    "only better reasoning helps",
    "either helps",
    "both are needed",
    "neither helps",
    "right already",
    "worse with a better module",
)


@dataclass(frozen=True)
class Level:
    """One module of an axis: its size in billions of parameters, 0 where unknown, and its name."""

    size: float
    name: str


@dataclass(frozen=True)
class Grid:
    """Modules of either axis, the largest first, the run in each cell, and runs on ground-truth descriptions."""

    perception: tuple[Level, ...]
    reasoning: tuple[Level, ...]
    cells: Mapping[tuple[str, str], Run]
    truth: Mapping[str, Run]


def arrange_grid(runs: Sequence[Run]) -> Grid:
    """The grid that runs form, by what stands behind `=` (`0.6:8`), else by the records' modules.

    Raises ValueError for a run without modules, two runs in one cell, or a missing corner.
    """
    levels: tuple[dict[str, Level], dict[str, Level]] = ({}, {})
    cells: dict[tuple[str, str], Run] = {}
    truth: dict[str, Run] = {}
    for run in runs:
        perception, reasoning = _modules(run)
        levels[1][reasoning.name] = reasoning
        if perception.name == TRUTH:
            truth[reasoning.name] = run
            continue
        levels[0][perception.name] = perception
        at = (perception.name, reasoning.name)
        if at in cells:
            raise ValueError(
                f"{cells[at].label} and {run.label} are both perception {at[0]} with reasoning {at[1]}; give one"
            )
        cells[at] = run
    inside = {reasoning for _, reasoning in cells}
    axes = [
        tuple(sorted(axis, key=lambda one: (-one.size, one.name)))
        for axis in (levels[0].values(), [one for one in levels[1].values() if one.name in inside])
    ]
    if min(len(axis) for axis in axes) < 2:
        raise ValueError("a grid needs at least two perception and two reasoning modules; give RUN=0.6:8 and so on")
    missing = [(p.name, r.name) for p in axes[0] for r in axes[1] if (p.name, r.name) not in cells]
    if missing:
        raise ValueError(f"the grid lacks perception {missing[0][0]} with reasoning {missing[0][1]}; run it first")
    return Grid(axes[0], axes[1], cells, truth)


def find_bottleneck(runs: Sequence[Run], *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings for each task, category and axis, and their mean over tasks.

    `perception drop` is the mean over reasoning modules of the score with the largest perception module minus
    that with a smaller one, `reasoning drop` likewise; `interaction` is how much more the largest perception
    brings to the largest reasoning module than to the smallest. Attributions take the smallest pair as where to
    start, and the largest modules as the better ones. Raises ValueError as `arrange_grid` does.
    """
    grid = arrange_grid(runs)
    columns = [(grid.cells[p.name, r.name].label, SIGHTED) for p in grid.perception for r in grid.reasoning]
    functions = _effects(grid)
    rows: list[dict[str, Any]] = []
    over_tasks: dict[str, list[Bootstrapped]] = {name: [] for name in functions}
    for questions in match_questions(runs):
        if any(column not in questions.scores.columns for column in columns):
            continue
        both = questions.common(columns)
        rows += _truth_gaps(questions, grid, resamples)
        for group in split_groups(both.about):
            where = {"task": questions.task, "level": group.level, "group": group.name}
            values, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
            seed = sum(questions.task.encode())  # tasks are resampled independently
            found = bootstrap(values, clusters, list(functions.values()), resamples=resamples, seed=seed)
            for name, one in zip(functions, found, strict=True):
                rows.append(_effect_row(name, one, where))
                if group.level == "task" and one.n:
                    over_tasks[name].append(one)
            kinds = attribute(values, len(grid.reasoning))
            rows += [finding(one, mean_score((kinds == one).astype(float), clusters), **where) for one in ATTRIBUTIONS]
            rows += _cell_scores(grid, values, clusters, where)
    if not rows:
        raise ValueError("no task was answered by every cell of the grid")
    tasks = max(len(parts) for parts in over_tasks.values())
    where = {"task": "mean", "level": "average", "group": f"mean of {tasks} tasks"}
    rows += [_effect_row(name, average(parts), where) for name, parts in over_tasks.items() if tasks > 1]
    return as_findings(rows)


def attribute(scores: Array, reasoning: int) -> Array:
    """What each question fails for, as one of `ATTRIBUTIONS`, from its scores in each cell.

    Columns are cells, perception outermost and the largest first on either axis; `reasoning` is how many
    reasoning modules there are.
    """
    right = scores > RIGHT
    both, perceives, reasons, neither = (right[:, at] for at in (0, reasoning - 1, -reasoning, -1))
    kept = both & perceives & reasons
    return np.select(
        [
            neither & kept,
            neither,
            perceives & reasons,
            perceives,
            reasons,
            both,
        ],
        [ATTRIBUTIONS[at] for at in (5, 6, 2, 0, 1, 3)],
        ATTRIBUTIONS[4],
    )


def _modules(run: Run) -> tuple[Level, Level]:
    if run.note is not None:
        parts = run.note.split(":")
        if len(parts) != 2:
            raise ValueError(
                f"{run.label}: {run.note!r} names no two modules; write RUN=PERCEPTION:REASONING, as 0.6:8"
            )
        if parts[0] == TRUTH:
            return Level(0, TRUTH), _sized(parts[1], run)
        return _sized(parts[0], run), _sized(parts[1], run)
    found = []
    for axis in ("perception", "reasoning"):
        name, counted = read_column(run, axis), read_column(run, f"{axis}_parameters")
        if name is None and counted is None:
            raise ValueError(
                f"the records of {run.label} name no {axis} module; write RUN=PERCEPTION:REASONING, such as RUN=0.6:8"
            )
        size = float(counted) / 1e9 if counted else 0.0
        found.append(Level(size, name or show_size(size)))
    return found[0], found[1]


def _sized(text: str, run: Run) -> Level:
    size = parse_size(text, run.label)
    return Level(size, show_size(size))


def _effects(grid: Grid) -> dict[str, Callable[[Array], Array]]:
    """Every effect as a function of column totals: weights on the cells, over the number of questions."""
    shape = len(grid.perception), len(grid.reasoning)
    effects: dict[str, Array] = {}
    for number, level in enumerate(grid.perception[1:], 1):
        weights = np.zeros(shape)
        weights[0], weights[number] = 1 / shape[1], -1 / shape[1]
        effects[f"perception drop\t{grid.perception[0].name} → {level.name}"] = weights
    perception = weights
    for number, level in enumerate(grid.reasoning[1:], 1):
        weights = np.zeros(shape)
        weights[:, 0], weights[:, number] = 1 / shape[0], -1 / shape[0]
        effects[f"reasoning drop\t{grid.reasoning[0].name} → {level.name}"] = weights
    effects["perception drop − reasoning drop\tlargest → smallest"] = perception - weights
    corners = np.zeros(shape)
    corners[0, 0] = corners[-1, -1] = 1
    corners[0, -1] = corners[-1, 0] = -1
    effects["interaction\tlargest → smallest"] = corners
    return {name: _weigh(weights.ravel()) for name, weights in effects.items()}


def _weigh(weights: Array) -> Callable[[Array], Array]:
    return lambda totals: (totals[..., :-1] @ weights) / totals[..., -1]


def _effect_row(name: str, found: Bootstrapped, where: dict[str, str]) -> dict[str, Any]:
    measure, _, steps = name.partition("\t")
    return finding(measure, found.interval(bounds=(-2, 2)), **where, condition=steps)


def _cell_scores(grid: Grid, values: Array, clusters: Any, where: dict[str, str]) -> list[dict[str, Any]]:
    cells = [(p.name, r.name) for p in grid.perception for r in grid.reasoning]
    return [
        finding(
            "score", mean_score(values[:, at], clusters), **where, condition=f"{p} : {r}", run=grid.cells[p, r].label
        )
        for at, (p, r) in enumerate(cells)
    ]


def _truth_gaps(questions: Questions, grid: Grid, resamples: int) -> list[dict[str, Any]]:
    """The score on ground-truth descriptions, and how much it is above the largest perception module's."""
    rows = []
    for reasoning, run in grid.truth.items():
        best = grid.cells.get((grid.perception[0].name, reasoning))
        columns = [(run.label, SIGHTED), *([(best.label, SIGHTED)] if best else [])]
        if any(column not in questions.scores.columns for column in columns):
            continue
        both = questions.common(columns)
        for group in split_groups(both.about):
            where = {"run": run.label, "task": questions.task, "level": group.level, "group": group.name}
            where["condition"] = f"{TRUTH} : {reasoning}"
            values, clusters = both.scores.to_numpy(float)[group.members], both.clusters[group.members]
            rows.append(finding("upper bound", mean_score(values[:, 0], clusters), **where))
            if best:
                gap = bootstrap(values[:, 0] - values[:, 1], clusters, [_weigh(np.ones(1))], resamples=resamples)[0]
                rows.append(finding("gap to upper bound", gap.interval(bounds=(-1, 1)), **where))
    return rows
