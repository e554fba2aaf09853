"""Ground truth in the place of a perception module: handed on where the picture is seen, and nowhere else."""

from pathlib import Path

import pytest

from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import QUESTIONS

TASKS = ("in_domain_gqa", "similarity_nights")


def test_the_reasoning_module_reads_true_descriptions_only_where_the_pictures_are_seen(
    random_nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(QUESTIONS, "3")
    model = f"decoupled:perception=truth,reasoning={random_nano},focus=data,greedy=true,answer_tokens=4"
    plan = Plan(parse_model(model), model, TASKS, ("none", "mismatched"), tmp_path, data="mini")
    records = evaluate(plan)
    sighted = records[records["condition"] == "sighted"]
    assert (sighted["description"] == sighted["truth_description"]).all() and sighted["truth_description"].all()
    assert all(one.description.strip() in one.prompt for one in sighted.itertuples())
    assert not records.loc[records["condition"] != "sighted", "description"].any()
    assert sighted["focus"].all() and set(records["perception"]) == {"truth"}
    assert records["perception_parameters"].isna().all() and records["parameters"].isna().all()


def test_other_documents_have_no_truth_to_tell(random_nano: Path, tmp_path: Path) -> None:
    model = f"decoupled:perception=truth,reasoning={random_nano},greedy=true"
    with pytest.raises(UserError, match="tells no true description"):
        evaluate(Plan(parse_model(model), model, ("easy_vqa",), (), tmp_path, limit=2))
