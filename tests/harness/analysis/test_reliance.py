"""Reliance: planted effects found again, MMStar's published gain and leakage, floors, and thin runs."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.matched_runs import read_runs
from sightscale.harness.analysis.reliance import average_reliance, find_reliance, find_suspects, pair_reliance
from sightscale.tasks.averages import AverageKind
from sightscale.tasks.suites import Suite, members_of

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def value_of(findings: pd.DataFrame, measure: str, **where: str) -> pd.Series:
    """The one finding of a measure at a place."""
    rows = findings[findings["measure"] == measure]
    for name, wanted in where.items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def hits(share: float, n: int = 1500) -> np.ndarray:
    """Scores with exactly this share right, in an order that depends on the share only."""
    return np.random.default_rng(round(1e6 * share)).permutation(np.arange(n) < round(share * n)).astype(float)


def test_a_planted_reliance_is_found(save_run: Save, make_rows: Make) -> None:
    rng = np.random.default_rng(0)
    sighted = (rng.random(2000) < 0.8).astype(float)
    blind = (rng.random(2000) < 0.3).astype(float)
    runs = read_runs([save_run("m", make_rows("t", "sighted", sighted), make_rows("t", "none", blind))])
    found = find_reliance(runs)
    reliance = value_of(found, "reliance", level="task")
    assert reliance["low"] < 0.5 < reliance["high"] and reliance["value"] == pytest.approx(0.5, abs=0.03)
    assert value_of(found, "blind share")["value"] == pytest.approx(blind.mean() / sighted.mean())
    assert value_of(found, "chance corrected")["value"] == pytest.approx((sighted.mean() - 0.25) / 0.75)


@pytest.mark.parametrize(
    ("sighted", "blind", "text", "gain", "leak"),
    [(0.521, 0.227, 0.203, 0.294, 0.024), (0.360, 0.196, 0.120, 0.164, 0.076), (0.303, 0.196, 0.25, 0.107, 0.0)],
)
def test_gain_and_leakage_of_the_published_examples(
    save_run: Save, make_rows: Make, sighted: float, blind: float, text: float, gain: float, leak: float
) -> None:
    # Chen et al., 2024: LLaVA-Next-34B, TinyLLaVA-3B, and LLaVA-1.5-7B whose base scores more than it does blind.
    model = save_run("m", make_rows("mmstar", "sighted", hits(sighted)), make_rows("mmstar", "none", hits(blind)))
    base = save_run("base", make_rows("mmstar", "none", hits(text)))
    run, llm = read_runs([model, base])
    found = find_reliance([run], llm)
    assert value_of(found, "MG")["value"] == pytest.approx(gain, abs=0.001)
    leaked = value_of(found, "ML")
    assert leaked["value"] == pytest.approx(leak, abs=0.001) and leaked["low"] >= 0


def test_both_averages_of_unequal_axes(save_run: Save, make_rows: Make) -> None:
    category = ["x"] * 100 + ["y"] * 100
    axis = ["p"] * 90 + ["q"] * 10 + ["r"] * 100
    scores = np.r_[np.ones(90), np.zeros(10), np.ones(50), np.zeros(50)]
    run = save_run("m", make_rows("mmstar", "sighted", scores, category=category, l2_category=axis))
    found = find_reliance(read_runs([run]))
    assert value_of(found, "sighted", group="official")["value"] == pytest.approx(140 / 200)
    assert value_of(found, "sighted", group="macro")["value"] == pytest.approx(((1 + 0) / 2 + 0.5) / 2)
    assert value_of(found, "sighted", group="x / q")["value"] == 0


def test_the_in_domain_average_is_unweighted_and_named_for_what_it_holds(save_run: Save, make_rows: Make) -> None:
    names = ("ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz")
    parts = [
        make_rows(f"in_domain_{name}", "sighted", hits(0.5 + 0.05 * number, 100 + 50 * number))
        for number, name in enumerate(names)
    ]
    run, part = read_runs([save_run("all", *parts), save_run("some", *parts[:2])])
    six = value_of(find_reliance([run]), "sighted", level="average")
    assert (six["group"], six["note"]) == ("mean", "unweighted mean of 6 tasks")
    assert six["value"] == pytest.approx(np.mean([hits(0.5 + 0.05 * n, 100 + 50 * n).mean() for n in range(6)]))
    assert six["low"] < six["value"] < six["high"]
    assert value_of(find_reliance([part]), "sighted", level="average")["note"] == "unweighted mean of 2 tasks"


def test_floors_of_boxes_pairs_and_letters(save_run: Save, make_rows: Make) -> None:
    rng = np.random.default_rng(1)
    boxes = [[0.3, 0.3, 0.7, 0.7]] * 60 + [[x, 0.0, x + 0.05, 0.05] for x in rng.uniform(0, 0.9, 40)]
    targets = [json.dumps({"box": box, "size": [100, 100]}) for box in boxes]
    shares = [json.dumps({"A": 0.25, "B": 0.75})] * 70 + [json.dumps({"A": 1.0, "B": 0.0})] * 30
    run = save_run(
        "m",
        make_rows("boxes", "sighted", np.ones(100), answer_format="box", target=targets),
        make_rows("pairs", "sighted", np.ones(100), answer_format="2afc", target=shares),
        make_rows("letters", "sighted", np.ones(100), target=["B"] * 40 + ["A"] * 30 + ["C"] * 30),
    )
    found = find_reliance(read_runs([run]))
    floors = found[found["measure"] == "floor"].set_index("task")
    assert floors.loc["boxes", "value"] == 0.6 and floors.loc["boxes", "note"] == "always [0.30, 0.30, 0.70, 0.70]"
    assert floors.loc["pairs", "value"] == pytest.approx(0.7 * 0.75) and floors.loc["pairs", "note"] == "always B"
    assert (floors.loc["letters", "value"], floors.loc["letters", "note"]) == (0.4, "always B")


def test_suspects_are_right_in_every_blind_pass_of_every_model(save_run: Save, make_rows: Make) -> None:
    def blind(*right: int) -> np.ndarray:
        return np.isin(np.arange(6), right).astype(float)

    first = save_run("a", make_rows("t", "none", blind(0, 1, 2)), make_rows("t", "black", blind(0, 1, 5)))
    second = save_run("b", make_rows("t", "none", blind(1, 3)), make_rows("t", "sighted", blind()))
    found = find_suspects(read_runs([first, second]))
    assert found["item_id"].tolist() == ["t-1"] and found["passes"].tolist() == [3]
    assert found["by_guessing"].tolist() == [0.25**3]


def test_what_the_data_knows_of_blind_answers_is_shown(save_run: Save, make_rows: Make) -> None:
    run = save_run("m", make_rows("t", "sighted", np.ones(4), blind_probability=[0.5, 0.25, 0.5, 0.25]))
    assert value_of(find_reliance(read_runs([run])), "best blind")["value"] == 0.375


@pytest.mark.parametrize("n", [1, 30])
def test_one_row_and_nothing_read_give_sensible_numbers(save_run: Save, make_rows: Make, n: int) -> None:
    parts = [make_rows("t", name, np.zeros(n), outcome="unparsed") for name in ("sighted", "none")]
    found = find_reliance(read_runs([save_run("m", *parts)]))
    score = value_of(found, "sighted")
    assert score["value"] == 0 and score["high"] > 0
    assert value_of(found, "if unread were right")["value"] == 1
    assert np.isnan(value_of(found, "blind share")["value"])
    reliance = value_of(found, "reliance")
    assert reliance["value"] == 0 and reliance["low"] < 0 < reliance["high"]


def test_a_blind_only_run_and_a_foreign_task_without_chance(save_run: Save, make_rows: Make) -> None:
    found = find_reliance(read_runs([save_run("m", make_rows("t", "none", np.ones(3)))]))
    assert set(found["measure"]) == {"blind", "refused"}
    rows = make_rows("t", "sighted", np.ones(3), chance=None, answer_format=None)
    foreign = find_reliance(read_runs([save_run("n", rows)]))
    assert value_of(foreign, "sighted")["value"] == 1 and np.isnan(value_of(foreign, "chance corrected")["value"])


def test_averages_stay_on_their_scale_and_hold_gain_and_leakage(save_run: Save, make_rows: Make) -> None:
    names = ("ocrvqa", "textvqa", "scienceqa", "vqav2", "gqa", "vizwiz")
    parts = [
        part
        for name in names
        for part in (
            make_rows(f"in_domain_{name}", "sighted", np.ones(40)),
            make_rows(f"in_domain_{name}", "none", hits(0.4, 40)),
        )
    ]
    base = [make_rows(f"in_domain_{name}", "none", hits(0.25, 40)) for name in names]
    run, llm = read_runs([save_run("m", *parts), save_run("base", *base)])
    found = find_reliance([run], llm, resamples=500)
    averages = found[found["level"] == "average"].set_index(["measure", "condition"])
    sighted = averages.loc[("sighted", "sighted")]
    assert sighted["value"] == pytest.approx(1) and sighted["high"] == 1 and 0.9 < sighted["low"] < 1
    assert averages.loc[("MG", "none"), "value"] == pytest.approx(0.6)
    assert averages.loc[("ML", "none"), "value"] == pytest.approx(0.15)


def test_mmstars_categories_have_both_averages(save_run: Save, make_rows: Make) -> None:
    # Two categories of unequal size, so that the two averages differ: 30 questions on two axes, 10 on one.
    first = make_rows("mmstar_math", "sighted", np.r_[np.ones(20), np.zeros(10)])
    first = first.assign(category="a", l2_category=["x"] * 20 + ["y"] * 10)
    second = make_rows(
        "mmstar_logical_reasoning", "sighted", np.r_[np.ones(5), np.zeros(5)], category="b", l2_category="z"
    )
    found = find_reliance(read_runs([save_run("m", first, second)]), resamples=500)
    averages = found[(found["task"] == "MMStar") & (found["measure"] == "sighted")].set_index("group")
    assert averages.loc["official", "value"] == pytest.approx(25 / 40)
    assert averages.loc["macro", "value"] == pytest.approx((0.5 + 0.5) / 2)
    assert averages["note"].str.endswith("(2 of 6 categories)").all()


def test_one_average_alone_is_the_one_among_all_findings(save_run: Save, make_rows: Make) -> None:
    rng = np.random.default_rng(3)
    parts = []
    for name in members_of(Suite.MMSTAR):
        axes = {"category": name, "l2_category": ["x"] * 20 + ["y"] * 10}
        parts += [
            make_rows(name, "sighted", (rng.random(30) < 0.7) * 1.0, **axes),
            make_rows(name, "none", (rng.random(30) < 0.4) * 1.0, **axes),
        ]
    [run] = read_runs([save_run("m", *parts)])
    found = find_reliance([run], resamples=500)
    ends = ["value", "low", "high", "n"]
    for name, gain in pair_reliance(run, resamples=500):
        row = value_of(found, "reliance", task=name, level="task")
        assert row[ends].tolist() == [getattr(gain, end) for end in ends]
    for kind, group in ((AverageKind.QUESTIONS, "official"), (AverageKind.AXES, "macro")):
        whole = average_reliance(run, members_of(Suite.MMSTAR), kind, resamples=500)
        row = value_of(found, "reliance", task="MMStar", group=group)
        assert whole and row[ends].tolist() == [getattr(whole, end) for end in ends]
        one = average_reliance(run, ["mmstar_math"], kind, resamples=500)
        row = value_of(found, "reliance", task="mmstar_math", group=group)
        assert one and row[ends].tolist() == [getattr(one, end) for end in ends]
    assert average_reliance(run, ["mmstar_math", "in_domain_gqa"], AverageKind.TASKS) is None
