"""Copies: an entry's answers under another name are found, edited ones too; honest models raise no alarm."""

from pathlib import Path

import numpy as np
import pandas as pd

from sightscale.harness.evaluation import read_records
from sightscale.leaderboards.proofs.copies import find_copies, find_nearest
from sightscale.leaderboards.site.gather import list_embedded
from sightscale.leaderboards.site.listed import Answers, Questions, take_answers

QUESTIONS = 300


def answer(rng: np.random.Generator, key: np.ndarray, ease: np.ndarray, skill: float) -> tuple[np.ndarray, np.ndarray]:
    """A model's letters and scores: the easier a question, the more models are right; wrong ones lean the same way."""
    right = rng.random(len(key)) < 1 / (1 + np.exp(-(skill + ease)))
    lure = (key + 1) % 4  # what most models fall for
    wrong = np.where(rng.random(len(key)) < 0.5, lure, (key + rng.integers(1, 4, len(key))) % 4)
    said = np.where(right, key, wrong)
    return said.astype(np.uint32) + 1, (said == key).astype(float)


def simulate(seed: int, skills: list[float]) -> list[Answers]:
    rng = np.random.default_rng(seed)
    rows = [("in_domain_gqa", at, str(at), "", "") for at in range(QUESTIONS)]
    questions = Questions(pd.DataFrame(rows, columns=["task", "doc_id", "cluster", "category", "l2_category"]))
    key, ease = rng.integers(0, 4, QUESTIONS), rng.normal(0, 1.5, QUESTIONS)
    made = []
    for skill in skills:
        sighted, seen = answer(rng, key, ease, skill)
        blind, guessed = answer(rng, key, ease, -1.0)
        made.append(Answers(questions, seen, guessed, sighted, blind))
    return made


def edit(answers: Answers, share: float, seed: int) -> Answers:
    """The same with a share of the answers changed, scored by chance."""
    rng = np.random.default_rng(seed)
    sides = []
    for said, scores in ((answers.said_sighted, answers.sighted), (answers.said_blind, answers.blind)):
        changed = rng.random(len(said)) < share
        sides.append((np.where(changed, 9, said).astype(np.uint32), np.where(changed, 0.0, scores)))
    return Answers(answers.questions, sides[0][1], sides[1][1], sides[0][0], sides[1][0])


def test_planted_copies_are_found_and_honest_models_raise_no_alarm() -> None:
    """Copies whole and with 1 % edited, of weak and of strong models; at most 1 % of honest pairs are suspected."""
    alarms = pairs = missed = planted = 0
    for seed in range(40):
        honest = simulate(seed, [-1.0, 0.0, 0.0, 1.0, 3.0, 3.0])
        found = list(find_copies(honest))
        pairs += len(found)
        alarms += sum(pair.is_copy for pair in found)
        for one in honest:
            for share in (0.0, 0.01):
                planted += 1
                missed += not next(iter(find_copies([one, edit(one, share, seed)]))).is_copy
    assert missed == 0 and planted == 480
    assert pairs == 600 and alarms <= 0.01 * pairs


def test_a_copy_that_leaves_a_task_out_or_adds_one_is_found() -> None:
    """Entries needn't have been asked the same tasks."""
    rng, rows = np.random.default_rng(0), []
    for task in ("in_domain_gqa", "imagenet"):
        rows += [(task, at, f"{task}{at}", "", "") for at in range(QUESTIONS)]
    names = ["task", "doc_id", "cluster", "category", "l2_category"]
    whole, part = Questions(pd.DataFrame(rows, columns=names)), Questions(pd.DataFrame(rows[:QUESTIONS], columns=names))
    said = rng.integers(1, 9, (3, 2 * QUESTIONS)).astype(np.uint32)
    wrong = np.zeros(2 * QUESTIONS)
    first, other = (Answers(whole, wrong, wrong, side, side) for side in said[:2])
    copied = said[0, :QUESTIONS]
    copy = Answers(part, wrong[:QUESTIONS], wrong[:QUESTIONS], copied, copied)
    pairs = {(pair.first, pair.second): pair.is_copy for pair in find_copies([first, other, copy])}
    assert pairs == {(0, 1): False, (0, 2): True, (1, 2): False}
    nearest = find_nearest([first, other, copy])
    assert nearest[2].is_copy and nearest[0].is_copy and not nearest[1].is_copy


def test_a_copy_that_leaves_the_last_questions_out_is_found() -> None:
    """A limit gives an entry a table of its own, and hides no copy."""
    honest, other = simulate(3, [0.0, 0.0])
    columns = {name: values[:-1] for name, values in honest.questions.columns.items()}
    sides = (honest.sighted, honest.blind, honest.said_sighted, honest.said_blind)
    copy = Answers(Questions(columns), *(side[:-1] for side in sides))
    assert {(pair.first, pair.second): pair.is_copy for pair in find_copies([honest, other, copy])} == {
        (0, 1): False,
        (0, 2): True,
        (1, 2): False,
    }
    nearest = find_nearest([honest, other, copy])
    assert nearest[2].is_copy and nearest[0].is_copy and not nearest[1].is_copy


def test_a_copy_in_other_words_is_found(counted: Path) -> None:
    """The same options under longer sentences are the same answers."""
    records = read_records(counted / "records.parquet")
    worded = records.assign(response="I would say that it is " + records["response"] + ", isn't it")
    plain, copy = take_answers(records), take_answers(worded)
    assert np.array_equal(plain.said_sighted, copy.said_sighted) and plain.said_sighted.all()
    unread = records.assign(prediction=None)  # what nobody could read is compared by its text, however it is written
    shouted = unread.assign(response=unread["response"].str.upper() + "!")
    assert np.array_equal(take_answers(unread).said_blind, take_answers(shouted).said_blind)


def test_the_shipped_entries_are_no_copies_of_each_other() -> None:
    paths = [folder / "records.parquet" for folder in list_embedded()]
    records = [pd.read_parquet(path) for path in paths if path.exists()]
    pairs = list(find_copies([take_answers(rows) for rows in records]))
    assert pairs and not any(pair.is_copy for pair in pairs)
