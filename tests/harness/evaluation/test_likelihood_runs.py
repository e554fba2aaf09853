"""Runs whose answers are read from likelihoods: what records and manifest hold, what is refused, what a rerun keeps."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import Plan, digest_records, evaluate, read_manifest, read_records, rescore
from sightscale.harness.evaluation.forecast import forecast
from sightscale.harness.evaluation.records import LIKELIHOOD_COLUMNS
from sightscale.harness.evaluation.until import judge, parse_rule, read_other
from sightscale.harness.sweep import is_finished
from sightscale.leaderboards.entry.add import Facts, add_entry
from sightscale.model_adapters.engines.transformers_engine import TransformersEngine
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.likelihoods import read_likelihoods, share_of
from sightscale.tasks.vocabulary import AnswersBy

FACTS = Facts(visual_data="unk.", licence="MIT", contact="someone@example.org")


def plan(output: Path, model: Path, **others: object) -> Plan:
    made = Plan(
        parse_model(f"{model},dtype=float32"),
        f"{model},dtype=float32",
        ("in_domain_gqa",),
        ("none",),
        output,
        limit=4,
        data="mini",
        answers="likelihood:letter",
    )
    return replace(made, **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(random_nano: Path, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The plan of a finished run on a tiny model with random weights."""
    run = plan(tmp_path_factory.mktemp("runs") / "letters", random_nano)
    evaluate(run)
    return run


def test_a_record_holds_every_option_and_what_both_rules_make_of_them(made: Plan) -> None:
    records = read_records(made.output)
    assert len(records) == 8 and set(records["answers"]) == {"likelihood:letter"}
    assert set(records["outcome"]) == {"likeliest"} and (records["output_tokens"] == 0).all()
    for row in records.itertuples():
        told = read_likelihoods(row.likelihoods)
        assert list(told) == list(json.loads(row.options))
        assert all(one.text is not None and one.letter < 0 and one.text < 0 for one in told.values())
        assert row.likeliest_letter == max(told, key=lambda letter: told[letter].letter)
        assert row.likeliest_text == max(told, key=lambda letter: told[letter].text / told[letter].text_tokens)
        assert row.prediction == row.response == row.likeliest_letter
        assert row.score == float(row.prediction == row.target)
        assert row.right_logprob == pytest.approx(share_of(row.target, told, AnswersBy.LETTER))
    sighted, blind = (records[records["condition"] == name]["likelihoods"].tolist() for name in ("sighted", "none"))
    assert sighted != blind
    manifest = read_manifest(made.output / "manifest.json")
    assert manifest["answers"] == "likelihood:letter" and "likelihood:letter" in manifest["identity"]
    assert manifest["conditions"]["none"]["settings"]["answers"] == "likelihood:letter"


