"""Vision reliance: how much of each score comes from looking.

Sighted and blind answers to the same questions are compared, question by question; multi-modal gain and
leakage are MMStar's (Chen et al., 2024).
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sightscale.harness.analysis.constant_answer import constant_answer
from sightscale.harness.analysis.findings import (
    AVERAGE_NOTES,
    AVERAGES,
    Finding,
    Level,
    Measure,
    as_table,
    without_interval,
)
from sightscale.harness.analysis.matched_runs import (
    RIGHT,
    Group,
    Questions,
    Run,
    match_questions,
    split_groups,
)
from sightscale.harness.analysis.nats import find_nats
from sightscale.harness.statistics import (
    Array,
    Bootstrapped,
    Estimate,
    Gap,
    WeighedGap,
    average,
    blind_corrected,
    blind_share,
    bootstrap,
    chance_corrected,
    mean_of,
    mean_score,
    paired_difference,
    unparsed_bounds,
)
from sightscale.tasks.averages import AverageKind, stratify
from sightscale.tasks.suites import TITLES, Suite, members_of, suite_of
from sightscale.tasks.vocabulary import BLIND_CONDITIONS, READ, Condition, Outcome

SHARES, GAPS = (0.0, 1.0), (-1.0, 1.0)  # what an average of scores, and of differences, can't leave
MANY_REFUSALS = 0.1  # of the blind answers: more than that can make a reliance of its own
OF_AXES = (AverageKind.QUESTIONS, AverageKind.AXES)  # the averages of a task with categories and axes


@dataclass(frozen=True)
class _Mean:
    """What an average over tasks is made of, and which one it goes into."""

    run: str
    suite: Suite
    condition: str
    measure: Measure
    kind: AverageKind


def find_reliance(runs: Sequence[Run], base: Run | None = None, *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings for each run, task, category and axis, under each blind condition.

    `base` is a run of the base LLM, asked the same questions in text: it gives multi-modal gain and leakage.
    Raises UserError when runs were asked different questions under one name.
    """
    everyone = [*runs, base] if base else list(runs)
    findings: list[Finding] = []
    means: dict[_Mean, list[Bootstrapped]] = {}
    for matched in match_questions(everyone):
        suite = suite_of(matched.task)
        groups = list(split_groups(matched.about))
        labels = {label for label, _ in matched.columns}
        for run in runs:
            if run.label not in labels:
                continue
            questions = matched.of([run.label, *([base.label] if base else [])])
            unread = _unread(run, questions)
            refused = _refused(run, questions)
            for group in groups:
                part = questions.select(group.members)
                findings += _sighted(part, run.label, group, unread[group.members])
                for condition in _conditions(questions, run.label):
                    findings += _blind(part, run.label, group, condition, resamples)
                    if condition in refused:
                        share = mean_score(refused[condition][group.members], part.clusters)
                        findings.append(Finding(Measure.REFUSED, share, **_where(part, run.label, group, condition)))
                    if base and condition == Condition.NONE:
                        findings += _gain_and_leakage(part, run.label, group, base, resamples)
            findings += _averages_over_axes(questions, run.label, resamples)
            if suite in TITLES:
                for condition in (Condition.SIGHTED, *_conditions(questions, run.label)):
                    for measure, kind, mean in _task_means(questions, run.label, base, condition, resamples):
                        means.setdefault(_Mean(run.label, suite, condition, measure, kind), []).append(mean)
    findings += find_nats(runs, resamples=resamples)
    findings += _averages_over_tasks(means)
    return as_table(findings)


def _averages_over_tasks(means: Mapping[_Mean, Sequence[Bootstrapped]]) -> Iterator[Finding]:
    """The averages of a suite's tasks; of MMStar's categories as its authors take it, and as lmms-eval does."""
    for mean, parts in means.items():
        whole = len(members_of(mean.suite))
        note = f"unweighted mean of {len(parts)} tasks"
        if mean.suite is Suite.MMSTAR:
            partial = "" if len(parts) == whole else f" ({len(parts)} of {whole} categories)"
            note = AVERAGE_NOTES[mean.kind] + partial
        weights = [part.n for part in parts] if mean.kind is AverageKind.QUESTIONS else None
        bounds = SHARES if mean.measure in (Measure.SIGHTED, Measure.BLIND) else GAPS
        estimate = average(parts, weights).interval(bounds=bounds)
        low, high = max(estimate.low, bounds[0]), min(estimate.high, bounds[1])
        if mean.measure is Measure.LEAKAGE:
            estimate, low, high = replace(estimate, value=max(0.0, estimate.value)), max(0.0, low), max(0.0, high)
        yield Finding(
            mean.measure,
            replace(estimate, low=low, high=high),
            run=mean.run,
            task=TITLES[mean.suite],
            level=Level.AVERAGE,
            group=AVERAGES[mean.kind],
            condition=mean.condition,
            note=note,
        )


