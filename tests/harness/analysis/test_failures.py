"""Failed answers are counted, and the reason that most of them share is told."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sightscale.harness.analysis import describe_failures

Rows = Callable[..., pd.DataFrame]


def test_each_condition_s_failures_are_told_with_their_reason(make_rows: Rows) -> None:
    good = make_rows("t", "sighted", np.ones(3), error=None)
    bad = make_rows("t", "no_question", np.zeros(3), outcome=["failed", "failed", "answered"])
    assert describe_failures(good) == []
    same = pd.concat([good, bad.assign(error=["no\noptions", "no\noptions", None])])
    assert describe_failures(same) == ["t, no_question: 2 of 3 answers failed: no options"]
    bad = bad.assign(outcome="failed", error=["no options", "no options", "x" * 500])
    assert describe_failures(bad) == ["t, no_question: 3 of 3 answers failed: no options (2 of them)"]
    (sentence,) = describe_failures(bad.assign(error="x" * 500))
    assert len(sentence) < 260