def test_a_lost_run_scores_nothing_again_and_the_other_rule_needs_no_model(
    made: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = read_records(made.output)
    store = made.output / "generations.sqlite"

    def fail(*_: object) -> None:
        raise AssertionError("it was scored again")

    monkeypatch.setattr(TransformersEngine, "score", fail)
    again = evaluate(replace(made, output=tmp_path / "again", store=store))
    columns = [*LIKELIHOOD_COLUMNS, "response", "score", "outcome", "doc_id", "condition"]
    pd.testing.assert_frame_equal(again[columns], records[columns])
    by_text = evaluate(replace(made, output=tmp_path / "text", store=store, answers="likelihood:text"))
    assert by_text["prediction"].tolist() == records["likeliest_text"].tolist()
    assert by_text["likelihoods"].tolist() == records["likelihoods"].tolist()


def test_a_folder_of_another_kind_of_answers_is_not_gone_on_with(made: Plan) -> None:
    for answers in ("", "likelihood:text"):
        with pytest.raises(UserError, match="holds another run \\(answers is likelihood:letter"):
            evaluate(replace(made, answers=answers))
    assert is_finished(made)
    assert not is_finished(replace(made, answers="")) and not is_finished(replace(made, options="circular"))


@pytest.mark.parametrize(("task", "why"), [("grounding_refcoco_testa", "scored as box"), ("similarity_nights", "2afc")])
def test_a_task_that_is_not_multiple_choice_is_named(random_nano: Path, tmp_path: Path, task: str, why: str) -> None:
    with pytest.raises(UserError, match=f"{task}.*isn't multiple choice.*{why}"):
        evaluate(plan(tmp_path / "run", random_nano, tasks=("in_domain_gqa", task)))
    assert not (tmp_path / "run").exists()


def test_what_cannot_go_with_likelihoods_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    asked = ["run", "--model", "scripted:coin", "--data", "mini", "--tasks", "in_domain_gqa", "--limit", "2"]
    asked += ["--output", str(tmp_path / "run")]
    for options, why in (
        (["--answers", "guess"], "--answers 'guess' is unknown"),
        (["--answers", "likelihood", "--reader", "llm:x"], "--reader reads written answers"),
        (["--answers", "likelihood", "--dry-run"], "--dry-run counts written answers"),
        (["--until", "probability>0", "--blind", "none"], "add --answers likelihood"),
        (["--answers", "likelihood"], "coin returns no log-probabilities"),
    ):
        done = CliRunner().invoke(app, [*asked, *options])
        assert done.exit_code == 1 and why in " ".join(done.output.split()), (options, done.output)


def test_rescoring_reads_the_log_probabilities_again(made: Plan) -> None:
    records = read_records(made.output)
    again, changes = rescore(records)
    assert not changes and again["outcome"].tolist() == records["outcome"].tolist()
    odd = records.assign(response="D", prediction="D", score=1.0)
    mended, changes = rescore(odd)
    assert mended["prediction"].tolist() == records["prediction"].tolist()
    assert mended["score"].tolist() == records["score"].tolist() and changes
    with pytest.raises(UserError, match="can't be scored again"):
        rescore(records.assign(likelihoods="{}"))


def test_a_leaderboard_takes_written_answers_only(made: Plan, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="read by likelihood:letter, and an entry's are written"):
        add_entry([made.output], tmp_path / "entry", FACTS)


def test_digests_hold_the_log_probabilities_and_those_of_written_answers_stay(made: Plan) -> None:
    records = read_records(made.output)
    changed = records.assign(likelihoods=records["likelihoods"].str.replace("-", "-1", n=1))
    assert digest_records(changed) != digest_records(records)
    written = records.assign(**dict.fromkeys(LIKELIHOOD_COLUMNS))
    assert digest_records(written) == digest_records(written.drop(columns=list(LIKELIHOOD_COLUMNS)))


def test_a_rule_may_be_of_the_right_options_probability() -> None:
    rule, other = parse_rule("probability>0"), parse_rule("probability<10")
    assert rule.of_probability and not parse_rule("reliance>0").of_probability
    rng = np.random.default_rng(0)
    n = 200
    shares = {"sighted": rng.uniform(0.5, 0.9, n), "none": rng.uniform(0.2, 0.4, n)}
    rows = pd.concat(
        pd.DataFrame(
            {"doc_id": range(n), "item_id": range(n), "condition": name, "score": 0.0, "outcome": "likeliest"}
        ).assign(right_logprob=np.log(share), cluster=[str(i) for i in range(n)])
        for name, share in shares.items()
    )
    told = judge(rule, rows, range(n), "none")
    assert told.holds is True and told.estimate.value == pytest.approx(
        float(np.mean(shares["sighted"] - shares["none"]))
    )
    assert "right option's probability" in str(told) and judge(other, rows, range(n), "none").holds is False
    assert judge(parse_rule("reliance>0"), rows, range(n), "none").holds is None  # the scores never differ


def test_runs_of_two_kinds_of_answers_are_not_raced(made: Plan) -> None:
    rule = parse_rule(f"score>{made.output}")
    rows = read_other(rule, "in_domain_gqa", "likelihood:letter")
    assert rows is not None and len(rows) == 4
    with pytest.raises(UserError, match="are likelihood:letter, not written"):
        read_other(rule, "in_domain_gqa")


def test_a_rehearsal_of_likelihoods_is_refused(made: Plan) -> None:
    with pytest.raises(UserError, match="--dry-run"):
        forecast(made)
    assert math.isfinite(read_records(made.output)["right_logprob"].sum())


@pytest.mark.slow
def test_a_trained_model_s_likelihoods_give_the_verdict_of_its_written_answers(tmp_path: Path) -> None:
    model = "nano_650k,dtype=float32"
    written, likeliest = (
        evaluate(
            Plan(
                parse_model(model), model, ("in_domain_vqav2",), ("none",), tmp_path / name, limit=60, data="mini",
                answers=answers,
            )
        )
        for name, answers in (("written", ""), ("likeliest", "likelihood:text"))
    )  # fmt: skip
    order = range(60)
    assert judge(parse_rule("reliance>0"), written, order, "none").holds is True
    assert judge(parse_rule("probability>0"), likeliest, order, "none").holds is True
    both = written.merge(likeliest, on=["condition", "doc_id"], suffixes=("", "_likeliest"))
    seen = both[(both["condition"] == "sighted") & both["prediction"].notna()]
    assert len(seen) > 40 and (seen["prediction"] == seen["prediction_likeliest"]).mean() > 0.9
