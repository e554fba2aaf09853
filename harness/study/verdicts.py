"""Verdicts: whether a study's runs support each takeaway of the paper.

The paper is Endo & Yeung-Levy, "Downscaling Intelligence", arXiv 2511.17487; its numbers stand beside each
verdict. The rule is the same everywhere and was fixed before any run: an effect whose 95 % interval lies on the
claimed side of zero supports, one on the other side speaks against, anything else decides nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from sightscale.harness.analysis import (
    Level,
    Measure,
    Resampling,
    Run,
    compare_runs,
    find_bottleneck,
    find_downscaling,
    only,
    read_estimate,
    show_size,
)
from sightscale.harness.statistics import Estimate, Style
from sightscale.harness.study.plan import PlannedRun, Purpose
from sightscale.tasks.suites import Suite, suite_of


class Ruling(StrEnum):
    """What an effect, or all effects of a takeaway together, say of it."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"


class Contrast(StrEnum):
    """What Figures 4 to 6 compare."""

    EXTRACTION = "extraction − captions"
    FROM_SCRATCH = "extraction from scratch − captions"
    THINKING = "thinking − direct"


PURPOSES = {  # of either side
    Contrast.EXTRACTION: (Purpose.EXTRACT, Purpose.CAPTION),
    Contrast.FROM_SCRATCH: (Purpose.EXTRACT_FROM_SCRATCH, Purpose.CAPTION),
    Contrast.THINKING: (Purpose.THINKING, Purpose.GRID),
}
SUITES = {Suite.IN_DOMAIN: "in-domain", Suite.MMSTAR: "out of domain (MMStar)"}

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
    """One effect that a takeaway claims to be above zero, with its 95 % interval, and how it is shown.

    `questions` is how many it rests on.
    """

    what: str
    estimate: Estimate
    questions: int
    style: Style = Style.POINTS

    @property
    def ruling(self) -> Ruling:
        """What this effect alone says; without an interval nothing."""
        if self.estimate.low > 0:
            return Ruling.SUPPORTED
        return Ruling.NOT_SUPPORTED if self.estimate.high < 0 else Ruling.UNDECIDED

    def __str__(self) -> str:
        return f"{self.what}: {self.estimate.show(self.style)}, from {self.questions:,} questions"


@dataclass(frozen=True)
class Pair:
    """Two runs that differ in one thing, and the size at which they do."""

    contrast: Contrast
    size: str
    first: Run
    second: Run

    @property
    def title(self) -> str:
        """What is compared, in words."""
        return f"{self.contrast} at {self.size}"


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
    if rulings and all(ruling == Ruling.SUPPORTED for ruling in rulings):
        return Ruling.SUPPORTED
    against = Ruling.NOT_SUPPORTED in rulings and Ruling.SUPPORTED not in rulings
    return Ruling.NOT_SUPPORTED if against else Ruling.UNDECIDED


def give_verdicts(runs: Mapping[PlannedRun, Run], blind: str, *, resamples: int = 10_000) -> list[Verdict]:
    """A verdict on each takeaway; what the runs at hand can't tell is undecided, without evidence."""
    find_evidence: dict[int, Callable[[], Iterator[Evidence]]] = {
        1: lambda: _vision_centric(runs, blind, resamples),
        2: lambda: _perception_and_reasoning(runs, resamples),
        3: lambda: _contrasted(runs, Contrast.EXTRACTION, resamples),
        4: lambda: _contrasted(runs, Contrast.THINKING, resamples),
    }
    verdicts = []
    for takeaway, find in find_evidence.items():
        evidence = tuple(find())
        verdicts.append(Verdict(takeaway, combine([effect.ruling for effect in evidence]), evidence))
    return verdicts


def select_runs(runs: Mapping[PlannedRun, Run], purpose: Purpose) -> list[Run]:
    """The runs that were made for one purpose, each with its place."""
    return [
        Run(run.label, run.records, planned.placement) for planned, run in runs.items() if planned.purpose == purpose
    ]


def pair_runs(runs: Mapping[PlannedRun, Run]) -> Iterator[Pair]:
    """What Figures 4 to 6 compare: extraction (also from scratch) with captions, thinking with direct answers."""
    for contrast, (purpose, other) in PURPOSES.items():
        seconds = {planned.placement: run for planned, run in runs.items() if planned.purpose == other}
        for planned, run in runs.items():
            place = planned.placement
            if planned.purpose == purpose and place in seconds:
                size = place.reasoning if contrast is Contrast.THINKING else place.perception
                yield Pair(contrast, show_size(size or 0.0), run, seconds[place])


def _vision_centric(runs: Mapping[PlannedRun, Run], blind: str, resamples: int) -> Iterator[Evidence]:
    scale = select_runs(runs, Purpose.END_TO_END)
    if len(scale) < 2:
        return
    findings = find_downscaling(scale, blind, resamples=resamples).findings
    last = only(findings, Measure.DROP, levels=[Level.TASK]).groupby("task", sort=False).tail(1)  # to the smallest
    questions = int(last["n"].sum())
    relation = only(findings, Measure.KENDALL, levels=[Level.RELATION])
    for row in relation[relation["group"] == Resampling.TASKS].itertuples():
        estimate = read_estimate(row)
        what = f"rank correlation (Kendall) of drop and reliance over {estimate.n} tasks"
        yield Evidence(what, estimate, questions, Style.NUMBER)


def _perception_and_reasoning(runs: Mapping[PlannedRun, Run], resamples: int) -> Iterator[Evidence]:
    for suite, grid in _split_suites(select_runs(runs, Purpose.GRID)):
        findings = _overall(find_bottleneck(grid, resamples=resamples))
        for row in only(findings, Measure.PERCEPTION_DROP).tail(1).itertuples():  # to the smallest
            estimate = read_estimate(row)
            yield Evidence(f"{suite}: perception {row.contrast}, points lost", estimate, estimate.n)
        for row in only(findings, Measure.DROP_GAP).itertuples():
            estimate = read_estimate(row)
            yield Evidence(f"{suite}: that less what reasoning loses", estimate, estimate.n)


def _contrasted(runs: Mapping[PlannedRun, Run], contrast: Contrast, resamples: int) -> Iterator[Evidence]:
    for pair in pair_runs(runs):
        if pair.contrast is not contrast:
            continue
        for suite, (first, second) in _split_suites([pair.first, pair.second]):
            findings = _overall(compare_runs(first, second, resamples=resamples))
            for row in only(findings, Measure.DIFFERENCE).itertuples():
                estimate = read_estimate(row)
                yield Evidence(f"{suite}: {pair.title}", estimate, estimate.n)


def _split_suites(runs: Sequence[Run]) -> Iterator[tuple[str, list[Run]]]:
    """The runs' records of one suite at a time; of all tasks when they are of neither suite."""
    if not runs:
        return
    tasks: set[str] = set().union(*(set(run.records["task"]) for run in runs))
    suites = {task: suite_of(task) for task in tasks}
    present = [(title, suite) for suite, title in SUITES.items() if suite in suites.values()]
    for title, suite in present:
        members = [task for task in tasks if suites[task] is suite]
        yield title, [Run(run.label, run.records[run.records["task"].isin(members)], run.placement) for run in runs]
    if not present:
        yield "all tasks", list(runs)


def _overall(findings: pd.DataFrame) -> pd.DataFrame:
    """The mean over tasks, or the only task's rows."""
    average = findings[findings["level"] == Level.AVERAGE]
    return average if len(average) else findings[findings["level"] == Level.TASK]