def find_suspects(runs: Sequence[Run]) -> pd.DataFrame:
    """Questions that every model answers right under every blind condition: task, doc_id, item_id, category, passes.

    `passes` is how many blind passes answered it; `by_guessing` how likely as many independent guesses are right.
    """
    columns = ["task", "doc_id", "item_id", "category", "target", "passes", "by_guessing"]
    # Counted row by row, without matching the runs: a hundred of them hold millions of rows.
    # A failed answer is none, so that its question was answered by fewer passes than its task has.
    asked = [
        run.records.loc[
            run.records["condition"].isin(BLIND_CONDITIONS) & (run.records["outcome"] != Outcome.FAILED),
            ["task", "doc_id", "score"],
        ]
        for run in runs
    ]
    blind = pd.concat([part.astype({"task": str}) for part in asked], ignore_index=True).dropna()
    if blind.empty:
        return pd.DataFrame(columns=columns)
    passes: Counter[str] = Counter()
    for run in runs:
        pairs = run.records[["task", "condition"]].drop_duplicates().astype(str)
        passes.update(pairs.loc[pairs["condition"].isin(BLIND_CONDITIONS), "task"])
    counted = blind.assign(right=blind["score"] > RIGHT).groupby(["task", "doc_id"], sort=False)["right"]
    solved = counted.agg(["size", "sum"]).reset_index()
    solved = solved[(solved["size"] == solved["task"].map(passes)) & (solved["sum"] == solved["size"])]
    about = pd.concat([_first_rows(run, solved) for run in runs]).drop_duplicates(["task", "doc_id"])
    order = {task: number for number, task in enumerate(dict.fromkeys(blind["task"]))}
    suspects = about.assign(passes=about["task"].map(passes), place=about["task"].map(order))
    suspects = suspects.sort_values(["place", "doc_id"], ignore_index=True)
    suspects["by_guessing"] = suspects["chance"].to_numpy(float) ** suspects["passes"].to_numpy(float)
    suspects["target"] = suspects["target"].astype(str).str[:200]
    return suspects[columns]


def _first_rows(run: Run, chosen: pd.DataFrame) -> pd.DataFrame:
    """What a run's records say of the questions in `chosen`, each once."""
    names = ["task", "doc_id", "item_id", "category", "target", "chance"]
    rows = run.records[names].drop_duplicates(["task", "doc_id"])
    texts = {name: str for name in names if isinstance(rows[name].dtype, pd.CategoricalDtype)}
    return rows.astype({"task": str, **texts}).merge(chosen[["task", "doc_id"]], on=["task", "doc_id"])


def advise_condition(findings: pd.DataFrame) -> list[str]:
    """A sentence for each run and blind condition under which it often refuses, where that can pass for looking.

    `findings` are those of `find_reliance`. The condition to report is the one it was asked under with the fewest
    refusals over its tasks.
    """
    rows = findings[(findings["measure"] == Measure.REFUSED) & (findings["level"] == Level.TASK)]
    sentences = []
    for run, part in rows.groupby("run", sort=False):
        shares = {
            str(condition): float(np.average(some["value"], weights=some["n"]))
            for condition, some in part.groupby("condition", sort=False)
        }
        best = min(shares, key=shares.__getitem__)
        for condition, share in shares.items():
            if share < MANY_REFUSALS:
                continue
            begin = (
                f"{run} refuses {100 * share:.0f} % of the questions under {condition}, and a refusal counts as wrong: "
                "its reliance there is in part that of refusing"
            )
            if shares[best] < MANY_REFUSALS:
                sentences.append(f"{begin}; report {best} ({100 * shares[best]:.0f} % refused)")
            else:
                sentences.append(f"{begin}; ask it under mismatched as well, where a picture is there to speak of")
    return sentences


