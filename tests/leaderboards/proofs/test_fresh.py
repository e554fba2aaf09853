"""Fresh questions and reruns: a commitment fits one seed, questions tell no answer, invented scores are found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pytest

from sightscale.harness.evaluation import read_records
from sightscale.leaderboards.entry.entry import Score
from sightscale.leaderboards.entry.folders import load_entry
from sightscale.leaderboards.entry.scores import known_tasks
from sightscale.leaderboards.proofs.fresh import (
    SETS,
    TASKS,
    Challenge,
    draw_questions,
    make_challenge,
    read_challenge,
    score_run,
)
from sightscale.leaderboards.proofs.rerun import choose_questions, compare_rerun, escape_probability
from sightscale.leaderboards.proofs.results import read_results
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import build_rows


def test_every_task_of_a_challenge_is_ours() -> None:
    assert set(TASKS) <= set(known_tasks()) and len(TASKS) == 12


def test_a_secret_is_made_once_and_fits_its_commitment_alone(tmp_path: Path) -> None:
    made = make_challenge(tmp_path / "secret.json", 20)
    assert (tmp_path / "secret.json").stat().st_mode & 0o077 == 0
    assert read_challenge(tmp_path / "secret.json", made.commitment) == made
    with pytest.raises(UserError, match="isn't what was committed to"):
        read_challenge(tmp_path / "secret.json", Challenge("other", 20).commitment)
    with pytest.raises(UserError, match="made once"):
        make_challenge(tmp_path / "secret.json", 20)
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(UserError, match="holds no challenge"):
        read_challenge(tmp_path / "bad.json")


def test_questions_are_handed_out_without_their_answers(tmp_path: Path) -> None:
    assert draw_questions(Challenge("seed", 4), tmp_path / "fresh") == list(SETS)
    rows = datasets.load_dataset(str(tmp_path / "fresh" / "suyc21" / "VMCBench"), cache_dir=str(tmp_path / "cache"))
    assert set(rows) == {"dev", "test"} and sum(map(len, rows.values())) == 24
    for part in rows.values():
        assert set(part["answer"]) == {"A"} and not {"blind_answer", "truth_description"} & set(part.column_names)
    public, fresh = (build_rows("in_domain/GQA", n=4, seed=seed) for seed in (0, "seed"))  # type: ignore[arg-type]
    assert public["question"] != fresh["question"]


def answer_fresh(challenge: Challenge, right: int) -> pd.DataFrame:
    """A run on the fresh questions of one task, the first `right` of ten answered rightly."""
    rows: list[dict[str, Any]] = []
    drawn = build_rows("in_domain/GQA", n=challenge.questions, seed=challenge.seed)  # type: ignore[arg-type]
    for number, row in enumerate(drawn):
        letter = row["answer"] if number % 10 < right else "ABCD"[("ABCD".index(row["answer"]) + 1) % 4]
        options = str({key: row[key] for key in "ABCD"}).replace("'", '"')
        rows.append({"task": "in_domain_gqa", "condition": "sighted", "doc_id": number, "options": options})
        rows[-1] |= {"response": letter, "finish_reason": "stop"}
    return pd.DataFrame(rows)


def test_scores_that_were_invented_disagree_with_fresh_ones(tiny: Path) -> None:
    challenge = Challenge("seed", 100)
    public = Score(task="in_domain_gqa", condition="sighted", n=300, score=0.8)
    entry = load_entry(tiny).model_copy(update={"scores": (public,)})
    honest, cheat = (score_run(challenge, answer_fresh(challenge, right), entry) for right in (8, 5))
    assert honest.agrees and honest.tasks[0].fresh == pytest.approx(0.8)
    assert not cheat.agrees and cheat.difference == pytest.approx(0.3) and 0 < cheat.detectable < 0.3
    with pytest.raises(UserError, match="99 of 100 fresh questions"):
        score_run(challenge, answer_fresh(challenge, 8).iloc[1:], entry)
    with pytest.raises(UserError, match="no fresh question"):
        score_run(challenge, answer_fresh(challenge, 8), load_entry(tiny).model_copy(update={"scores": ()}))


def test_a_rerun_finds_changed_answers(tiny: Path) -> None:
    records = read_records(tiny / "records.parquet")
    chosen = choose_questions(records, 5)
    (numbers,) = chosen.values()
    names = {"in_domain_gqa": "rerun_in_domain_gqa"}
    again = records[records["doc_id"].isin(numbers)].copy()
    again["doc_id"] = again["doc_id"].map({number: place for place, number in enumerate(numbers)})
    again["task"] = names["in_domain_gqa"]
    alike = compare_rerun(records, again, chosen, names)
    assert alike.compared == 10 and alike.questions_alike == 1 and alike.scores_changed == 0
    cheat = records.assign(response="Z", score=1 - records["score"])
    found = compare_rerun(cheat, again, chosen, names)
    assert found.questions_alike == 0 and found.scores_changed == 10
    assert escape_probability(0.05, 50) == pytest.approx(0.0769, abs=1e-4)
    with pytest.raises(UserError, match="at least one"):
        choose_questions(records, 0)


def test_a_model_of_a_stranger_is_not_run_unasked(
    counted: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("leaderboard", "rerun", str(counted)) == 1
    assert "give --trust-model" in capsys.readouterr().err


@pytest.mark.slow
def test_a_rerun_keeps_its_result(tiny: Path, tmp_path: Path, run_command: Callable[..., int]) -> None:
    proofs = tmp_path / "proofs"
    words = ("rerun", str(tiny), "--trust-model", "--questions", "4", "--proofs", str(proofs))
    assert run_command("leaderboard", *words) == 0
    (result,) = read_results(proofs / "tiny.json")
    assert result.passed and result.result.startswith("100.0 % of 8 answers are the same, 0 score differently")
