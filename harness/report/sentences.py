"""Sentences: what a run shows, in plain words, and no more than its intervals allow."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sightscale.harness.analysis import ALL, Level
from sightscale.harness.pages import show_line
from sightscale.harness.report.findings_tables import Measured, Place, headline_condition
from sightscale.harness.statistics import Estimate, mean_score, paired_difference
from sightscale.tasks.vocabulary import READ, Condition, Outcome

FEWEST = 10  # questions of a group that is called weak
FEW_PICTURES = 20  # below this a bootstrap over pictures is too sure of itself
WITHOUT = {
    Condition.NONE: "Without the picture",
    Condition.BLACK: "Shown a black picture instead",
    Condition.NOISE: "Shown noise instead",
    Condition.MEAN: "Shown only the picture's mean colour",
    Condition.MISMATCHED: "Shown another question's picture",
    Condition.TOLD: "Told that there is no picture",
}


@dataclass(frozen=True)
class Overall:
    """A run over all questions of all its tasks, each counted once."""

    tasks: int
    score: Estimate | None
    chance: float
    unread: float
    condition: str | None
    blind: Estimate | None
    reliance: Estimate | None


def sum_up(one: Measured, *, resamples: int) -> Overall:
    """The score, the blind score and reliance over all of a run's questions, pictures as clusters."""
    rows = one.given.run.records
    sighted = _sighted(one)
    condition = headline_condition([one])
    blind = rows[rows["condition"] == condition]
    both = _wrote(sighted).merge(_wrote(blind), on=["task", "doc_id"], suffixes=("", "_blind"))
    return Overall(
        tasks=int(rows["task"].nunique()),
        score=mean_score(sighted["score"], sighted["cluster"]) if len(sighted) else None,
        chance=float(sighted["chance"].mean()) if len(sighted) else float("nan"),
        unread=float((~sighted["outcome"].isin(READ)).mean()) if len(sighted) else float("nan"),
        condition=condition,
        blind=mean_score(blind["score"], blind["cluster"]) if len(blind) else None,
        reliance=paired_difference(both["score"], both["score_blind"], both["cluster"], resamples=resamples)
        if len(both)
        else None,
    )


def describe(one: Measured, overall: Overall) -> list[str]:
    """Sentences about one run, the most telling first."""
    if overall.score is None or overall.score.n == 0:
        return [f"{one.label} was asked only blind, so nothing can be said about looking."]
    return [
        part
        for part in (
            _headline(one, overall),
            _looking(overall),
            _beyond_chance(overall),
            _weakness(one, overall),
            _unread(overall),
            _few(overall),
            _stopped(one),
        )
        if part
    ]


def describe_several(measured: Sequence[Measured], *, resamples: int) -> str:
    """How many runs there are, and which scores highest if all were asked the same questions."""
    tasks = len({place.task for one in measured for place in one.places(Level.TASK)})
    begin = f"{len(measured)} runs on {tasks} task{'s' if tasks > 1 else ''}"
    asked = [_sighted(one).set_index(["task", "doc_id"]) for one in measured]
    if any(set(rows.index) != set(asked[0].index) for rows in asked) or not len(asked[0]):
        return f"{begin}, not all on the same questions: compare them only where the paired table below does."
    order = sorted(range(len(measured)), key=lambda number: -asked[number]["score"].mean())
    first, second = (asked[number] for number in order[:2])
    both = _wrote(first).index.intersection(_wrote(second).index)
    pair = (first.loc[both, "score"], second.loc[both, "score"], first.loc[both, "cluster"])
    ahead = paired_difference(*pair, resamples=resamples)
    best, next_best = (measured[number].label for number in order[:2])
    score = show(mean_score(first["score"], first["cluster"]))
    if ahead.low > 0 and ahead.clusters >= FEW_PICTURES:
        points = f"{100 * ahead.value:.1f} points [{100 * ahead.low:+.1f}, {100 * ahead.high:+.1f}]"
        return f"{begin}; {best} scores highest, {score}, {points} above {next_best}."
    return f"{begin}; {best} scores highest, {score}, but these questions can't tell it from {next_best}."


