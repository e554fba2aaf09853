"""Boxes that may be in pixels or in thousandths are counted where nobody said in which."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sightscale.harness.analysis import describe_ambiguous_boxes
from sightscale.tasks.boxes import write_target


def test_ambiguous_boxes_are_counted_and_others_are_not(make_rows: Callable[..., pd.DataFrame]) -> None:
    rows = make_rows(
        "t",
        "sighted",
        np.zeros(4),
        answer_format=["box", "box", "box:thousand", "box"],
        outcome=["unparsed", "unparsed", "unparsed", "answered"],
        response=["[100, 200, 300, 400]", "I see none", "[100, 200, 300, 400]", "[0.1, 0.2, 0.3, 0.4]"],
        target=write_target((0.1, 0.2, 0.3, 0.4), (640, 480)),
    )
    [sentence] = describe_ambiguous_boxes(rows)
    assert sentence.startswith("t, sighted: 1 of 4 boxes may be in pixels or in thousandths")
    assert describe_ambiguous_boxes(rows.tail(2)) == []
