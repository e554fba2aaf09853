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
    console = Console(file=io.StringIO(), width=80)
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


def test_the_table_fits_a_terminal_of_80_columns(make_rows: Callable[..., pd.DataFrame]) -> None:
    tasks = ("mmstar_fine_grained_perception", "grounding_refcoco_plus_testa")
    scores = np.tile([1.0, 0.0, 1.0], 40)
    outcomes = ["answered"] * 100 + ["unparsed"] * 12 + ["refused"] * 8
    rows = pd.concat(
        [
            make_rows(task, condition, scores if condition == "sighted" else 0 * scores, outcome=outcomes, run_id="r")
            for task in tasks
            for condition in ("sighted", "none", "mismatched")
        ]
    )
    lines = shown(rows).splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(line.rstrip() for line in lines)
    assert all(task in text for task in tasks), "no name is cut"
    assert "    10.0 unparsed" in text and "    6.7 refused" in text and "truncated" not in text
    assert "120 questions each." in text.replace("\n", " ")
    assert [line.split() for line in lines if "mean of 2 tasks" in line] == [
        ["mean", "of", "2", "tasks", "66.7", "25.0"]
    ]
    assert any(line.split()[:3] == ["blind:", "mismatched", "0.0"] and "+66.7" in line for line in lines)


def test_counts_stand_in_a_column_where_they_differ(make_rows: Callable[..., pd.DataFrame]) -> None:
    rows = pd.concat(
        [
            make_rows("letters", "sighted", np.array([1.0, 0.0]), run_id="r"),
            make_rows("words", "sighted", np.array([1.0, 0.0, 0.0]), run_id="r"),
        ]
    )
    text = shown(rows)
    assert "questions each" not in text and " n " in text.splitlines()[0]
