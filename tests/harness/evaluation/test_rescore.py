"""Records read anew: what changes is named, what doesn't stays, and the run can be written with it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import digest_records, read_manifest, read_records, rescore, write_rescored
from sightscale.tasks import READER_VERSION
from sightscale.tasks.boxes import write_target
from sightscale.tasks.errors import UserError

OPTIONS = json.dumps({"A": "a dog", "B": "a cat"})
Rows = Callable[..., pd.DataFrame]


def choices(make_rows: Rows, *responses: str, **columns: object) -> pd.DataFrame:
    n = len(responses)
    given = {"response": responses, "options": OPTIONS, "run_id": "r", "finish_reason": "stop", "prediction": "A"}
    return make_rows("t", "sighted", np.ones(n), **(given | columns))


def test_only_what_is_read_otherwise_changes(make_rows: Rows) -> None:
    rows = choices(make_rows, "A", "B", "A", "A", finish_reason=["stop", "stop", "length", "stop"])
    rows.loc[3, ["answer_format", "outcome"]] = [None, "answered"]  # of a foreign task
    rescored, changes = rescore(rows)
    assert [(change.doc_id, change.before, change.after) for change in changes] == [
        (1, ("A", "answered", 1.0), ("B", "answered", 0.0)),
        (2, ("A", "answered", 1.0), (None, "truncated", 0.0)),
    ]
    assert rescored["score"].tolist() == [1.0, 0.0, 0.0, 1.0]
    assert rescored["reader"].tolist() == [READER_VERSION] * 3 + [None]
    assert rows["score"].tolist() == [1.0] * 4  # the records given stay as they are


def test_failed_rows_stay_failed(make_rows: Rows) -> None:
    rows = choices(make_rows, "", outcome="failed", error="no memory", prediction=None)
    rows["score"] = 0.0
    assert rescore(rows)[1] == []


def test_boxes_keep_their_convention_and_get_their_overlap(make_rows: Rows) -> None:
    target = write_target((0.1, 0.1, 0.3, 0.6), (640, 480))
    rows = make_rows("g", "sighted", np.zeros(1), response="[100, 100, 300, 600]", answer_format="box:thousand")
    rows = rows.assign(target=target, run_id="r", iou=0.0, prediction=None, outcome="unparsed")
    rescored, (change,) = rescore(rows)
    assert change.after[1:] == ("answered", 1.0) and rescored["iou"].iloc[0] == pytest.approx(1.0)


def test_a_row_that_cannot_be_scored_is_named(make_rows: Rows) -> None:
    with pytest.raises(UserError, match="document 0 of t, sighted, can't be scored again: unknown answer format"):
        rescore(choices(make_rows, "A", answer_format="essay"))


def test_the_command_shows_changes_and_writes_the_run(make_rows: Rows, save_run: Callable[..., str]) -> None:
    run = Path(save_run("m", choices(make_rows, "A", "The answer is B.\n", "A")))
    records = read_records(run)
    manifest = {
        "run_id": records["run_id"].iloc[0],
        "conditions": {"sighted": {"records_sha256": digest_records(records)}},
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    output = run.parent / "again"
    shown = CliRunner().invoke(app, ["rescore", str(run), "--output", str(output)])
    assert shown.exit_code == 0, shown.output
    assert "t, sighted, t-1: A (1) → B (0)  'The answer is B.'" in shown.output
    again = read_records(output)
    assert again["score"].tolist() == [1.0, 0.0, 1.0]
    digest = read_manifest(output / "manifest.json")["conditions"]["sighted"]["records_sha256"]
    assert digest == digest_records(again) != manifest["conditions"]["sighted"]["records_sha256"]  # type: ignore[index]
    with pytest.raises(UserError, match="exists already"):
        write_rescored(run, again, output)
