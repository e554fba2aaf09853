"""Until: rules are read and judged, slices ask a seeded choice under its own numbers, a run says how it ended."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation import parse_rule, read_manifest, read_records
from sightscale.harness.evaluation.until import Goal, Rule, choose_condition, grow, judge, order_documents

ASKED = ["--data", "mini", "--tasks", "in_domain_gqa", "--blind", "none"]


def answer(sighted: np.ndarray, blind: np.ndarray, clusters: list[str] | None = None) -> pd.DataFrame:
    """Rows of one task, sighted and blind."""
    n = len(sighted)
    rows = [
        pd.DataFrame(
            {"doc_id": range(n), "item_id": range(n), "condition": condition, "score": scores, "outcome": "answered"}
        )
        for condition, scores in (("sighted", sighted), ("none", blind))
    ]
    return pd.concat(
        [part.assign(cluster=clusters or [str(number) for number in range(n)]) for part in rows], ignore_index=True
    )


def test_rules_are_read_and_others_named() -> None:
    assert parse_rule("reliance>5") == Rule(Goal.ABOVE, 0.05) and str(parse_rule(" reliance < 2.5 ")) == "reliance<2.5"
    assert parse_rule("width<6") == Rule(Goal.NARROW, 0.06)
    for text in (
        "",
        "score>",
        "score<a",
        "reliance=5",
        "reliance>",
        "width>6",
        "width<0",
        "reliance>100",
        "reliance>1e1",
    ):
        with pytest.raises(ValueError, match="--until"):
            parse_rule(text)
    with pytest.raises(ValueError, match="add --blind none"):
        choose_condition(["no_question"])


def test_slices_grow_and_leave_nothing_out() -> None:
    slices = list(grow(300))
    assert slices[0] == (0, 32) and slices[-1][1] == 300
    assert all(end == start for (_, end), (start, _) in pairwise(slices))
    assert list(grow(5)) == [(0, 5)] and list(grow(0)) == []
    assert sorted(order_documents("t", 50, 1)) == list(range(50))
    assert order_documents("t", 50, 1) != order_documents("t", 50, 2) == order_documents("t", 50, 2)


def test_a_rule_is_judged_by_its_interval() -> None:
    ones, zeros = np.ones(40), np.zeros(40)
    order = list(range(40))
    above = judge(parse_rule("reliance>5"), answer(ones, zeros), order, "none")
    assert above.holds is True and "holds: reliance +100.0 [" in str(above) and above.estimate.n == 40
    assert judge(parse_rule("reliance<5"), answer(ones, zeros), order, "none").holds is False
    same = judge(parse_rule("reliance>0"), answer(ones, ones), order, "none")
    assert same.holds is None and same.needed is None and "more than a million" in str(same)
    wide = judge(parse_rule("width<6"), answer(ones, zeros), order, "none")
    assert wide.holds is None and wide.needed and 50 < wide.needed < 2000


def test_failed_answers_are_no_pairs_and_one_picture_is_one_draw() -> None:
    rows = answer(np.ones(60), np.zeros(60), [f"picture {number // 10}" for number in range(60)])
    judgement = judge(parse_rule("reliance>0"), rows, list(range(60)), "none")
    assert judgement.estimate.n == 6  # six pictures
    rows.loc[rows["condition"] == "none", "outcome"] = "failed"
    assert judge(parse_rule("reliance>0"), rows, list(range(60)), "none").estimate.is_missing


def test_a_run_stops_when_it_is_decided_and_its_rows_are_those_of_a_full_run(tmp_path: Path) -> None:
    arguments = ["run", "--model", "scripted:oracle", *ASKED]
    done = CliRunner().invoke(app, [*arguments, "--until", "reliance>0", "--output", str(tmp_path / "early")])
    assert done.exit_code == 0 and "in_domain_gqa: reliance>0 holds" in done.stdout, done.stderr
    assert "of 300" in done.stdout and "the table's intervals hold for one look" in done.stdout
    early = read_records(tmp_path / "early")
    assert set(early["doc_id"]) == set(order_documents("in_domain_gqa", 300, 0)[:32])
    stop = read_manifest(tmp_path / "early" / "manifest.json")["stopped"]["in_domain_gqa"]
    assert (stop["rule"], stop["holds"], stop["asked"], stop["documents"]) == ("reliance>0", True, 32, 300)
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "full")])
    assert done.exit_code == 0, done.stderr
    full = read_records(tmp_path / "full")
    key = ["condition", "doc_id"]
    both = early.merge(full, on=key, suffixes=("", "_full"))
    assert len(both) == len(early) == 64
    for column in ("item_id", "prompt", "image_hash", "shown_hash", "target", "response", "score"):
        assert both[column].equals(both[f"{column}_full"]), column


def test_two_models_are_asked_apart_until_one_is_ahead(tmp_path: Path) -> None:
    first, second = str(tmp_path / "coin"), tmp_path / "oracle"
    asked = ["--data", "mini", "--tasks", "in_domain_gqa"]
    done = CliRunner().invoke(app, ["run", "--model", "scripted:coin", *asked, "--output", first])
    assert done.exit_code == 0, done.stderr
    arguments = ["run", "--model", "scripted:oracle", *asked, "--until", f"score>{first}"]
    done = CliRunner().invoke(app, [*arguments, "--output", str(second)])
    assert done.exit_code == 0 and f"score>{first} holds" in done.stdout, done.stderr
    assert len(read_records(second)) == 32
    other = [*arguments[:-1], f"score>{second}", "--tasks", "in_domain_vqav2", "--output", str(tmp_path / "none")]
    done = CliRunner().invoke(app, other)
    assert done.exit_code == 1 and "wasn't asked in_domain_vqav2" in done.stderr


def test_what_isnt_decided_asks_everything_and_says_how_much_is_missing(tmp_path: Path) -> None:
    output = tmp_path / "run"
    arguments = ["run", "--model", "scripted:prior", *ASKED, "--limit", "40", "--output", str(output)]
    done = CliRunner().invoke(app, [*arguments, "--until", "reliance>0"])
    assert done.exit_code == 0 and "is undecided" in done.stdout, done.stderr
    assert len(read_records(output)) == 80
    done = CliRunner().invoke(app, [*arguments, "--until", "width<6"])
    assert done.exit_code == 1 and "holds another run (until is reliance>0, not width<6)" in done.stderr
    done = CliRunner().invoke(app, [*arguments[:-4], "--blind", "", "--until", "reliance>0", "--output", str(output)])
    assert done.exit_code == 1 and "--until needs a blind condition" in done.stderr