def pair_reliance(
    run: Run, condition: str = Condition.NONE, *, resamples: int = 10_000
) -> Iterator[tuple[str, Estimate]]:
    """Each task's reliance under one blind condition, as `find_reliance` has it; none for a task asked one way only."""
    for questions in match_questions([run]):
        columns = [(run.label, Condition.SIGHTED), (run.label, condition)]
        if all(column in questions.scores.columns for column in columns):
            both = questions.common(columns)
            sighted, blind = (both.column(*column) for column in columns)
            yield questions.task, paired_difference(sighted, blind, both.clusters, resamples=resamples)


def average_reliance(
    run: Run,
    tasks: Sequence[str],
    kind: AverageKind,
    condition: str = Condition.NONE,
    *,
    resamples: int = 10_000,
) -> Estimate | None:
    """The reliance of an average over tasks, as `find_reliance` has it; None where a task wasn't asked both ways."""
    parts: list[Bootstrapped] = []
    for questions in match_questions([Run(run.label, run.records[run.records["task"].isin(tasks)])]):
        columns = [(run.label, Condition.SIGHTED), (run.label, condition)]
        if any(column not in questions.scores.columns for column in columns):
            return None
        both = questions.common(columns)
        sighted, blind = (both.column(*column) for column in columns)
        totals, functions = _columns_of(both, sighted - blind, (kind,), paired=True)
        seed = 0 if len(tasks) == 1 else sum(questions.task.encode())
        parts += bootstrap(totals, both.clusters, functions, resamples=resamples, seed=seed)
    if len(parts) < len(tasks):
        return None
    weights = [part.n for part in parts] if kind is AverageKind.QUESTIONS else None
    estimate = (parts[0] if len(parts) == 1 else average(parts, weights)).interval(bounds=GAPS)
    return replace(estimate, low=max(estimate.low, GAPS[0]), high=min(estimate.high, GAPS[1]))


def _conditions(questions: Questions, run: str) -> list[str]:
    has = {condition for label, condition in questions.columns if label == run}
    return [condition for condition in BLIND_CONDITIONS if condition in has]


def _unread(run: Run, questions: Questions) -> Array:
    """Whether the sighted answer to each question could not be read."""
    sighted = (run.records["task"] == questions.task) & (run.records["condition"] == Condition.SIGHTED)
    rows = run.records.loc[sighted, ["doc_id", "outcome"]]
    outcomes = rows.set_index("doc_id")["outcome"].reindex(questions.about.index)
    unread = [str(outcome) for outcome in Outcome if outcome not in READ]
    return outcomes.isin(unread).to_numpy().astype(np.float64)


def _refused(run: Run, questions: Questions) -> dict[str, Array]:
    """For each blind condition, whether the model refused to answer each question; missing where it wasn't asked."""
    rows = run.records[(run.records["task"] == questions.task) & (run.records["condition"] != Condition.SIGHTED)]
    refused = (rows["outcome"] == Outcome.REFUSED).astype(float)
    return {
        str(condition): np.asarray(
            refused[part.index].set_axis(part["doc_id"]).reindex(questions.about.index), np.float64
        )
        for condition, part in rows.groupby("condition")
    }


def _where(part: Questions, run: str, group: Group, condition: str) -> dict[str, Any]:
    return {"run": run, "task": part.task, "level": group.level, "group": group.name, "condition": condition}


