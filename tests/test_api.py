"""The public functions over records: a run's folder, a records file and a table of records give the same findings."""

from pathlib import Path

import pandas as pd
import pytest

import sightscale
from sightscale.harness.evaluation import SCHEMA, write_records


def make_records(model: str, right: dict[str, list[int]]) -> pd.DataFrame:
    """Records of one run of one task: the scores of each condition."""
    parts = []
    for condition, scores in right.items():
        n = len(scores)
        part = pd.DataFrame({name: [None] * n for name in SCHEMA.names}, dtype=object)
        part = part.assign(model=model, run_id=f"run of {model}", task="shapes", condition=condition, doc_id=range(n))
        part = part.assign(score=scores, chance=0.25, answer_format="choice", target="A", outcome="answered")
        part["item_id"] = part["cluster"] = [f"shape {number}" for number in range(n)]
        parts.append(part)
    rows = pd.concat(parts, ignore_index=True)
    return rows.astype({"score": float, "chance": float, "iou": float, "blind_probability": float})


@pytest.fixture
def looking() -> pd.DataFrame:
    """A model that is right on 8 of 10 questions sighted and on 3 blind."""
    return make_records("looking", {"sighted": [1] * 8 + [0] * 2, "none": [1] * 3 + [0] * 7})


def read_value(findings: pd.DataFrame, measure: str) -> float:
    """The value of the one finding of that measure on the whole task."""
    rows = findings[(findings["measure"] == measure) & (findings["level"] == "task")]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_reliance_is_sighted_minus_blind_however_the_run_is_given(looking: pd.DataFrame, tmp_path: Path) -> None:
    write_records(looking, tmp_path / "records.parquet")
    tables = [sightscale.reliance(given) for given in (looking, tmp_path, str(tmp_path / "records.parquet"))]
    assert read_value(tables[0], "reliance") == pytest.approx(0.5)
    assert tables[0].equals(tables[1]) and tables[0].equals(tables[2])
    assert {"task", "condition", "measure", "value", "low", "high", "n"} <= set(tables[0].columns)
    assert sightscale.read_records(str(tmp_path))["score"].tolist() == looking["score"].tolist()


def test_a_base_model_adds_gain_and_leakage(looking: pd.DataFrame) -> None:
    base = make_records("base", {"none": [1] * 2 + [0] * 8})
    findings = sightscale.reliance(looking, base=base)
    assert read_value(findings, "MG") == pytest.approx(0.5) and read_value(findings, "ML") == pytest.approx(0.1)
    assert not sightscale.reliance(looking)["measure"].isin(["MG", "ML"]).any()


def test_compare_subtracts_the_second_run_from_the_first(looking: pd.DataFrame) -> None:
    other = make_records("looking", {"sighted": [1] * 6 + [0] * 4, "none": [0] * 10})
    other["run_id"] = "another run"
    assert read_value(sightscale.compare(looking, other), "difference") == pytest.approx(0.2)
    assert read_value(sightscale.compare(other, looking, condition="none"), "difference") == pytest.approx(-0.3)


def test_a_table_of_several_runs_is_refused(looking: pd.DataFrame) -> None:
    both = pd.concat([looking, make_records("other", {"sighted": [1]})])
    with pytest.raises(sightscale.UserError, match="records of 2 runs; give those of one run"):
        sightscale.reliance(both)
    with pytest.raises(sightscale.UserError, match="records of 0 runs"):
        sightscale.compare(looking, looking.iloc[:0])
