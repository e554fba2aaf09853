"""Methods: how each kind of number gets its interval, in half a line; docs/statistics.md says it in full."""

from collections.abc import Iterable
from enum import StrEnum

PAGE = "docs/statistics.md"


class Method(StrEnum):
    """How intervals of one kind are made. Each is a heading's anchor in `PAGE`, and `says` it in half a line."""

    says: str

    def __new__(cls, anchor: str, says: str = "") -> "Method":
        member = str.__new__(cls, anchor)
        member._value_ = anchor
        member.says = says
        return member

    SCORES = "scores", "scores by Wilson at the effective number of questions, exact below 30 pictures"
    DIFFERENCES = "differences", "differences paired by question, BCa bootstrap over pictures, exact where few differ"
    RATIOS = "ratios-and-averages", "ratios and averages by BCa bootstrap over pictures"
    RELATION = "relation-of-drop-and-reliance", "relations with tasks and questions resampled"
    TESTS = "tests", "tests by McNemar or by flipping pictures, corrected after Holm"
    SMALLEST = "smallest-detectable-difference", "smallest detectable difference at 80 % power and 5 %"
    DOSES = "dose-and-response", "monotone fits by isotonic regression, bootstrap over pictures"
    MEANS = "means-of-tokens-and-seconds", "means by BCa bootstrap over pictures"


def describe_methods(methods: Iterable[Method]) -> str:
    """One line on how the intervals of these kinds are made, each once, and where to read more; nothing for none."""
    named = [method.says for method in dict.fromkeys(methods)]
    return f"95 % intervals: {'; '.join(named)} ({PAGE})." if named else ""