def _sighted(part: Questions, run: str, group: Group, unread: Array) -> Iterator[Finding]:
    if (run, Condition.SIGHTED) not in part.scores.columns:
        return
    where = _where(part, run, group, Condition.SIGHTED)
    asked = part.scores[(run, Condition.SIGHTED)].notna().to_numpy()
    about, scores, clusters = part.about[asked], part.column(run, Condition.SIGHTED)[asked], part.clusters[asked]
    n = len(scores)
    chance = about["chance"].to_numpy(float)
    yield Finding(Measure.SIGHTED, mean_score(scores, clusters), **where)
    yield Finding(Measure.CHANCE, without_interval(float(np.mean(chance)) if n else float("nan"), n), **where)
    yield Finding(Measure.CHANCE_CORRECTED, chance_corrected(scores, chance, clusters), **where)
    yield Finding(Measure.UNREAD, mean_score(unread[asked], clusters), **where)
    bounds = unparsed_bounds(scores, unread[asked], chance, clusters)
    for name, measure in (
        ("wrong", Measure.IF_WRONG),
        ("chance", Measure.IF_AT_CHANCE),
        ("right", Measure.IF_RIGHT),
    ):
        yield Finding(measure, bounds[name], **where)
    floor = constant_answer(about)
    if floor:
        answer, constant_scores = floor
        yield Finding(Measure.FLOOR, mean_score(constant_scores, clusters), **where, note=answer)
        wrote = ~part.failed[(run, Condition.SIGHTED)].to_numpy()[asked]
        above = paired_difference(scores[wrote], constant_scores[wrote], clusters[wrote])
        yield Finding(Measure.ABOVE_FLOOR, above, **where, note=answer)
    if about["blind_probability"].notna().all() and n:
        best = without_interval(float(about["blind_probability"].mean()), n)
        yield Finding(Measure.BEST_BLIND, best, **where)


def _blind(part: Questions, run: str, group: Group, condition: str, resamples: int) -> Iterator[Finding]:
    where = _where(part, run, group, condition)
    blind = part.common([(run, condition)])
    yield Finding(Measure.BLIND, mean_score(blind.column(run, condition), blind.clusters), **where)
    if (run, Condition.SIGHTED) not in part.scores.columns:
        return
    both = part.common([(run, Condition.SIGHTED), (run, condition)])
    pair = (both.column(run, Condition.SIGHTED), both.column(run, condition), both.clusters)
    yield Finding(Measure.RELIANCE, paired_difference(*pair, resamples=resamples), **where)
    yield Finding(Measure.BLIND_SHARE, blind_share(*pair, resamples=resamples), **where)
    yield Finding(Measure.BLIND_CORRECTED, blind_corrected(*pair, resamples=resamples), **where)


def _gain_and_leakage(part: Questions, run: str, group: Group, base: Run, resamples: int) -> Iterator[Finding]:
    """Multi-modal gain S_v − S_wv and leakage max(0, S_wv − S_t), on questions that both were asked."""
    text = _text_column(part, base)
    if (run, Condition.SIGHTED) not in part.scores.columns or not text:
        return
    columns = [(run, Condition.SIGHTED), (run, Condition.NONE), text]
    all_three = part.common(columns)
    where = _where(part, run, group, Condition.NONE)
    sighted, blind, base_scores = (all_three.column(*column) for column in columns)
    gain = paired_difference(sighted, blind, all_three.clusters, resamples=resamples)
    yield Finding(Measure.GAIN, gain, **where)
    ahead = paired_difference(blind, base_scores, all_three.clusters, resamples=resamples)
    value, low, high = (max(0.0, end) if end == end else end for end in (ahead.value, ahead.low, ahead.high))
    yield Finding(Measure.LEAKAGE, Estimate(value, low, high, ahead.n, ahead.clusters), **where)


def _task_means(
    questions: Questions, run: str, base: Run | None, condition: str, resamples: int
) -> Iterator[tuple[Measure, AverageKind, Bootstrapped]]:
    """What a suite's average is taken of: each measure's mean over one task, over its axes where it has any."""
    sighted_only = condition == Condition.SIGHTED
    columns = [(run, condition)] if sighted_only else [(run, Condition.SIGHTED), (run, condition)]
    if any(column not in questions.scores.columns for column in columns):
        return
    seed = sum(questions.task.encode())  # tasks are independent, so are their resamples
    both = questions.common(columns)
    sighted = both.column(run, Condition.SIGHTED)
    values = {Measure.SIGHTED: sighted}
    if not sighted_only:
        blind = both.column(run, condition)
        values = {Measure.BLIND: blind, Measure.RELIANCE: sighted - blind}
    whole = AverageKind.QUESTIONS if suite_of(questions.task) is Suite.MMSTAR else AverageKind.TASKS
    kinds = OF_AXES if questions.about["l2_category"].notna().any() else (whole,)
    for measure, value in values.items():
        totals, functions = _columns_of(both, value, kinds, paired=measure is Measure.RELIANCE)
        means = bootstrap(totals, both.clusters, functions, resamples=resamples, seed=seed)
        yield from ((measure, kind, mean) for kind, mean in zip(kinds, means, strict=True))
    text = _text_column(questions, base) if base and condition == Condition.NONE else None
    if text:
        all_three = questions.common([*columns, text])
        scores = [all_three.column(*column) for column in [*columns, text]]
        gaps = np.column_stack([scores[0] - scores[1], scores[1] - scores[2]])
        gain, leakage = bootstrap(
            gaps, all_three.clusters, [WeighedGap((1.0,)), WeighedGap((0.0, 1.0))], resamples=resamples, seed=seed
        )
        yield Measure.GAIN, kinds[0], gain
        yield Measure.LEAKAGE, kinds[0], leakage


