"""Cut-off answers: counted, bounded, and said with the argument that gives them more room."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sightscale.harness.analysis import describe_truncation, summarise

Rows = Callable[..., pd.DataFrame]


def cut(make_rows: Rows, n: int, hits: int, truncated: int, **columns: object) -> pd.DataFrame:
    """The first `hits` rows right, the last `truncated` ones cut off."""
    outcomes = ["answered"] * (n - truncated) + ["truncated"] * truncated
    scores = np.array([1.0] * hits + [0.0] * (n - hits))
    return make_rows("t", "sighted", scores, outcome=outcomes, output_tokens=16, run_id="r", **columns)


def test_from_five_per_cent_on_the_bounds_and_the_mend_are_told(make_rows: Rows) -> None:
    (sentence,) = describe_truncation(cut(make_rows, 20, 10, 1, kind="end-to-end"))
    assert sentence == (
        "t, sighted: 1 of 20 answers (5.0 %) were cut off at 16 tokens and count as wrong; completed, the score would "
        "lie between 50.0 and 55.0. More room: max_new_tokens=N in the model string"
    )
    assert describe_truncation(cut(make_rows, 21, 10, 1, kind="end-to-end")) == []


def test_a_decoupled_models_mend_is_its_own(make_rows: Rows) -> None:
    (direct,) = describe_truncation(cut(make_rows, 10, 1, 9, kind="decoupled", mode="direct"))
    (thinking,) = describe_truncation(cut(make_rows, 10, 1, 9, kind="decoupled", mode="thinking"))
    assert direct.endswith("More room: answer_tokens=N in the model string")
    assert thinking.endswith("More room: answer_tokens=N or budget=N in the model string")


def test_cut_off_descriptions_are_told_too(make_rows: Rows) -> None:
    rows = cut(make_rows, 10, 5, 0, kind="decoupled", description="a cat", perception_output_tokens=1024)
    rows["perception_finish_reason"] = ["length"] * 2 + ["stop"] * 8
    (sentence,) = describe_truncation(rows)
    assert sentence.startswith("t, sighted: 2 of 10 descriptions were cut off at 1,024 tokens.")
    assert "perception_tokens=N" in sentence


def test_the_share_stands_in_the_summary(make_rows: Rows) -> None:
    (summary,) = summarise(cut(make_rows, 10, 5, 3))
    assert summary.outcomes["truncated"] == 0.3 and summary.outcomes["answered"] == 0.7
