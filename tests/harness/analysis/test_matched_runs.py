"""Runs matched question by question, and what stops them from being matched."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.analysis.comparison import compare_runs
from sightscale.harness.analysis.matched_runs import (
    Placement,
    match_questions,
    parse_placement,
    parse_size,
    read_run,
    read_runs,
    split_groups,
)
from sightscale.harness.analysis.reliance import find_reliance
from sightscale.harness.analysis.summary import summarise
from sightscale.harness.evaluation import read_records

Save = Callable[..., str]
Make = Callable[..., pd.DataFrame]


def test_a_run_is_a_folder_or_a_file_with_a_placement(save_run: Save, make_rows: Make) -> None:
    folder = save_run("m", make_rows("t", "sighted", np.ones(2)))
    assert read_run(folder).placement is None
    assert read_run(f"{folder}=0.6:8").placement == Placement(perception=0.6, reasoning=8)
    assert read_run(f"{folder}/records.parquet").label == "m"


def test_runs_of_one_model_get_labels_that_tell_them_apart(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(2))
    runs = read_runs([save_run("m", rows, folder="a"), save_run("m", rows, folder="b") + "=8"])
    assert [run.label for run in runs] == ["m (a)", "m (b)"]


def test_a_run_given_twice_an_empty_one_and_none_are_refused(save_run: Save, make_rows: Make, tmp_path) -> None:
    folder = save_run("m", make_rows("t", "sighted", np.ones(2)))
    with pytest.raises(ValueError, match="same run"):
        read_runs([folder, folder])
    with pytest.raises(ValueError, match="holds no records"):
        read_run(save_run("empty", make_rows("t", "sighted", np.ones(0))))
    with pytest.raises(ValueError, match="there are no records"):
        read_run(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: pd.concat([rows, rows.head(1)]), "holds 1 rows twice: task t, condition sighted, document 0"),
        (
            lambda rows: rows.assign(cluster=["c", None]),
            "1 rows without a cluster: .* document 1",
        ),
        (lambda rows: rows.assign(score=[np.inf, 1.0]), r"1 scores outside of \[0, 1\]: inf for task t"),
        (lambda rows: rows.assign(score=[0.0, 50.0]), r"outside of \[0, 1\]: 50 for .* document 1"),
    ],
)
def test_rows_that_no_number_can_be_made_of_are_refused_by_their_place(
    save_run: Save, make_rows: Make, change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    folder = save_run("m", make_rows("t", "sighted", np.ones(2)))
    change(read_records(folder)).to_parquet(f"{folder}/records.parquet")
    with pytest.raises(ValueError, match=reason):
        read_run(folder)


def test_different_questions_or_data_under_one_name_are_refused(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(3))
    other = rows.assign(item_id=["t-0", "another", "t-2"])
    with pytest.raises(ValueError, match="question 1 is 't-1' in one and 'another'"):
        list(match_questions(read_runs([save_run("a", rows), save_run("b", other)])))
    runs = read_runs([save_run("c", rows.assign(data="hub:x@1")), save_run("d", rows.assign(data="mini@1"))])
    with pytest.raises(ValueError, match="different data"):
        list(match_questions(runs))


def test_questions_of_changed_documents_are_left_out_and_counted(
    save_run: Save, make_rows: Make, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = make_rows("t", "sighted", np.ones(3)), make_rows("t", "sighted", np.zeros(3))
    runs = [
        save_run("a", first.assign(document_hash=["x", "y", "z"])),
        save_run("b", second.assign(document_hash=["x", "changed", None])),
    ]
    [questions] = match_questions(read_runs(runs))
    assert questions.about.index.tolist() == [0, 2]
    assert "task t: 1 of 3 documents differ between a and b (the first is number 1)" in caplog.text


def test_runs_of_wholly_other_documents_are_refused(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(2))
    runs = [save_run(name, rows.assign(document_hash=[name, name])) for name in ("a", "b")]
    with pytest.raises(ValueError, match="asked of other documents in a and b: none of 2 is the same"):
        list(match_questions(read_runs(runs)))


def test_another_order_of_the_options_is_no_changed_document(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(2))
    runs = [
        save_run("a", rows.assign(document_hash=["x", "y"])),
        save_run("b", rows.assign(document_hash=["x2", "y2"], order=["BA", "BA"])),
    ]
    [questions] = match_questions(read_runs(runs))
    assert len(questions.about) == 2


def test_only_common_questions_are_kept(save_run: Save, make_rows: Make) -> None:
    long, short = make_rows("t", "sighted", np.ones(5)), make_rows("t", "sighted", np.zeros(3))
    [questions] = match_questions(read_runs([save_run("a", long), save_run("b", short)]))
    assert len(questions.about) == 5
    both = questions.common([("a", "sighted"), ("b", "sighted")])
    assert len(both.about) == 3 and both.column("b", "sighted").tolist() == [0, 0, 0]


def test_questions_without_a_category_are_a_group_of_their_own(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(3), category=["a", None, "a"])
    [questions] = match_questions(read_runs([save_run("m", rows)]))
    groups = {(group.level, group.name): int(group.members.sum()) for group in split_groups(questions.about)}
    assert groups == {("task", "all"): 3, ("category", "a"): 2, ("category", "(none)"): 1}


def test_sizes() -> None:
    assert [parse_size(text, "") for text in ("8", "0.6B", "1.7b", "600M")] == [8, 0.6, 1.7, 0.6]
    for text in ("", "big", "-1", "nan", "0", "inf"):
        with pytest.raises(ValueError, match="is not a size"):
            parse_size(text, "run")


@pytest.mark.parametrize(
    ("text", "placement", "shown"),
    [
        ("8", Placement(size=8), "8B"),
        ("600M", Placement(size=0.6), "0.6B"),
        ("0.6:8", Placement(perception=0.6, reasoning=8), "0.6B:8B"),
        ("truth:8B", Placement(reasoning=8), "truth:8B"),
    ],
)
def test_a_placement_is_a_size_or_two_modules(text: str, placement: Placement, shown: str) -> None:
    assert parse_placement(text, "run") == placement and str(placement) == shown
    assert placement.on_truth == text.startswith("truth") and placement.in_grid == (":" in text)


@pytest.mark.parametrize("text", ["", " ", "8:8:8", "big", "8:", "truth", "-1", "8:truth"])
def test_what_places_no_run_is_refused_with_the_run_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^runs/mine: "):
        parse_placement(text, "runs/mine")


def test_a_pair_in_which_either_side_failed_is_no_pair(save_run: Save, make_rows: Make) -> None:
    # Always B: right on the questions whose answer is B, sighted and blind; three blind calls broke.
    scores = np.r_[np.ones(6), np.zeros(4)]
    outcomes = ["failed"] * 3 + ["answered"] * 7
    blind = make_rows("t", "none", np.where(np.arange(10) < 3, 0.0, scores), outcome=outcomes)
    runs = read_runs([save_run("b", make_rows("t", "sighted", scores), blind)])
    [questions] = match_questions(runs)
    assert len(questions.common([("b", "sighted"), ("b", "none")]).about) == 7
    assert len(questions.common([("b", "none")]).about) == 10  # in its own score a failure is wrong
    found = find_reliance(runs, resamples=200)
    reliance = found[(found["measure"] == "reliance") & (found["level"] == "task")].iloc[0]
    assert (reliance["value"], reliance["n"]) == (0, 7)
    assert found.loc[found["measure"] == "blind", "value"].iloc[0] == 0.3
    [_, summary] = summarise(runs[0].records)
    assert summary.reliance and (summary.reliance.value, summary.reliance.n, summary.n) == (0, 7, 10)


def test_two_runs_are_compared_where_both_wrote_an_answer(save_run: Save, make_rows: Make) -> None:
    rows = make_rows("t", "sighted", np.ones(4))
    broken = make_rows("t", "sighted", np.r_[0.0, np.ones(3)], outcome=["failed", *["answered"] * 3])
    found = compare_runs(*read_runs([save_run("a", rows), save_run("b", broken)]), resamples=200)
    difference = found[found["measure"] == "difference"].iloc[0]
    assert (difference["value"], difference["n"]) == (0, 3)
