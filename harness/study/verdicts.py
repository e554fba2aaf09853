"""Verdicts: whether a study's runs support each takeaway of the paper.

The paper is Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487; its numbers stand beside each
verdict. The rule is the same everywhere and was fixed before any run: an effect whose 95 % interval lies on the
claimed side of zero supports, one on the other side speaks against, anything else decides nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from sightscale.harness.analysis import DRAWN, Run, compare_runs, find_bottleneck, find_downscaling, show_estimate
from sightscale.harness.study.plan import PlannedRun, Role

Ruling = Literal["supported", "not supported", "undecided"]
EXTRACTION, THINKING = "extraction − captions", "thinking − direct"
PAIRS: tuple[tuple[Role, Role, int, str], ...] = (  # role, what it is compared with, which size names it, in words
    ("extract", "caption", 0, EXTRACTION),
    ("extract-from-scratch", "caption", 0, "extraction from scratch − captions"),
    ("thinking", "grid", 1, THINKING),
)
FAMILIES = {"in-domain": "in_domain_", "out of domain (MMStar)": "mmstar_"}

SAYS = {  # the paper's four takeaways, in our words
    1: "A smaller language model costs most where a task relies on vision.",
    2: "A smaller language model costs perception alone dearly too, as much as it costs reasoning or more.",
    3: "Training the perception module on visual extraction makes it better than training on captions.",
    4: "Reasoning step by step improves the answers, without any training on pictures.",
}
PAPER = {
    1: "Figure 2, 8B to 0.6B over 15 tasks: grounding loses 48 %, NIGHTS 38 %; drop and reliance rise together in an "
    "about linear way (plotted, not printed); ImageNet is the exception.",
    2: "Figure 3, 8B to 0.6B: perception costs 15 points in-domain and 7 on MMStar, reasoning 11 and 6.",
    3: "Figure 5, 8B reasoning module: +5.2 in-domain and +3.6 on MMStar at 0.6B, +4.1 and +4.6 at 1.7B.",
    4: "Figure 6, 8B perception module: gains on MMStar at every size, in-domain at 1.7B and 4B (plotted only).",
}


@dataclass(frozen=True)
class Evidence:
    """One effect that a takeaway claims to be above zero, with its 95 % interval, and how it is shown."""

    what: str
    value: float
    low: float
    high: float
    style: str = "±"  # as `show_estimate` takes it

    @property
    def ruling(self) -> Ruling:
        """What this effect alone says; without an interval nothing."""
        if self.low > 0:
            return "supported"
        return "not supported" if self.high < 0 else "undecided"

    def __str__(self) -> str:
        return f"{self.what}: {show_estimate(self.value, self.low, self.high, self.style)}"


@dataclass(frozen=True)
class Verdict:
    """One takeaway, what the study rules on it, and the effects that say so."""

    takeaway: int
    ruling: Ruling
    evidence: tuple[Evidence, ...]

    @property
    def says(self) -> str:
        """What the takeaway claims."""
        return SAYS[self.takeaway]

    @property
    def paper(self) -> str:
        """The paper's own numbers."""
        return PAPER[self.takeaway]


def combine(rulings: Sequence[Ruling]) -> Ruling:
    """Supported when every effect supports it, not supported when one speaks against it and none for it."""
    if rulings and all(one == "supported" for one in rulings):
        return "supported"
    return "not supported" if "not supported" in rulings and "supported" not in rulings else "undecided"


def give_verdicts(runs: Mapping[PlannedRun, Run], blind: str, *, resamples: int = 10_000) -> list[Verdict]:
    """A verdict on each takeaway; what the runs at hand can't tell is undecided, without evidence."""
    tellers: dict[int, Callable[[], Iterator[Evidence]]] = {
        1: lambda: _vision_centric(runs, blind, resamples),
        2: lambda: _perception_and_reasoning(runs, resamples),
        3: lambda: _compared(runs, EXTRACTION, resamples),
        4: lambda: _compared(runs, THINKING, resamples),
    }
    verdicts = []
    for number, tell in tellers.items():
        evidence = tuple(tell())
        verdicts.append(Verdict(number, combine([one.ruling for one in evidence]), evidence))
    return verdicts


def of_role(runs: Mapping[PlannedRun, Run], role: Role) -> list[Run]:
    """The runs of one role, each with its place on the scale."""
    return [Run(run.label, run.records, planned.note) for planned, run in runs.items() if planned.role == role]


def _vision_centric(runs: Mapping[PlannedRun, Run], blind: str, resamples: int) -> Iterator[Evidence]:
    scale = of_role(runs, "end-to-end")
    if len(scale) < 2:
        return
    found = find_downscaling(scale, blind, resamples=resamples).findings
    rows = found[(found["level"] == "relation") & (found["group"] == DRAWN) & (found["measure"] == "kendall")]
    for row in rows.itertuples():
        yield _evidence(f"rank correlation (Kendall) of drop and reliance over {row.n} tasks", row, "#")


def _perception_and_reasoning(runs: Mapping[PlannedRun, Run], resamples: int) -> Iterator[Evidence]:
    grid = of_role(runs, "grid")
    for family, part in _families(grid):
        found = _overall(find_bottleneck(part, resamples=resamples))
        drops = found[found["measure"] == "perception drop"].tail(1)  # to the smallest
        for row in drops.itertuples():
            yield _evidence(f"{family}: perception {row.condition}, points lost", row)
        for row in found[found["measure"] == "perception drop − reasoning drop"].itertuples():
            yield _evidence(f"{family}: that less what reasoning loses", row)


def pair_runs(runs: Mapping[PlannedRun, Run]) -> Iterator[tuple[str, Run, Run]]:
    """What Figures 4 to 6 compare: extraction (also from scratch) with captions, thinking with direct answers."""
    for role, base, part, words in PAIRS:
        second = {planned.note: run for planned, run in runs.items() if planned.role == base}
        for planned, run in runs.items():
            if planned.role == role and planned.note in second:
                yield f"{words} at {planned.note.split(':')[part]}", run, second[planned.note]


def _compared(runs: Mapping[PlannedRun, Run], words: str, resamples: int) -> Iterator[Evidence]:
    for what, first, second in pair_runs(runs):
        if what.startswith(f"{words} at "):
            yield from _differences(what, first, second, resamples)


def _differences(what: str, first: Run, second: Run, resamples: int) -> Iterator[Evidence]:
    for family, (one, two) in _families([first, second]):
        found = _overall(compare_runs(one, two, resamples=resamples))
        for row in found[found["measure"] == "difference"].itertuples():
            yield _evidence(f"{family}: {what}", row)


def _families(runs: Sequence[Run]) -> Iterator[tuple[str, list[Run]]]:
    """The runs' records of one family of tasks at a time; of all tasks when they are of neither family."""
    if not runs:
        return
    names = set().union(*(set(run.records["task"]) for run in runs))
    known = [(label, prefix) for label, prefix in FAMILIES.items() if any(name.startswith(prefix) for name in names)]
    for label, prefix in known or [("all tasks", "")]:
        part = [Run(run.label, run.records[run.records["task"].str.startswith(prefix)], run.note) for run in runs]
        yield label, part


def _overall(findings: pd.DataFrame) -> pd.DataFrame:
    """The mean over tasks, or the only task's rows."""
    average = findings[findings["level"] == "average"]
    return average if len(average) else findings[findings["level"] == "task"]


def _evidence(what: str, row: Any, style: str = "±") -> Evidence:
    return Evidence(what, float(row.value), float(row.low), float(row.high), style)