def show(score: Estimate) -> str:
    """`97.0 % [95.5, 97.9]`."""
    return f"{score.show_value()} % {score.show_interval()}".strip()


def _headline(one: Measured, overall: Overall) -> str:
    score = overall.score
    assert score is not None
    over = f" over {overall.tasks} tasks" if overall.tasks > 1 else ""
    questions = "its one question" if score.n == 1 else f"{score.n:,} questions{over}"
    return f"{one.label} gets {show(score)} of {questions} right."


def _looking(overall: Overall) -> str:
    if not overall.condition or overall.blind is None or overall.reliance is None:
        return "It was not asked blind, so how much of this comes from looking is not known."
    gain = overall.reliance
    begin = f"{WITHOUT[Condition(overall.condition)]} it gets {show(overall.blind)}"
    ends = f"points [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
    if gain.low > 0:
        return f"{begin}, so looking adds {100 * gain.value:.1f} {ends}."
    if gain.high < 0:
        return f"{begin}, so looking costs it {-100 * gain.value:.1f} {ends}."
    return f"{begin}: no difference that these questions can show, {100 * gain.value:+.1f} {ends}."


def _beyond_chance(overall: Overall) -> str:
    score, chance = overall.score, overall.chance
    if score is None or chance != chance:
        return ""
    if score.low <= chance <= score.high:
        return f"Guessing would get {100 * chance:.1f} %; the score is not clearly different."
    if score.high < chance:
        return f"Guessing would get {100 * chance:.1f} %, more than it does."
    return f"Guessing would get {100 * chance:.1f} %."


def _weakness(one: Measured, overall: Overall) -> str:
    """The categories (tasks, without any) whose interval lies below the whole score, the worst three."""
    places = one.places(Level.CATEGORY) or one.places(Level.TASK)
    weak: list[tuple[float, Place]] = []
    for place in places:
        score = one.score(place)
        if score and overall.score and score.n >= FEWEST and score.high < overall.score.value:
            weak.append((score.value, place))
    if not weak:
        return ""
    several = len({place.task for place in places}) > 1
    names = [f"{_name(place, several)} ({100 * value:.0f} %)" for value, place in sorted(weak)[:3]]
    more = f", and {len(weak) - 3} more" if len(weak) > 3 else ""
    return f"Weak on {', '.join(names)}{more}."


def _name(place: Place, several: bool) -> str:
    if place.group == ALL:
        return place.task
    return f"{place.group} ({place.task})" if several else place.group


def _unread(overall: Overall) -> str:
    if not overall.unread:
        return ""
    if overall.unread == 1:
        return "None of its responses gives an answer; all count as wrong."
    return f"{100 * overall.unread:.1f} % of its responses give no answer and count as wrong."


def _few(overall: Overall) -> str:
    score = overall.score
    if score is None or score.clusters >= FEW_PICTURES:
        return ""
    pictures = "one picture" if score.clusters == 1 else f"{score.clusters} pictures"
    return f"All questions are about {pictures}, so the intervals are rough."


def _stopped(one: Measured) -> str:
    """That answers decided when a task's questions ended, which widens no interval here."""
    stopped = one.given.manifest.get("stopped")
    given = stopped.items() if isinstance(stopped, dict) else ()
    stops = [(task, stop) for task, stop in given if isinstance(stop, dict)]
    early = [
        f"{show_line(task)} by {show_line(stop.get('rule'))} after {stop['asked']:,} of {stop['documents']:,} questions"
        for task, stop in stops
        if all(isinstance(stop.get(name), int) for name in ("asked", "documents")) and stop["asked"] < stop["documents"]
    ]
    if not early:
        return ""
    more = f", and {len(early) - 3} more" if len(early) > 3 else ""
    return (
        f"It stopped early: {'; '.join(early[:3])}{more}. Intervals here hold for a number of questions that was fixed "
        "before; the manifest has the rule's own."
    )


def _sighted(one: Measured) -> pd.DataFrame:
    rows = one.given.run.records
    return rows[rows["condition"] == Condition.SIGHTED]


def _wrote(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose answer didn't fail: only they can be paired."""
    return rows[rows["outcome"] != Outcome.FAILED]
