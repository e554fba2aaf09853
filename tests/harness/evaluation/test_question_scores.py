"""What foreign metrics make of each question: a score in [0, 1], or the reason why there is none."""

from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pytest

from sightscale.harness.evaluation.load_tasks import load_tasks
from sightscale.harness.evaluation.question_scores import Metric, QuestionScores, score_questions
from sightscale.tasks.errors import UserError


def score(values: list[Any], aggregate: Callable[[list[Any]], Any] = mean, **metric: Any) -> QuestionScores:
    return score_questions([{"m": value} for value in values], [Metric("m", aggregate, **metric)])


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([0.0, 0.25, 1], (0.0, 0.25, 1.0)),
        ([True, False], (1.0, 0.0)),
        ([np.float32(0.5), np.int64(1)], (0.5, 1.0)),
        ([{"score": 1, "category": "x"}, {"score": 0.5}], (1.0, 0.5)),
        ([100, 0.0, 100.0], (1.0, 0.0, 1.0)),
        ([0, 1, 1], (0.0, 1.0, 1.0)),
    ],
)
def test_scores_and_percentages_of_hits_are_told(values: list[Any], scores: tuple[float, ...]) -> None:
    assert score(values) == QuestionScores(scores, ("m",), ())


@pytest.mark.parametrize(
    ("values", "better", "reason"),
    [
        ([37.5, 80.0], True, "m: its values lie between 37.5 and 80, and the task doesn't say of which range"),
        ([3, 5], True, "score_range"),
        ([-1.0, 0.5], True, "between -1 and 0.5"),
        ([0.5, 0.25], False, "m: lower is better, and the task's file says no score_range"),
        ([float("nan"), 1.0], True, "m: some of its values are no finite numbers"),
        (["yes", "no"], True, "can't be had for one alone (TypeError)"),
    ],
)
def test_other_numbers_are_no_scores_and_the_reason_is_told(values: list[Any], better: bool, reason: str) -> None:
    result = score(values, higher_is_better=better)
    assert set(result.scores) == {None} and result.metrics == () and result.missing == 2
    assert reason in result.reasons[0]


def test_a_range_that_the_task_says_scales_its_values() -> None:
    assert score([37.5, 100.0], score_range=(0, 100)).scores == (0.375, 1.0)
    assert score([0.25, 1.0], score_range=(0, 1), higher_is_better=False).scores == (0.75, 0.0)
    assert score([1, 5], score_range=(1, 5)).scores == (0.0, 1.0)
    assert "beyond its score_range [1, 5]" in score([0, 5], score_range=(1, 5)).reasons[0]


def test_records_of_answers_are_scored_by_their_own_aggregation(capsys: pytest.CaptureFixture[str]) -> None:
    def aggregate(results: list[dict[str, str]]) -> float:
        print("a table")
        return round(sum(result["parsed"] == result["answer"] for result in results) / len(results), 5)

    answers = [{"parsed": letter, "answer": "A"} for letter in "ABAAC"]
    assert score(answers, aggregate).scores == (1.0, 0.0, 1.0, 1.0, 0.0)
    assert capsys.readouterr().out == ""


def test_an_aggregate_that_is_no_mean_gives_no_scores() -> None:
    answers = [{"group": group, "hit": hit} for group, hit in (("a", 1), ("a", 1), ("a", 1), ("b", 0))]

    def macro(results: list[dict[str, Any]]) -> float:
        groups = {result["group"] for result in results}
        return mean(mean(r["hit"] for r in results if r["group"] == group) for group in groups)

    assert score(answers, macro).reasons == ("m: its aggregate isn't the mean of its questions'",)


def test_a_later_metric_fills_what_the_first_leaves_open() -> None:
    samples = [{"perception": 1, "cognition": None}, {"cognition": 0.0}, {"perception": 0}]
    metrics = [Metric("submission", mean), Metric("perception", mean), Metric("cognition", mean)]
    assert score_questions(samples, metrics) == QuestionScores((1.0, 0.0, 0.0), ("perception", "cognition"), ())
    none = score_questions([{"x": 1}], metrics[:1])
    assert none.reasons == ("no metric has a value; the task names submission",)


def test_mmmus_own_metric_has_a_score_a_question() -> None:
    from lmms_eval.tasks.mmmu.utils import mmmu_aggregate_results

    answer = {"question_type": "multiple-choice", "answer": "B", "subdomain": "Art"}
    samples = [{"mmmu_acc": {**answer, "id": f"validation_Art_{i}", "parsed_pred": p}} for i, p in enumerate("BAB")]
    assert score_questions(samples, [Metric("mmmu_acc", mmmu_aggregate_results)]).scores == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("written", ["5", "[0]", "[5, 0]", "[a, b]", "[0, .inf]"])
def test_a_range_that_is_none_is_refused(written: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "x", "answer": "A"}\n')
    (tmp_path / "foreign.yaml").write_text(
        f"task: foreign\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
        'output_type: generate_until\ndoc_to_text: "{{question}}"\ndoc_to_target: "{{answer}}"\n'
        f"metadata: {{score_range: {written}}}\nmetric_list: [{{metric: exact_match}}]\n"
    )
    with pytest.raises(UserError, match=r"score_range .* must be \[low, high\]"):
        load_tasks(("foreign",), "default", (str(tmp_path),))


def test_tasks_are_loaded_with_their_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGHTSCALE_DATA", "mini")
    _, leaves = load_tasks(("in_domain_gqa",), "default")
    assert leaves["in_domain_gqa"].metrics[0].name == "accuracy" and leaves["in_domain_gqa"].metrics[0].higher_is_better
