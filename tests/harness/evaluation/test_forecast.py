"""Forecast: prompts are counted exactly, only the pilot is generated and kept, and what the numbers are made of."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import Plan, add_up, evaluate, forecast
from sightscale.harness.evaluation.forecast import (
    About,
    Forecast,
    Row,
    describe,
    estimate_rows,
    estimate_total,
    find_loads,
    fit_costs,
    place_loads,
)
from sightscale.harness.evaluation.rehearsal import Call, Notes, Place, Tokens, cut
from sightscale.model_adapters.engines import open_store
from sightscale.model_adapters.model_strings import parse_model
from sightscale.tasks.errors import UserError

TWO_STAGES = "decoupled:perception=nano_40k,reasoning=nano_40k_reasoner,greedy=true,perception_tokens=8,answer_tokens=4"


def plan(output: Path, model: str = "easy_vqa_nano", **changes: Any) -> Plan:
    chosen: dict[str, Any] = {"tasks": ("easy_vqa",), "conditions": ("none",), "limit": 12, **changes}
    return Plan(parse_model(model), model, output=output, **chosen)


def count(store: Path) -> int:
    return len(open_store(store, must_exist=True))


def test_a_run_generates_what_its_forecast_counted_and_goes_on_from_the_pilot(tmp_path: Path) -> None:
    asked = plan(tmp_path / "run")
    made = forecast(asked, pilot=4)
    store = tmp_path / "run" / "generations.sqlite"
    assert count(store) == made.generated == made.pilot == 8
    assert sorted(path.name for path in (tmp_path / "run").iterdir() if path.suffix == ".json") == ["forecast.json"]
    by_condition = {row.condition: row for row in made.rows}
    assert by_condition["sighted"].missing == 8 and by_condition["sighted"].stored == 4
    none = by_condition["none"]
    assert none.stored + none.equal + none.missing == none.questions == 12
    assert made.tokens is not None and made.seconds > 0 and made.memory["peak_memory_gib"] > 0
    kept = json.loads((tmp_path / "run" / "forecast.json").read_text())
    assert kept["missing"] == made.missing and kept["tokens"][0]["value"] == made.tokens[0].value
    records = evaluate(asked)
    assert count(store) == made.generated + made.missing
    assert len(records) == 24 and (records["outcome"] != "failed").all()
    again = forecast(asked, pilot=4)
    assert again.missing == again.pilot == again.generated == 0
    assert "nothing is left" in describe(again, None)[1]


def test_a_second_stage_is_counted_before_what_it_reads_is_written(tmp_path: Path) -> None:
    two = plan(tmp_path / "run", TWO_STAGES, tasks=("in_domain_gqa",), limit=6, data="mini")
    made = forecast(two, pilot=2)
    rows = {(row.condition, row.stage): row for row in made.rows}
    assert set(rows) == {(c, s) for c in ("sighted", "none") for s in ("perception", "reasoning")}
    assert rows["sighted", "reasoning"].missing == 4 and rows["sighted", "reasoning"].stored == 2
    assert (
        rows["none", "perception"].missing == 0
    )  # without a picture all prompts are alike, and the pilot's answers it
    assert all(row.seconds > 0 for row in made.rows if row.missing)
    evaluate(two)
    assert made.generated < count(tmp_path / "run" / "generations.sqlite") <= made.generated + made.missing


def test_runs_that_share_a_store_are_not_counted_twice(tmp_path: Path) -> None:
    keys: set[str] = set()
    plans = [plan(tmp_path / name, store=tmp_path / "store.sqlite") for name in ("one", "two")]
    first, second = (forecast(one, pilot=4, keys=keys) for one in plans)
    assert first.missing > 0 and second.missing == 0
    both = add_up([first, second])
    assert both.missing == first.missing and both.tokens == first.tokens and both.pilot == 8


def test_the_command_tells_prompts_tokens_and_a_price(tmp_path: Path) -> None:
    output = tmp_path / "run"
    arguments = ["run", "--model", "easy_vqa_nano", "--tasks", "easy_vqa", "--limit", "8", "--output", str(output)]
    done = CliRunner().invoke(app, [*arguments, "--dry-run", "--pilot", "3", "--price-in", "1", "--price-out", "2"])
    assert done.exit_code == 0, done.output
    assert "5 prompts are to be generated" in done.stdout and "price: about" in done.stdout
    assert not (output / "records.parquet").exists() and not (output / "manifest.json").exists()
    done = CliRunner().invoke(app, [*arguments, "--dry-run", "--price-in", "1"])
    assert done.exit_code == 1 and "--price-out is missing" in done.stderr


def test_a_model_that_keeps_nothing_and_another_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keeps no answers"):
        forecast(plan(tmp_path / "foreign", "lmms:dummy,response=A"))
    assert not (tmp_path / "foreign").exists()
    evaluate(plan(tmp_path / "run", "scripted:coin", tasks=("in_domain_gqa",), limit=3, data="mini"))
    with pytest.raises(UserError, match="holds another run"):
        forecast(plan(tmp_path / "run"))


def test_another_s_task_is_not_scored_for_a_forecast(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "answer": "A"}\n' * 3)
    (tmp_path / "scoring.py").write_text("def judge(doc, results):\n    raise RuntimeError('a judge was asked')\n")
    (tmp_path / "judged.yaml").write_text(
        f"task: judged\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {tmp_path / 'rows.jsonl'}}}}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: '{{answer}}'\n"
        "process_results: !function scoring.judge\ngeneration_kwargs: {max_new_tokens: 4}\n"
        "metric_list: [{metric: value, aggregation: mean, higher_is_better: true}]\n"
    )
    made = forecast(plan(tmp_path / "run", tasks=("judged",), conditions=(), task_folders=(str(tmp_path),)), pilot=1)
    assert made.missing == 0 and made.generated == 1  # its three prompts are equal


def test_costs_are_fitted_without_calls_that_load_or_warm_up() -> None:
    calls = [
        Call("answers", shown, without, (4.0 if cold else 0.0) + 0.5 + 0.1 * shown + 0.02 * without, 0.2, opening)
        for cold, shown, without, opening in (
            (True, 1, 0, None),
            (False, 5, 0, None),
            (False, 14, 0, None),
            (True, 3, 0, (2.0, 1.0)),
            (False, 0, 20, None),
        )
    ]
    costs = fit_costs(calls, 32)
    assert costs.multiply(batches=10, shown=320, without=0)[0] == pytest.approx(10 * 0.5 + 320 * 0.1, rel=1e-6)
    warming, loading = find_loads(calls, costs, 32)
    assert warming[0] == pytest.approx(4.0) and loading[0] == pytest.approx(2.0 + 4.0)
    assert fit_costs([], 32).multiply(3, 4, 5) == (0.0, 0.0)
    only = fit_costs([Call("answers", 4, 0, 2.0, 1.0)], 32)
    assert only.multiply(0, 0, 8) == only.multiply(0, 8, 0)  # nothing told the other kind apart


def test_models_that_are_alone_in_memory_are_loaded_as_often_as_they_are_asked_in_turn() -> None:
    asked = [("sighted", "perception"), ("sighted", "reasoning"), ("none", "reasoning"), ("black", "perception")]
    loads = {"perception": [(9.0, 3.0), (2.0, 1.0), (4.0, 1.0)], "reasoning": [(5.0, 2.0), (1.0, 1.0)]}
    alone = place_loads(asked, loads, alone=True)
    assert alone == {asked[0]: (9.0, 3.0), asked[1]: (5.0, 2.0), asked[3]: (3.0, 1.0)}
    assert place_loads(asked, loads, alone=False) == {asked[0]: (9.0, 3.0), asked[1]: (5.0, 2.0)}
    assert place_loads(asked, {}, alone=False) == {}


def test_a_pilot_loads_each_stage_once_a_condition_and_times_a_batch_of_the_run_s_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Notes] = []

    def spy(notes: Notes, size: int) -> list[Row]:
        seen.append(notes)
        return list(estimate_rows(notes, size))

    module = import_module("sightscale.harness.evaluation.forecast")  # the package names the function so
    monkeypatch.setattr(module, "estimate_rows", spy)
    changes: dict[str, Any] = {"tasks": ("in_domain_gqa",), "conditions": ("noise",), "limit": 8, "data": "mini"}
    made = forecast(plan(tmp_path / "run", TWO_STAGES, batch_size=7, **changes), pilot=6)
    for stage in ("perception", "reasoning"):
        calls = [call for call in seen[0].calls if call.stage == stage]
        assert calls[0].opening is not None and sum(call.opening is not None for call in calls) == 2
        sizes = [call.with_pictures + call.without for call in calls]
        assert max(sizes) == 7 and sizes.count(7) == 1
    assert count(tmp_path / "run" / "generations.sqlite") == made.generated < 2 * (6 + 6) + 1


def test_tokens_are_the_pilot_s_means_task_by_task() -> None:
    a, b, c = (Place("sighted", task, "answers") for task in "abc")
    samples = {a: [Tokens(10, 1), Tokens(14, 1)], b: [Tokens(100, 3)]}
    total = estimate_total({a: 5, b: 2, c: 0}, samples, "read")
    assert total is not None and total.value == 5 * 12 + 2 * 100 and total.margin > 0
    unasked = estimate_total({c: 3}, samples, "written")
    assert unasked is not None and unasked.value == pytest.approx(3 * 5 / 3)
    assert estimate_total({Place("sighted", "a", "reasoning"): 1}, samples, "read") is None


def test_what_no_pilot_told_is_not_claimed() -> None:
    row = Row("sighted", "reasoning", 3, 0, 0, 3, None, None, 0.0, 0.0)
    made = Forecast("m", "s", (row,), 0, 0, 1.0, 1.0, 1.0, {"peak_memory_gib": 1.0})
    assert made.tokens is None and made.price(1, 1) is None
    assert "no pilot told" in describe(made, (1, 1))[1]
    known = Forecast(
        "m", "s", (Row("sighted", "answers", 3, 0, 0, 3, About(30, 0), About(3, 0), 1.0, 1.0),), *made_rest()
    )
    assert add_up([made, known]).tokens is None and known.price(1e6, 0) == pytest.approx(30)


def made_rest() -> tuple[Any, ...]:
    return 0, 0, 1.0, 1.0, 1.0, {"peak_memory_gib": 1.0}


def test_rounds_leave_nothing_out() -> None:
    for n in (0, 1, 2, 20, 33):
        rounds = cut(list(range(n)))
        assert [i for some in rounds for i in some] == list(range(n)) and all(rounds)
    assert [len(some) for some in cut(list(range(20)))] == [1, 5, 14]
