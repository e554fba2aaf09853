"""Plausibility: scores, lengths, tokens and forms of answers that no honest model has are said, honest ones aren't."""

import random
import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.evaluation import count_written, describe_shipped, read_records
from sightscale.leaderboards.entry import PartMade, Submission, load_entry, read_manifests
from sightscale.leaderboards.verification.checks import check_plausibility, check_traces, check_writing
from sightscale.leaderboards.verification.issues import Issue

TIMES = 50  # of the small entry's eight questions
Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def many(counted: Path) -> Submission:
    """An entry of 400 questions, of which every other one is answered wrong."""
    few = read_records(counted / "records.parquet")
    records = pd.concat([few.assign(doc_id=few["doc_id"] + 8 * at) for at in range(TIMES)], ignore_index=True)
    right = records["doc_id"] % 2 == 0
    records["score"] = right.astype(float)
    records["blind_probability"] = 0.5
    return Submission(counted, load_entry(counted), read_manifests(counted / "manifest.json"), records)


def say(issues: Any) -> str:
    listed: list[Issue] = list(issues)
    return "\n".join(issue.line() for issue in listed)


def check(submission: Submission, change: Change | None = None) -> str:
    records = submission.records.copy()
    changed = replace(submission, records=change(records) if change else records)
    return "\n".join(filter(None, (say(find(changed)) for find in (check_plausibility, check_traces, check_writing))))


def test_an_honest_entry_has_nothing_odd(many: Submission) -> None:
    assert check(many) == ""


@pytest.mark.parametrize("condition", ["none", "black", "noise"])
def test_blind_scores_above_what_can_be_known_are_refused(many: Submission, condition: str) -> None:
    def see(records: pd.DataFrame) -> pd.DataFrame:
        records.loc[records["condition"] == "none", "score"] = (np.arange(400) % 10 < 7).astype(float)
        return records.replace({"condition": {"none": condition}})

    assert "error: records.parquet: in_domain_gqa" in check(many, see)
    assert "70.0 % right without the picture, and the best blind answers come to 50.0 %" in check(many, see)


def test_sighted_scores_that_are_the_oracles_are_said(many: Submission) -> None:
    def all_right(records: pd.DataFrame) -> pd.DataFrame:
        return records.assign(score=np.where(records["condition"] == "sighted", 1.0, records["score"]))

    assert "100.0 % of 400 answers with the picture are right, as those of the key itself are" in check(many, all_right)
    part = replace(many, records=many.records[many.records["doc_id"] < 150])
    assert "every answer with the picture is right, as the key's are" in check(part, all_right)


def test_blind_answers_that_are_worse_than_guesses_are_said(many: Submission) -> None:
    def answer_wrong(records: pd.DataFrame) -> pd.DataFrame:
        blind = records["condition"] == "none"
        return records.assign(score=np.where(blind, (records["doc_id"] % 20 == 0) * 1.0, records["score"]), chance=0.25)

    assert "warning: records.parquet: in_domain_gqa, none, score: 5.0 % right of the 400 answers" in check(
        many, answer_wrong
    )
    silent = check(many, lambda records: answer_wrong(records).assign(outcome="unparsed"))
    assert "guesses come to" not in silent  # a model that names no option guesses nothing


def test_descriptions_that_are_the_datas_own_are_said(many: Submission) -> None:
    parts = {role: PartMade(name=role) for role in ("perception", "reasoning")}
    made = many.manifest.model_copy(update={"parts": parts})
    records = many.records.assign(truth_description=[f"thing {at}" for at in many.records["doc_id"]])
    copied = replace(
        many, manifests={made.run_id: made}, records=records.assign(description=records["truth_description"])
    )
    assert "100.0 % of 400 descriptions hold the data's own true ones" in say(check_plausibility(copied))
    assert say(check_plausibility(replace(copied, records=records.assign(description="a thing")))) == ""
    handed = made.model_copy(update={"parts": {**parts, "perception": PartMade(name="truth")}})
    assert say(check_plausibility(replace(copied, manifests={made.run_id: handed}))) == ""


def decouple(many: Submission, change: Change) -> Submission:
    """The same answers as if a perception module had described the pictures to a reasoning module."""
    parts = {role: PartMade(name=role) for role in ("perception", "reasoning")}
    made = many.manifest.model_copy(update={"parts": parts, "kind": "decoupled"})
    records = change(many.records.copy().assign(kind="decoupled", description="a thing", perception_output_tokens=2))
    return replace(many, manifests={made.run_id: made}, records=records)


def test_descriptions_that_hold_the_datas_own_among_other_words_are_said(many: Submission) -> None:
    truths = [f"a red bicycle leans on wall number {at}" for at in many.records["doc_id"]]
    for write in ("{}.", "I see: {}!", "{}".upper()):
        told = [write.format(truth).title() for truth in truths]
        copied = decouple(many, lambda rows, told=told: rows.assign(truth_description=truths, description=told))
        assert "descriptions hold the data's own true ones" in say(check_plausibility(copied)), write
    for told in ("a red bicycle", "a wall"):  # what is in the picture may be said
        honest = decouple(many, lambda rows, told=told: rows.assign(truth_description=truths, description=told))
        assert "true ones" not in say(check_plausibility(honest)), told


