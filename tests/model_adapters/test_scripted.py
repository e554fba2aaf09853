"""Scripted models land where theory says, so a measured reliance can be held against a known one."""

from pathlib import Path

import pytest

from sightscale.harness.analysis.summary import ConditionSummary, summarise
from sightscale.harness.evaluation.evaluate import Plan, evaluate
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import QUESTIONS

TASKS = ("in_domain_vqav2", "mmstar_coarse_perception", "grounding_refcocog_test", "similarity_nights", "imagenet")


def run(rule: str, output: Path) -> dict[tuple[str, str], ConditionSummary]:
    spec = parse_model(f"scripted:{rule}")
    plan = Plan(spec, f"scripted:{rule}", TASKS, ("none", "mismatched"), output, data="mini")
    records = evaluate(plan)
    assert rule == "coin" or (records["outcome"] == "answered").all()  # a coin names letters, whatever is asked
    return {(one.task, one.condition): one for one in summarise(records)}


def stated(output: Path) -> dict[str, float]:
    """What the best guess scores by the suite's own statement, on the questions that were asked."""
    import json

    told: dict[str, list[float]] = {}
    for path in (output / "lmms_eval" / "sighted").glob("*_samples_*.jsonl"):
        for line in path.read_text().splitlines():
            sample = json.loads(line)
            told.setdefault(path.stem.split("_samples_")[1], []).append(sample["blind_probability"])
    return {task: sum(values) / len(values) for task, values in told.items()}


def test_three_models_land_where_theory_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUESTIONS, "120")
    oracle, prior, coin = (run(rule, tmp_path / rule) for rule in ("oracle", "prior", "coin"))
    floor = stated(tmp_path / "oracle")
    for task in TASKS:
        seen, blind = oracle[task, "sighted"], oracle[task, "none"]
        best = 1.0 if task != "similarity_nights" else seen.score.value  # people don't all agree
        assert seen.score.value == pytest.approx(best) and best > 0.85
        assert blind.score.low - 0.02 <= floor[task] <= blind.score.high + 0.02
        for condition in ("none", "mismatched"):
            reliance = oracle[task, condition].reliance
            assert reliance is not None and reliance.low - 0.02 <= best - floor[task] <= reliance.high + 0.02
            same = prior[task, condition].reliance
            assert same is not None and same.value == 0 and same.low <= 0 <= same.high
        assert prior[task, "sighted"].score.value == pytest.approx(blind.score.value)
    for task in ("in_domain_vqav2", "mmstar_coarse_perception"):
        score = coin[task, "sighted"].score
        assert score.low <= 0.25 <= score.high


def test_only_what_tells_its_truth_is_answered(tmp_path: Path) -> None:
    spec = parse_model("scripted:oracle")
    with pytest.raises(UserError, match="--data mini"):
        evaluate(Plan(spec, "x", ("easy_vqa",), (), tmp_path, limit=2))
    with pytest.raises(UserError, match="known: oracle, prior, coin"):
        evaluate(Plan(parse_model("scripted:dice"), "x", ("imagenet",), (), tmp_path / "b", data="mini"))
