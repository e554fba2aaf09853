"""Samples hold what records say of a question, filtered truly, and nothing that a page would obey."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sightscale.harness.report.folders import read_given
from sightscale.harness.report.samples import (
    ASKED,
    BLIND_RIGHT,
    CORRECT,
    PERCEPTION_FAULT,
    UNPARSED,
    chunk_samples,
    embed_json,
    gather_samples,
    read_question,
)

Make = Callable[..., pd.DataFrame]
Save = Callable[..., str]


@pytest.mark.parametrize(
    ("prompt", "question"),
    [
        ("Question: Which?\nOptions:\nA. one\nB. two\nAnswer with a letter.", "Which?"),
        ("You are an expert.\n\nDescription: Question: no\nQuestion: Which\none?\nOptions: A: x, B: y", "Which\none?"),
        ("Where is the cat?", "Where is the cat?"),
        ("Image A: \n\nReference: \n\nWhich is closer?\nA. Image A\nB. Image B\nAnswer with…", "Which is closer?"),
        ("", ""),
    ],
)
def test_the_question_is_found_in_its_prompt(prompt: str, question: str) -> None:
    assert read_question(prompt) == question


def test_every_answer_to_a_question_stands_together(plain_run: Path) -> None:
    found = gather_samples(read_given([plain_run]), 1000)
    assert len(found.samples) == len(found.index["rows"]) == 60 and found.left_out == 0
    first = found.samples[3]
    assert first["question"] == "which is number 3?" and first["options"] == [["A", "circle"], ["B", "square"]]
    assert [one["condition"] for one in first["answers"]] == ["sighted", "none"]
    flags = [row[-1][0] for row in found.index["rows"]]
    records = read_given([plain_run])[0].run.records
    sighted, blind = (records[records["condition"] == name] for name in ("sighted", "none"))
    assert sum(flag & CORRECT > 0 for flag in flags) == (sighted["score"] == 1).sum()
    assert sum(flag & BLIND_RIGHT > 0 for flag in flags) == (blind["score"] == 1).sum()
    assert sum(flag & UNPARSED > 0 for flag in flags) == (sighted["outcome"] == "unparsed").sum() > 0
    assert all(flag & ASKED for flag in flags) and not found.faults_known


def test_an_answer_says_why_it_is_read_as_it_is(make_rows: Make, save_run: Save) -> None:
    rows = make_rows(
        "t",
        "sighted",
        np.ones(4),
        options=json.dumps({"A": "a dog", "B": "a cat"}),
        response=["The answer is A.", "no idea at all, sorry", "The answer is B.", "The answer is A"],
        prediction=["A", None, "A", None],
        outcome=["answered", "unparsed", "answered", "truncated"],
    )
    found = gather_samples(read_given([Path(save_run("m", rows))]), 10)
    said, unread, other, cut = (sample["answers"][0]["why"] for sample in found.samples)
    assert "A" in said and ":" in said, "a rule and its words"
    assert unread and unread != said
    assert other == "read otherwise by another version of the reader" and cut == "cut off"


def test_too_many_are_cut_in_every_task(make_rows: Make, save_run: Save) -> None:
    run = save_run("m", *(make_rows(task, "sighted", np.ones(30)) for task in ("one", "two")))
    found = gather_samples(read_given([Path(run)]), 20)
    assert [(one["task"], one["doc"]) for one in found.samples] == [(t, n) for t in ("one", "two") for n in range(10)]
    assert found.left_out == 40


def test_a_fault_of_perception_needs_the_same_reasoning_and_another_description(
    make_rows: Make, save_run: Save
) -> None:
    def run(name: str, scores: list[float], perception: str | None, reasoning: str | None) -> Path:
        rows = make_rows("t", "sighted", np.array(scores))
        return Path(save_run(name, rows, perception=perception, reasoning=reasoning))

    poor = run("poor", [0, 0, 1, 1], "small", "llm")
    better = run("better", [1, 0, 0, 1], "large", "llm")
    other = run("other", [0, 1, 1, 1], "large", "another llm")
    whole = run("whole", [1, 1, 1, 1], None, None)
    found = gather_samples(read_given([poor, better, other, whole]), 100)
    faults = [[flag & PERCEPTION_FAULT > 0 for flag in row[-1]] for row in found.index["rows"]]
    assert found.faults_known
    assert [one[0] for one in faults] == [True, False, False, False]
    assert [one[1] for one in faults] == [False, False, True, False]
    assert not any(one[2] or one[3] for one in faults)
    assert not gather_samples(read_given([poor, other]), 100).faults_known


def test_hostile_texts_are_bounded_and_cannot_end_their_script(hostile_run: Path) -> None:
    found = gather_samples(read_given([hostile_run]), 100)
    written = [*chunk_samples(found, {}), embed_json(found.index)]
    for text in written:
        assert "<" not in text and "\u2028" not in text and "\u202e" not in text and "\x1b" not in text
        json.loads(text)
    assert sum(map(len, written)) < 1_500_000  # from 30 MB
    assert all(one["pictures"] == [] for one in found.samples)


def test_json_never_holds_what_html_reads() -> None:
    assert json.loads(embed_json({"<!--": "</script>&\u2029"})) == {"<!--": "</script>&\u2029"}
    assert not set("<>&\u2029") & set(embed_json({"<!--": "</script>&\u2029"}))
