"""The summary table: what stands beside a score."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sightscale.harness.analysis.summary import render_table, summarise
from sightscale.tasks.forced_choice import write_shares


def shown(records: pd.DataFrame) -> str:
    console = Console(file=io.StringIO(), width=180)
    console.print(render_table(summarise(records)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_forced_choice_stands_beside_the_ceiling_that_people_leave(make_rows: Callable[..., pd.DataFrame]) -> None:
    targets = [write_shares({"A": 0.9, "B": 0.1}), write_shares({"A": 0.3, "B": 0.7})]
    rows = make_rows("pairs", "sighted", np.array([0.9, 0.3]), answer_format="2afc", target=targets, run_id="r")
    (summary,) = summarise(rows)
    assert summary.ceiling == pytest.approx(0.8)
    assert "80.0" in shown(rows) and "ceiling" in shown(rows)


def test_other_tasks_have_no_ceiling(make_rows: Callable[..., pd.DataFrame]) -> None:
    rows = make_rows("letters", "sighted", np.array([1.0, 0.0]), run_id="r")
    assert summarise(rows)[0].ceiling is None
    assert "ceiling" not in shown(rows)


def test_rows_of_two_runs_are_refused(make_rows: Callable[..., pd.DataFrame]) -> None:
    rows = make_rows("letters", "sighted", np.array([1.0, 0.0]), run_id=["one", "two"])
    with pytest.raises(ValueError, match="2 runs"):
        summarise(rows)
