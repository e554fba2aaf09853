"""The bottleneck: planted effects of either module, attributions by hand, and grids that can't be read."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.bottleneck import ATTRIBUTIONS, arrange_grid, attribute, find_bottleneck
from sightscale.harness.analysis.matched_runs import read_runs

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]
N = 3000
PERCEPTION, REASONING, INTERACTION = 0.15, 0.11, 0.05  # what the small modules cost, and cost less together


def pick(findings: pd.DataFrame, measure: str, **where: str) -> pd.Series:
    """The one finding of a measure at a place."""
    rows = findings[findings["measure"] == measure]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1, rows
    return rows.iloc[0]


@pytest.fixture
def grid(save_run: Save, make_rows: Make) -> list[str]:
    """Two perception by two reasoning modules on two tasks, and the large one on ground-truth descriptions."""
    rng = np.random.default_rng(0)
    luck = {task: rng.random(N) for task in ("one", "two")}
    folders = []
    for perception, reasoning in product((8, 0.6), (8, 0.6)):
        weak, slow = perception < 1, reasoning < 1
        score = 0.8 - PERCEPTION * weak - REASONING * slow + INTERACTION * (weak and slow)
        parts = [make_rows(task, "sighted", (luck[task] < score).astype(float)) for task in luck]
        folders.append(
            save_run(
                f"{perception}-{reasoning}",
                *parts,
                kind="decoupled",
                perception=f"vlm-{perception}b",
                reasoning=f"llm-{reasoning}b",
                perception_parameters=int(perception * 1e9),
                reasoning_parameters=int(reasoning * 1e9),
            )
        )
    truth = [make_rows(task, "sighted", (luck[task] < 0.95).astype(float)) for task in luck]
    folders.append(
        save_run("truth-8", *truth, perception="truth", reasoning="llm-8b", reasoning_parameters=8_000_000_000)
    )
    return folders


def test_planted_drops_and_interaction_are_found(grid: list[str]) -> None:
    found = find_bottleneck(read_runs(grid[::-1]), resamples=2000)
    expected = {
        "perception drop": PERCEPTION - INTERACTION / 2,
        "reasoning drop": REASONING - INTERACTION / 2,
        "perception drop − reasoning drop": PERCEPTION - REASONING,
        "interaction": INTERACTION,
    }
    for measure, truth in expected.items():
        for task in ("one", "two"):
            one = pick(found, measure, task=task, level="task")
            assert one["value"] == pytest.approx(truth, abs=0.03) and one["low"] < one["value"] < one["high"]
        mean = pick(found, measure, level="average")
        assert mean["low"] - 0.005 < truth < mean["high"] + 0.005
    assert pick(found, "perception drop", task="one")["contrast"] == "vlm-8b → vlm-0.6b"


def test_the_upper_bound_is_the_score_on_true_descriptions(grid: list[str]) -> None:
    found = find_bottleneck(read_runs(grid), resamples=500)
    assert pick(found, "upper bound", task="one")["value"] == pytest.approx(0.95, abs=0.02)
    gap = pick(found, "gap to upper bound", task="one")
    assert gap["value"] == pytest.approx(0.15, abs=0.02) and gap["low"] > 0.1


def test_attributions_share_out_all_questions(grid: list[str]) -> None:
    found = find_bottleneck(read_runs(grid), resamples=500)
    rows = found[(found["task"] == "one") & found["measure"].isin(ATTRIBUTIONS)].set_index("measure")
    assert rows["value"].sum() == pytest.approx(1)
    assert rows.loc["right already", "value"] == pytest.approx(0.59, abs=0.03)
    # With one luck for all, small perception with large reasoning is right up to 0.65, the other way up to 0.69.
    assert rows.loc["only better perception helps", "value"] == pytest.approx(0.04, abs=0.015)
    assert rows.loc["either helps", "value"] == pytest.approx(0.06, abs=0.02)
    assert rows.loc["both are needed", "value"] == pytest.approx(0.11, abs=0.02)
    assert rows.loc["neither helps", "value"] == pytest.approx(0.20, abs=0.03)


@pytest.mark.parametrize(
    ("both", "perceives", "reasons", "neither", "kind"),
    [
        (1, 1, 0, 0, "only better perception helps"),
        (1, 0, 1, 0, "only better reasoning helps"),
        (1, 1, 1, 0, "either helps"),
        (0, 1, 1, 0, "either helps"),
        (1, 0, 0, 0, "both are needed"),
        (0, 0, 0, 0, "neither helps"),
        (1, 1, 1, 1, "right already"),
        (1, 0, 1, 1, "worse with a better module"),
        (0, 1, 1, 1, "worse with a better module"),
    ],
)
def test_attribution_by_hand(both: int, perceives: int, reasons: int, neither: int, kind: str) -> None:
    # Columns: large perception with large, then small reasoning; small perception with large, then small.
    assert attribute(np.array([[both, perceives, reasons, neither]], float), 2).tolist() == [kind]


def test_a_larger_grid_is_read_by_its_corners() -> None:
    cells = np.zeros((1, 9))
    cells[0, 2] = 1  # the largest perception with the smallest of three reasoning modules
    assert attribute(cells, 3).tolist() == ["only better perception helps"]


def test_sizes_can_be_given_behind_the_run(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(4))
    cells = [f"{save_run(note, rows)}={note}" for note in ("8:8", "8:0.6", "0.6:8", "0.6:0.6")]
    grid = arrange_grid(read_runs(cells))
    assert [level.name for level in grid.perception] == ["8B", "0.6B"]
    found = find_bottleneck(read_runs(cells), resamples=200)
    assert pick(found, "interaction", level="task")["value"] == 0
    with pytest.raises(ValueError, match=r"needs 4 decoupled runs .* and 3 are given; missing: 0\.6B with 0\.6B"):
        arrange_grid(read_runs(cells[:3]))
    with pytest.raises(ValueError, match=r"at least 4 decoupled runs.* these are 1 × 2"):
        arrange_grid(read_runs(cells[:2]))
    with pytest.raises(ValueError, match="both have perception 8B"):
        arrange_grid(read_runs([*cells[1:], cells[0].rpartition("=")[0] + "=8:0.6"]))
    with pytest.raises(ValueError, match="is not a size"):
        read_runs([f"{cells[0]}:1"])
    with pytest.raises(ValueError, match="does not name two modules"):
        arrange_grid(read_runs([cells[0].rpartition("=")[0] + "=8"]))
    with pytest.raises(ValueError, match="ran end to end; run it as decoupled"):
        arrange_grid(read_runs([cells[0].rpartition("=")[0]]))
