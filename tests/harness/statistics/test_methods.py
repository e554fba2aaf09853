"""Methods: every one is a heading of docs/statistics.md, and tables and figures say how their intervals are made."""

from pathlib import Path

import numpy as np

from sightscale.harness.analysis import Measure, describe_measures
from sightscale.harness.statistics import Method, describe_methods

PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"


def test_every_method_is_a_heading_of_the_page() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    anchors = {line[3:].strip().lower().replace(" ", "-") for line in lines if line.startswith("## ")}
    assert {str(method) for method in Method} <= anchors


def test_methods_are_said_once_in_one_line() -> None:
    line = describe_measures([Measure.SIGHTED, Measure.BLIND, Measure.RELIANCE, Measure.CHANCE])
    assert line.count("Wilson") == 1 and "exact where few differ" in line and line.endswith("(docs/statistics.md).")
    assert "\n" not in line and describe_methods([]) == "" and describe_measures([Measure.CHANCE]) == ""


def test_the_page_shows_what_is_computed() -> None:
    from sightscale.harness.statistics import Style, paired_difference

    found = paired_difference(np.r_[np.ones(3), np.zeros(27)], np.zeros(30))
    assert found.show(Style.POINTS).replace("-", "−") in PAGE.read_text(encoding="utf-8")