def _text_column(questions: Questions, base: Run) -> tuple[str, str] | None:
    """Where the base LLM's scores are: asked without the picture, or else under the first condition it has."""
    asked = [condition for label, condition in questions.columns if label == base.label]
    return (base.label, Condition.NONE if Condition.NONE in asked else asked[0]) if asked else None


def _averages_over_axes(questions: Questions, run: str, resamples: int) -> Iterator[Finding]:
    """The two averages of a task with categories and axes, for the sighted pass and each blind one."""
    if not questions.about["l2_category"].notna().any() or (run, Condition.SIGHTED) not in questions.scores.columns:
        return
    for condition in (Condition.SIGHTED, *_conditions(questions, run)):
        both = questions.common(list(dict.fromkeys([(run, Condition.SIGHTED), (run, condition)])))
        sighted, blind = both.column(run, Condition.SIGHTED), both.column(run, condition)
        values = {Measure.SIGHTED: sighted}
        if condition != Condition.SIGHTED:
            values = {Measure.BLIND: blind, Measure.RELIANCE: sighted - blind}
        for measure, value in values.items():
            totals, functions = _columns_of(both, value, OF_AXES, paired=measure is Measure.RELIANCE)
            means = bootstrap(totals, both.clusters, functions, resamples=resamples)
            bounds = GAPS if measure is Measure.RELIANCE else SHARES
            for kind, mean in zip(OF_AXES, means, strict=True):
                yield Finding(
                    measure,
                    mean.interval(bounds=bounds),
                    run=run,
                    task=questions.task,
                    level=Level.AVERAGE,
                    group=AVERAGES[kind],
                    condition=condition,
                    note=AVERAGE_NOTES[kind],
                )


def _columns_of(
    questions: Questions, value: Array, kinds: Sequence[AverageKind], *, paired: bool
) -> tuple[Array, list[Callable[[Array], Array]]]:
    """Columns to resample, and a function of their totals for each average.

    The columns are each stratum's value, each stratum's membership, then the value over all; totals end with the number
    of questions, as `bootstrap` adds it.
    """
    about = questions.about
    strata = stratify(
        AverageKind.AXES,
        [questions.task] * len(about),
        about["category"].where(about["category"].notna(), None).tolist(),
        about["l2_category"].where(about["l2_category"].notna(), None).tolist(),
    )
    members = np.zeros((len(about), len(strata.shares)))
    members[np.arange(len(about)), strata.of] = 1.0
    whole: Callable[[Array], Array] = mean_of(-2)
    over_strata: Callable[[Array], Array] = _OverStrata(tuple(strata.shares))
    if paired:
        whole = WeighedGap((*(0.0,) * (2 * len(strata.shares)), 1.0))
        over_strata = _GapOverStrata(tuple(strata.shares))
    functions = {AverageKind.TASKS: whole, AverageKind.QUESTIONS: whole, AverageKind.AXES: over_strata}
    return np.column_stack([members * value[:, None], members, value]), [functions[kind] for kind in kinds]


@dataclass(frozen=True)
class _OverStrata:
    """The mean of strata's means, each with its share."""

    shares: tuple[float, ...]

    def __call__(self, totals: Array) -> Array:
        count = len(self.shares)
        weighed: Array = (totals[..., :count] / totals[..., count : 2 * count]) @ np.asarray(self.shares)
        return weighed


@dataclass(frozen=True)
class _GapOverStrata(_OverStrata, Gap):
    """The same of paired differences."""

    def contribute(self, table: Array) -> Array:
        count = len(self.shares)
        weighed: Array = table[:, :count] @ (np.asarray(self.shares) / table[:, count : 2 * count].sum(axis=0))
        return weighed
