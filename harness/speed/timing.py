"""Speed: two or more ways to do the same work, timed alternately in one run on this machine.

What is compared is in `decoupled`, `overhead` and `engines`; here is how times are taken.
"""

import logging
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from lmms_eval.api.model import lmms
from lmms_eval.evaluator import simple_evaluate
from lmms_eval.tasks import TaskManager
from tqdm import tqdm

from sightscale.harness.evaluation import describe_machine, describe_software
from sightscale.harness.speed.questions import NAME

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Way = Callable[[], list[str]]  # does the work once and returns the answers


@dataclass(frozen=True)
class Comparison:
    """Ways to do the same work, each with the seconds of every run; the first way is what others are held against."""

    name: str
    what: str  # what was compared, in a sentence
    questions: int
    seconds: dict[str, list[float]]  # run by run, in the order in which they alternated
    answers_equal: dict[str, int]  # of each other way, how many answers equal the first way's
    target: str = ""  # what the ratio ought to be
    reached: bool | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def first(self) -> str:
        return next(iter(self.seconds))

    def median(self, way: str) -> float:
        """Seconds of a run, the median of all."""
        return statistics.median(self.seconds[way])

    def ratios(self, way: str) -> list[float]:
        """How many times faster than the first way this one was, in each round."""
        return [first / other for first, other in zip(self.seconds[self.first], self.seconds[way], strict=True)]

    def ratio(self, way: str) -> float:
        """How many times faster than the first way this one is: the median over the rounds."""
        return statistics.median(self.ratios(way))

    def as_dict(self) -> dict[str, Any]:
        ways = {
            way: {
                "seconds": seconds,
                "median_seconds": self.median(way),
                "questions_per_second": self.questions / self.median(way),
                "times_faster": {
                    "median": self.ratio(way),
                    "low": min(self.ratios(way)),
                    "high": max(self.ratios(way)),
                },
                "answers_equal_to_first": self.answers_equal.get(way),
            }
            for way, seconds in self.seconds.items()
        }
        fields = {name: value for name, value in asdict(self).items() if name not in ("seconds", "answers_equal")}
        return {**fields, "ways": ways}


def alternate(ways: Mapping[str, Way], rounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """The seconds of every way, done in turn `rounds` times, and how many of its answers equal the first way's.

    A round that isn't counted comes first, so that no way pays for what is only done once. Raises
    RuntimeError when a way gives another number of answers than the first.
    """
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    answers: dict[str, list[str]] = {}
    for round_ in range(rounds + 1):
        order = list(ways) if round_ % 2 else list(ways)[::-1]  # who goes first changes too
        for way in order:
            start = time.perf_counter()
            answers[way] = ways[way]()
            took = time.perf_counter() - start
            if round_:
                seconds[way].append(took)
            which = f"round {round_} of {rounds}" if round_ else "warming up"
            logger.info(f"speed: {which}: {way}: {took:.1f} s")
    first = answers[next(iter(ways))]
    wrong = [way for way, given in answers.items() if len(given) != len(first)]
    if wrong:
        raise RuntimeError(f"{wrong[0]} gave {len(answers[wrong[0]])} answers, not {len(first)}")
    equal = {way: sum(map(str.__eq__, given, first)) for way, given in answers.items()}
    return seconds, equal


def show_progress(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, with a progress bar while they are gone through; sparse where nobody watches."""
    watched = sys.stderr.isatty()
    shown: Iterable[Item] = tqdm(
        items, desc=what, unit="q", disable=False, leave=False, mininterval=0.2 if watched else 15
    )
    return shown


def run_lmms_eval(model: lmms, manager: TaskManager, batch_size: int) -> tuple[list[dict[str, Any]], list[str]]:
    """One pass of lmms-eval's evaluator over the questions: its samples and the responses, by document."""
    results = simple_evaluate(
        model=model,
        tasks=[NAME],
        task_manager=manager,
        batch_size=batch_size,
        bootstrap_iters=0,
        process_docs_parallel=1,
        cli_args=Namespace(process_with_media=False),
    )
    samples = sorted(results["samples"][NAME], key=lambda sample: sample["doc_id"])
    return samples, [str(sample["filtered_resps"][0]) for sample in samples]


def describe(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Comparisons with machine and software, for a file."""
    return {
        "machine": describe_machine(),
        "software": describe_software(),
        "comparisons": [comparison.as_dict() for comparison in comparisons],
    }
