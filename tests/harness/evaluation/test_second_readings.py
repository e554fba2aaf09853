"""A second reader is asked for unparsed answers alone; its readings stand beside the records."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sightscale.harness.cli import app
from sightscale.harness.evaluation.second_readings import FILE, compare_second, parse_reader, read_again
from sightscale.model_adapters.engines import Completion, Decoding, OnFinished, Prompt
from sightscale.tasks.errors import UserError

OPTIONS = json.dumps({"A": "a dog", "B": "a cat"})
Rows = Callable[..., pd.DataFrame]


class Replying:
    """An engine that gives the replies it was made with, in order."""

    identity, parameters = "replying", None

    def __init__(self, *replies: Completion | str) -> None:
        self.replies, self.prompts = list(replies), list[Prompt]()

    def generate(
        self, prompts: Sequence[Prompt], decoding: Decoding, on_finished: OnFinished | None = None
    ) -> list[Completion]:
        self.prompts += prompts
        return [reply if isinstance(reply, Completion) else Completion(reply) for reply in self.replies[: len(prompts)]]

    def close(self) -> None:
        """Nothing is held."""


def rows(make_rows: Rows, *outcomes: str) -> pd.DataFrame:
    scores = np.array([float(outcome == "answered") for outcome in outcomes])
    return make_rows(
        "t", "sighted", scores, outcome=list(outcomes), options=OPTIONS, response="hm, could be the barking one"
    )


def test_only_unparsed_answers_are_asked_about_and_each_end_of_a_reply_is_kept(make_rows: Rows) -> None:
    records = rows(make_rows, "answered", *["unparsed"] * 6, "refused", "truncated", "failed")
    engine = Replying(
        *("A", "B", "NONE", "It is A", "<think>B?</think>A", Completion("", finish_reason="error", error="gone"))
    )
    readings = read_again(records, engine)
    assert readings["doc_id"].tolist() == [1, 2, 3, 4, 5, 6]
    assert readings["outcome"].tolist() == ["read", "read", "none", "unclear", "read", "failed"]
    assert readings["score"].tolist() == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert all("target" not in prompt.text and "Question" not in prompt.text for prompt in engine.prompts)
    [score] = compare_second(records, readings)
    assert (score.questions, score.unparsed, score.read, score.unclear) == (10, 6, 3, 2)
    assert (score.without, score.with_them) == (pytest.approx(0.1), pytest.approx(0.3))


def test_a_reply_that_met_its_limit_says_nothing(make_rows: Rows) -> None:
    readings = read_again(rows(make_rows, "unparsed"), Replying(Completion("A", finish_reason="length")))
    assert readings["outcome"].tolist() == ["unclear"]


def test_a_run_without_unparsed_answers_is_compared_all_the_same(make_rows: Rows) -> None:
    records = rows(make_rows, "answered")
    [score] = compare_second(records, read_again(records, Replying()))
    assert (score.unparsed, score.without, score.with_them) == (0, 1.0, 1.0)


@pytest.mark.parametrize("text", ["llm:", "nano", "llm:scripted:coin", "llm:decoupled:perception=a,reasoning=b"])
def test_what_is_no_reader_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is unknown; write llm:MODEL"):
        parse_reader(text)


def test_a_run_shows_both_scores_and_keeps_its_records_as_they_are(random_nano: Path, tmp_path: Path) -> None:
    def invoke(*arguments: str) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    run = str(tmp_path / "run")
    ask = ("--model", str(random_nano), "--tasks", "in_domain_gqa", "--data", "mini", "--limit", "3", "--output", run)
    assert "score with" in invoke("run", *ask, "--reader", f"llm:{random_nano},dtype=float32")
    before = (tmp_path / "run" / "records.parquet").read_bytes()
    readings = pq.read_table(tmp_path / "run" / FILE)
    assert set(readings.column("reader").to_pylist()) <= {
        reader for reader in readings.column("reader").to_pylist() if reader.endswith("second reader 1")
    }
    assert "score with" in invoke("rescore", run, "--reader", f"llm:{random_nano},dtype=float32")
    assert (tmp_path / "run" / "records.parquet").read_bytes() == before
    assert pq.read_table(tmp_path / "run" / FILE).equals(readings), "what was asked before is kept"
