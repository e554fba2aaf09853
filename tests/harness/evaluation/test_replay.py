"""Questions made again from the data say what an honest run's records say, for every kind of answer and stand-in."""

import json
from pathlib import Path

import pytest

from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.harness.evaluation.records import digest_records, read_records
from sightscale.harness.evaluation.replay import Answer, asking, prompt_name, read_questions
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.mini import QUESTIONS

CONDITIONS = ("none", "black", "noise", "mean", "mismatched")


@pytest.mark.parametrize(
    ("tasks", "options"),
    [
        (("grounding_refcoco_testa", "similarity_nights", "imagenet", "mmstar_math"), ""),
        (("in_domain_gqa", "mmstar_logical_reasoning"), "circular"),
    ],
)
def test_an_honest_run_is_made_again_to_the_letter(
    tasks: tuple[str, ...], options: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(QUESTIONS, "4")
    model = "scripted:oracle"
    plan = Plan(parse_model(model), model, tasks, CONDITIONS, tmp_path / "run", data="mini", options=options, seed=3)
    records = evaluate(plan)
    monkeypatch.delenv(QUESTIONS)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    with asking("mini", None, options, 4):
        for task, rows in records.groupby("task"):
            questions = read_questions(str(task), model)
            assert len(questions) == rows["doc_id"].nunique()
            assert questions.details == manifest["task_details"][task]
            for row in rows.itertuples():
                said = Answer(row.response, row.answer_format, row.kind, "direct", "")
                right = questions.score(row.doc_id, said)
                assert (right["score"], right["outcome"], right["target"]) == (row.score, row.outcome, row.target)
                assert questions.prompt(row.doc_id, said) == row.prompt
                shown = questions.show(row.doc_id, row.condition, manifest["seed"])
                assert shown == {name: getattr(row, name) for name in ("document_hash", "image_hash", "shown_hash")}
    with asking("mini", None, "", None):
        assert len(read_questions("imagenet", model)) == 300


def test_prompts_of_conditions_that_change_the_text_are_made_again_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(QUESTIONS, "2")
    model, conditions = "scripted:oracle", ("told", "no_question", "options_only")
    tasks = ("similarity_nights", "in_domain_gqa", "mmstar_math")
    records = evaluate(Plan(parse_model(model), model, tasks, conditions, tmp_path, data="mini"))
    assert (records["outcome"] != "failed").all()
    monkeypatch.delenv(QUESTIONS)
    with asking("mini", None, "", 2):
        for row in records.itertuples():
            said = Answer(row.response, row.answer_format, row.kind, "direct", "")
            assert read_questions(row.task, model).prompt(row.doc_id, said, row.condition) == row.prompt
    alone = records[records["condition"] == "options_only"].groupby("task")["prompt"].first()
    assert alone["similarity_nights"].startswith("A. Image A\nB. Image B\nAnswer")


def test_records_say_what_was_shown_and_the_manifest_keeps_their_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(QUESTIONS, "4")
    plan = Plan(parse_model("scripted:coin"), "scripted:coin", ("mmstar_math",), CONDITIONS, tmp_path, data="mini")
    evaluate(plan)
    records = read_records(tmp_path)
    parts = {str(condition): part for condition, part in records.groupby("condition")}
    assert (parts["sighted"]["shown_hash"] == parts["sighted"]["image_hash"]).all()
    assert (parts["none"]["shown_hash"] == "").all()
    for condition in CONDITIONS[1:]:
        assert (parts[condition]["shown_hash"] != parts[condition]["image_hash"]).all()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    for condition, part in parts.items():
        digest = manifest["conditions"][condition]["records_sha256"]
        assert digest == digest_records(part.sample(frac=1, random_state=1))
        assert digest != digest_records(part.assign(response="X"))
    assert manifest["parts"] == {"model": {"name": "scripted:coin", "parameters": 0}}
    assert set(records["data"]) == {"mini@1, 4 questions"} and set(records["kind"]) == {"end-to-end"}


def test_what_is_no_model_string_has_no_prompts() -> None:
    assert prompt_name("lmms:qwen3_vl,pretrained=x") == "qwen3_vl"
    with pytest.raises(ValueError, match="names no model"):
        prompt_name("")
