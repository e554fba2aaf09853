"""Question scores: from a task's metric, a score in [0, 1] for each question, or the reason why there is none.

Tasks of lmms-eval return whatever their aggregation takes: a number, a percentage, a distance, a record of the answer.
Reliance, intervals and pairs need a score for each question; another kind of number in its place would be wrong.
"""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

ROUNDED = 0.006  # of a metric's range: aggregations round to two decimals
HIT, PERCENT = {0.0, 1.0}, {0.0, 100.0}


@dataclass(frozen=True)
class Metric:
    """A metric of a task: its aggregation, whether more is better, and the range of its values.

    The range comes from the task's file: `metadata: {score_range: [low, high]}`.
    """

    name: str
    aggregate: Callable[[list[Any]], Any]
    higher_is_better: bool = True
    score_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class QuestionScores:
    """The score of each sample, or None; the metrics behind the scores, and why others give no scores."""

    scores: tuple[float | None, ...]
    metrics: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def missing(self) -> int:
        """The number of questions without a score."""
        return self.scores.count(None)


def score_questions(samples: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> QuestionScores:
    """Scores of a task's samples by the first metric that has one for each; other metrics fill gaps."""
    scores: list[float | None] = [None] * len(samples)
    used, reasons = [], []
    for metric in metrics:
        places = [i for i, sample in enumerate(samples) if sample.get(metric.name) is not None]
        open_places = [i for i in places if scores[i] is None]
        if not open_places:
            continue
        try:
            values = dict(zip(places, _scale(_read(samples, places, metric), metric), strict=True))
        except _NoScore as reason:
            reasons.append(f"{metric.name}: {reason}")
            continue
        used.append(metric.name)
        for i in open_places:
            scores[i] = values[i]
        if None not in scores:
            break
    if None in scores and not reasons:
        reasons.append(f"no metric has a value; the task names {', '.join(m.name for m in metrics) or 'none'}")
    return QuestionScores(tuple(scores), tuple(used), tuple(reasons) if None in scores else ())


class _NoScore(Exception):
    """The reason why a metric has no score per question."""


def _read(samples: Sequence[Mapping[str, Any]], places: Sequence[int], metric: Metric) -> list[float]:
    """Each question's number: the value, its `score`, or the aggregation of this value alone."""
    values = [samples[i][metric.name] for i in places]
    numbers = [_as_number(value) for value in values]
    if None in numbers:
        numbers = _aggregate_each(values, metric)
    if not all(number is not None and math.isfinite(number) for number in numbers):
        raise _NoScore("some of its values are no finite numbers")
    return [number for number in numbers if number is not None]


def _as_number(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("score")
    if isinstance(value, bool | int | float) or hasattr(value, "__float__"):
        return float(value)
    return None


def _aggregate_each(values: list[Any], metric: Metric) -> list[float | None]:
    """The aggregation of each value alone, if the aggregation of all is their mean."""
    try:
        with redirect_stdout(io.StringIO()):  # some print a table each time
            alone = [_as_number(metric.aggregate([value])) for value in values]
            together = _as_number(metric.aggregate(values))
    except Exception as error:  # it is the task's own code, made for all values at once
        raise _NoScore(
            f"it is no number a question, and can't be had for one alone ({type(error).__name__})"
        ) from error
    if together is None or None in alone:
        raise _NoScore("it is no number a question")
    numbers = [number for number in alone if number is not None]
    span = max(1.0, *map(abs, numbers))
    if abs(sum(numbers) / len(numbers) - together) > ROUNDED * span:
        raise _NoScore("its aggregate isn't the mean of its questions'")
    return alone


def _scale(numbers: list[float], metric: Metric) -> list[float]:
    """Numbers scaled to [0, 1]. Raises _NoScore if their range isn't known."""
    if not metric.higher_is_better and metric.score_range is None:
        raise _NoScore("lower is better, and the task's file says no score_range")
    low, high = metric.score_range or ((0.0, 100.0) if not set(numbers) <= HIT and set(numbers) <= PERCENT else (0, 1))
    if min(numbers) < low or max(numbers) > high:
        between = f"its values lie between {min(numbers):g} and {max(numbers):g}"
        if metric.score_range is None:
            raise _NoScore(
                f"{between}, and the task doesn't say of which range; write score_range: [low, high] under metadata in "
                "its file"
            )
        raise _NoScore(f"{between}, beyond its score_range [{low:g}, {high:g}]")
    shares = [(number - low) / (high - low) for number in numbers]
    return shares if metric.higher_is_better else [1 - share for share in shares]