@pytest.mark.parametrize("write", ["A dog. Answer: {}", "the answer is {}", "it looks like option {}.", "choice ({})"])
def test_descriptions_that_name_the_right_letter_are_said(many: Submission, write: str) -> None:
    named = decouple(many, lambda rows: rows.assign(description=[write.format(key) for key in rows["target"]]))
    assert "400 of 400 descriptions name the right option by its letter" in say(check_plausibility(named))
    honest = decouple(many, lambda rows: rows.assign(description="A sign says: option A, the answer to all"))
    assert "by its letter" not in say(check_plausibility(honest))


def test_a_reasoning_module_that_was_shown_the_picture_is_said(many: Submission) -> None:
    def peek(tokens: int) -> Change:
        return lambda rows: rows.assign(
            prompt=["What is it? " * (1 + at % 9) for at in rows["doc_id"]],
            input_tokens=[
                4 * (1 + at % 9) + 12 + tokens * (condition == "sighted")
                for at, condition in zip(rows["doc_id"], rows["condition"], strict=True)
            ],
        )

    said = "prompts of reasoning count 64 tokens more than their texts do without the picture"
    assert said in say(check_traces(decouple(many, peek(64))))
    assert "prompts of reasoning" not in say(check_traces(decouple(many, peek(0))))
    assert "count more than was asked" in say(check_traces(decouple(many, peek(20_000))))


def test_one_text_has_one_number_of_tokens(many: Submission) -> None:
    def shorten(records: pd.DataFrame) -> pd.DataFrame:
        """Sentences replaced by letters, and their tokens left as they were."""
        changed = (records["condition"] == "sighted") & (records["doc_id"] % 7 == 0)
        records.loc[changed, "output_tokens"] = 9
        return records

    assert "not checked: records.parquet: output_tokens: 58 rows count other tokens than rows of" in check(
        many, shorten
    )


def test_right_answers_that_are_written_otherwise_are_said(many: Submission) -> None:
    def explain(records: pd.DataFrame) -> pd.DataFrame:
        wrong = records["score"] == 0
        records.loc[wrong, "response"] = "I think that it is " + records.loc[wrong, "response"]
        return records.assign(output_tokens=records["response"].str.len() // 4 + 1)

    assert "all 200 answers written as # are right, and 200 written otherwise are wrong" in check(many, explain)


def test_texts_that_tell_more_than_their_tokens_can_are_refused(many: Submission) -> None:
    draw = random.Random(0)

    def write(records: pd.DataFrame) -> pd.DataFrame:
        """Nine characters a token, as some languages have; but these can't be told by so few tokens."""
        texts = ["".join(draw.choices(string.ascii_letters, k=90)) for _ in range(len(records))]
        return records.assign(thinking=texts, output_tokens=10)

    said = check(many, write)
    assert "error: records.parquet: output_tokens: 6.7 bytes a token are left of thinking and response" in said
    plain = check(many, lambda records: records.assign(thinking="the cat sat on the mat and " * 3, output_tokens=10))
    assert plain == ""


def test_more_tokens_than_bytes_are_said_to_be_hidden(many: Submission) -> None:
    said = check(many, lambda records: records.assign(output_tokens=30))
    assert "not checked: records.parquet: output_tokens: 800 rows count more tokens than their texts have bytes" in said


def shipped_entry(many: Submission, change: Change) -> str:
    """What is said of the same rows under the name of a checkpoint that comes with sightscale."""
    name = "easy_vqa_nano"
    shipped = describe_shipped(name)
    assert shipped
    made = many.manifest.model_copy(
        update={"parts": {"model": PartMade(name=name)}, "identity": f"end-to-end({name}@{shipped.digest}|x)"}
    )
    records = change(
        many.records.assign(response=np.where(many.records["doc_id"] % 4 < 2, "yes", "no"), output_tokens=2)
    )
    return say(check_writing(replace(many, manifests={made.run_id: made}, records=records)))


def test_a_shipped_checkpoint_counts_the_tokens_of_its_own_tokenizer(many: Submission) -> None:
    assert count_written("easy_vqa_nano", ["yes", "no", "yes"]) == [1, 1, 1]
    assert count_written("nothing", ["yes"]) is None and count_written("../easy_vqa_nano", ["yes"]) is None
    assert shipped_entry(many, lambda records: records) == ""
    said = shipped_entry(many, lambda records: records.assign(response="yes no " * 40))
    assert "not checked: records.parquet: output_tokens" in said and "the tokenizer of easy_vqa_nano does" in said
