"""Verdicts: planted effects are found, their opposite is refused, and nothing is ruled where nothing shows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.matched_runs import Run, parse_placement
from sightscale.harness.study.plan import PlannedRun, Purpose
from sightscale.harness.study.verdicts import PAPER, SAYS, Ruling, combine, give_verdicts

N = 400
Rows = Callable[..., pd.DataFrame]


def scores(share: float, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(N) < share).astype(float)


def make(make_rows: Rows, name: str, role: Any, note: str, share: dict[str, float], blind: float | None = None) -> Any:
    """A run whose right answers come at the rates given; its place and role as a study plans them."""
    parts = [make_rows(task, "sighted", scores(rate, i + len(name))) for i, (task, rate) in enumerate(share.items())]
    if blind is not None:
        parts += [make_rows(task, "none", scores(blind, 99 + i)) for i, task in enumerate(share)]
    rows = pd.concat(parts, ignore_index=True).assign(run_id=name, model=name)
    placement = parse_placement(note, name)
    return PlannedRun(name, Purpose(role), name, placement), Run(name, rows, placement)


def planted(make_rows: Rows, gain: float) -> dict[PlannedRun, Run]:
    """A study in which extraction and thinking add `gain`, and perception costs 0.25 more than reasoning."""
    task = "in_domain_gqa"
    grid = {("8B", "8B"): 0.8, ("8B", "1B"): 0.75, ("1B", "8B"): 0.45, ("1B", "1B"): 0.4}
    runs = [make(make_rows, f"grid {p} {r}", "grid", f"{p}:{r}", {task: rate}) for (p, r), rate in grid.items()]
    for size in ("8B", "1B"):
        runs += [
            make(make_rows, f"caption {size}", "caption", f"{size}:8B", {task: 0.5}),
            make(make_rows, f"extract {size} x", "extract", f"{size}:8B", {task: 0.5 + gain}),
            make(make_rows, f"thinking {size}", "thinking", f"8B:{size}", {task: grid["8B", size] + gain / 2}),
        ]
    return dict(runs)


def test_planted_effects_are_ruled_on_with_their_sign(make_rows: Rows) -> None:
    found = {one.takeaway: one for one in give_verdicts(planted(make_rows, 0.3), "none", resamples=500)}
    assert [found[n].ruling for n in (2, 3, 4)] == ["supported"] * 3
    assert found[1].ruling == "undecided" and not found[1].evidence  # nothing was run end to end
    against = {one.takeaway: one for one in give_verdicts(planted(make_rows, -0.4), "none", resamples=500)}
    assert [against[n].ruling for n in (2, 3, 4)] == ["supported", "not supported", "not supported"]
    nothing = {one.takeaway: one for one in give_verdicts(planted(make_rows, 0.0), "none", resamples=500)}
    assert nothing[3].ruling == "undecided" and len(nothing[3].evidence) == 2


def test_drops_that_follow_reliance_support_the_first_takeaway(make_rows: Rows) -> None:
    tasks = {f"t{i}": 0.35 + 0.08 * i for i in range(8)}  # the more a task relies on looking, the more it loses
    runs = dict(
        [
            make(make_rows, "large", "end-to-end", "8B", tasks, blind=0.3),
            make(make_rows, "small", "end-to-end", "1B", dict.fromkeys(tasks, 0.32), blind=0.3),
        ]
    )
    first = give_verdicts(runs, "none", resamples=500)[0]
    assert first.ruling == "supported" and first.evidence[0].estimate.value > 0.5


@pytest.mark.parametrize(
    ("rulings", "together"),
    [
        ([], "undecided"),
        (["supported", "supported"], "supported"),
        (["supported", "undecided"], "undecided"),
        (["supported", "not supported"], "undecided"),
        (["undecided", "not supported"], "not supported"),
    ],
)
def test_rulings_together(rulings: list[Ruling], together: Ruling) -> None:
    assert combine(rulings) == together


def test_every_takeaway_says_what_the_paper_says() -> None:
    assert set(SAYS) == set(PAPER) == {1, 2, 3, 4}
