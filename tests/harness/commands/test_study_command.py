"""`sightscale study` says whether the entries that ship agree with its verdict on the scale."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sightscale.harness.analysis import Placement, Run
from sightscale.harness.commands.study import ask_shipped, compare_with_shipped
from sightscale.harness.evaluation import ANALYSED, read_records
from sightscale.harness.study import PlannedRun, Purpose, give_verdicts, write_verdicts
from sightscale.leaderboards.site import EMBEDDED

SCALE = {"nano_2m": 0.0025, "nano_40k": 0.00004}
TASKS = ["in_domain_gqa", "in_domain_textvqa", "imagenet", "similarity_pieapp", "grounding_refcoco_testa"]


@pytest.fixture
def runs() -> dict[PlannedRun, Run]:
    """A study of two models, which happens to have their entries' answers to the first questions."""
    made = {}
    for model, size in SCALE.items():
        records = read_records(EMBEDDED / model.replace("_", "-") / "records.parquet", ANALYSED)
        records = records[records["task"].isin(TASKS) & (records["doc_id"] < 60)]
        made[PlannedRun(model, Purpose.END_TO_END, model, Placement(size))] = Run(model, records, Placement(size))
    return made


def test_the_entries_that_ship_are_asked_the_same(runs: dict[PlannedRun, Run], tmp_path: Path) -> None:
    verdicts = give_verdicts(runs, "none", resamples=200)
    shipped = ask_shipped(runs, "mini", "none", resamples=200)
    assert shipped is not None and shipped.takeaway == 1
    [ours], [theirs] = verdicts[0].evidence, shipped.evidence
    assert theirs.what == ours.what and theirs.questions > ours.questions > 0  # the same tasks, all questions
    sentence = compare_with_shipped(verdicts[0], shipped)
    assert sentence.startswith("takeaway 1: the entries that ship say ") and str(theirs) in sentence
    others = [ruling for ruling in ("supported", "not supported", "undecided") if ruling != shipped.ruling]
    assert "say the same:" in compare_with_shipped(shipped, shipped)
    for ruling in others:
        assert "say otherwise:" in compare_with_shipped(replace(shipped, ruling=ruling), shipped)
    text = write_verdicts(verdicts, tmp_path, shipped).read_text()
    assert f"- the entries that ship: {theirs}: {theirs.ruling}" in text
    written = json.loads((tmp_path / "verdicts.json").read_text())
    assert written[0]["shipped"]["ruling"] == shipped.ruling and "shipped" not in written[1]


def test_a_study_of_other_models_or_data_is_compared_with_nothing(runs: dict[PlannedRun, Run]) -> None:
    assert ask_shipped(runs, "hub", "none") is None and ask_shipped({}, "mini", "none") is None
    other = {replace(planned, model=f"{planned.model}x"): run for planned, run in runs.items()}
    assert ask_shipped(other, "mini", "none") is None
