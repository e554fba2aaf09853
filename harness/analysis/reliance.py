"""Vision reliance: how much of each score comes from looking.

Sighted and blind answers to the same questions are compared, question by question; multi-modal gain and
leakage are MMStar's (Chen et al., 2024).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightscale.harness.analysis.constant_answer import constant_answer
from sightscale.harness.analysis.findings import as_findings, finding, known
from sightscale.harness.analysis.matched_runs import RIGHT, Group, Questions, Run, match_questions, split_groups
from sightscale.harness.statistics import (
    Array,
    Bootstrapped,
    Estimate,
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
from sightscale.model_adapters.blindfold import CONDITIONS, SIGHTED

OFFICIAL = "official: right over questions"
MACRO = "macro: mean of axes, then of categories"
FAMILIES = {"in_domain_": "in-domain", "mmstar_": "MMStar"}  # whose six tasks are reported as one number
SIX = 6
EQUAL = "unweighted mean of the six"
SHARES, GAPS = (0.0, 1.0), (-1.0, 1.0)  # what an average of scores, and of differences, can't leave


def find_reliance(runs: Sequence[Run], base: Run | None = None, *, resamples: int = 10_000) -> pd.DataFrame:
    """Findings for each run, task, category and axis, under each blind condition.

    `base` is a run of the base LLM, asked the same questions in text: it gives multi-modal gain and leakage.
    Raises ValueError when runs were asked different questions under one name.
    """
    everyone = [*runs, base] if base else list(runs)
    rows: list[dict[str, Any]] = []
    spread: dict[tuple[str, str, str, str], list[Bootstrapped]] = {}
    for questions in match_questions(everyone):
        for run in runs:
            if run.label not in questions.scores.columns.get_level_values(0):
                continue
            unread = _unread(run, questions)
            for group in split_groups(questions.about):
                part = _only(questions, group)
                rows += _sighted(part, run.label, group, unread[group.members])
                for condition in _conditions(questions, run.label):
                    rows += _blind(part, run.label, group, condition, resamples)
                    if base and condition == "none":
                        rows += _gain_and_leakage(part, run.label, group, base, resamples)
            rows += _averages_over_axes(questions, run.label, resamples)
            family = next((name for prefix, name in FAMILIES.items() if questions.task.startswith(prefix)), None)
            for condition in (SIGHTED, *_conditions(questions, run.label)) if family else ():
                for measure, value in _task_means(questions, run.label, base, condition, resamples):
                    spread.setdefault((run.label, str(family), condition, measure), []).append(value)
    rows += _averages_over_tasks(spread)
    return as_findings(rows)


def _averages_over_tasks(
    spread: Mapping[tuple[str, str, str, str], Sequence[Bootstrapped]],
) -> Iterator[dict[str, Any]]:
    """The averages of a family of tasks; of MMStar's categories as its authors take it, and as lmms-eval does."""
    for (label, family, condition, measure), parts in spread.items():
        name, _, kind = measure.partition("\t")
        group = f"{family}: {EQUAL}" if len(parts) == SIX else f"{family} mean of {len(parts)} tasks"
        if family == "MMStar":
            group = (kind or OFFICIAL) + ("" if len(parts) == SIX else f" ({len(parts)} of 6 categories)")
        weights = [part.n for part in parts] if family == "MMStar" and kind != MACRO else None
        bounds = SHARES if name in ("sighted", "blind") else GAPS
        found = average(parts, weights).interval(bounds=bounds)
        low, high = max(found.low, bounds[0]), min(found.high, bounds[1])
        if name == "ML":
            found, low, high = replace(found, value=max(0.0, found.value)), max(0.0, low), max(0.0, high)
        where = {"run": label, "task": family, "level": "average", "group": group, "condition": condition}
        yield finding(name, replace(found, low=low, high=high), **where)


def find_suspects(runs: Sequence[Run]) -> pd.DataFrame:
    """Questions that every model answers right under every blind condition: task, doc_id, item_id, category, passes.

    `passes` is how many blind passes answered it; `by_guessing` how likely as many independent guesses are right.
    """
    rows = []
    for questions in match_questions(runs):
        blind = [column for column in questions.columns if column[1] != SIGHTED]
        asked = questions.common(blind) if blind else None
        if asked is None:
            continue
        right = (asked.scores > RIGHT).all(axis=1)
        found = asked.about[right.to_numpy()]
        rows += [
            {
                "task": questions.task,
                "doc_id": int(str(doc_id)),
                "item_id": str(about["item_id"]),
                "category": about["category"],
                "target": str(about["target"])[:200],
                "passes": len(blind),
                "by_guessing": float(about["chance"]) ** len(blind),
            }
            for doc_id, about in found.to_dict("index").items()
        ]
    columns = ["task", "doc_id", "item_id", "category", "target", "passes", "by_guessing"]
    return pd.DataFrame(rows, columns=columns)


def _conditions(questions: Questions, run: str) -> list[str]:
    has = {condition for label, condition in questions.columns if label == run}
    return [name for name in CONDITIONS if name in has]


def _only(questions: Questions, group: Group) -> Questions:
    return Questions(questions.task, questions.about[group.members], questions.scores[group.members])


def _unread(run: Run, questions: Questions) -> Array:
    """Whether the sighted answer to each question could not be read."""
    rows = run.records[(run.records["task"] == questions.task) & (run.records["condition"] == SIGHTED)]
    outcomes = rows.set_index("doc_id")["outcome"].reindex(questions.about.index)
    return outcomes.isin(["unparsed", "failed", "refused"]).to_numpy().astype(np.float64)


def _sighted(part: Questions, run: str, group: Group, unread: Array) -> Iterator[dict[str, Any]]:
    where = {"run": run, "task": part.task, "level": group.level, "group": group.name, "condition": SIGHTED}
    if (run, SIGHTED) not in part.scores.columns:
        return
    asked = part.scores[(run, SIGHTED)].notna().to_numpy()
    about, scores, clusters = part.about[asked], part.column(run, SIGHTED)[asked], part.clusters[asked]
    n = len(scores)
    chance = about["chance"].to_numpy(float)
    yield finding("sighted", mean_score(scores, clusters), **where)
    yield finding("chance", known(float(np.mean(chance)) if n else float("nan"), n), **where)
    yield finding("chance corrected", chance_corrected(scores, chance, clusters), **where)
    yield finding("unread", mean_score(unread[asked], clusters), **where)
    for name, bound in unparsed_bounds(scores, unread[asked], chance, clusters).items():
        yield finding(f"if unread were {name if name != 'chance' else 'at chance'}", bound, **where)
    floor = constant_answer(about)
    if floor:
        yield finding("floor", mean_score(floor[1], clusters), **{**where, "condition": floor[0]})
        above = paired_difference(scores, floor[1], clusters)
        yield finding("above floor", above, **{**where, "condition": floor[0]})
    if about["blind_probability"].notna().all() and n:
        yield finding("best blind", known(float(about["blind_probability"].mean()), n), **where)


def _blind(part: Questions, run: str, group: Group, condition: str, resamples: int) -> Iterator[dict[str, Any]]:
    where = {"run": run, "task": part.task, "level": group.level, "group": group.name, "condition": condition}
    blind = part.common([(run, condition)])
    yield finding("blind", mean_score(blind.column(run, condition), blind.clusters), **where)
    if (run, SIGHTED) not in part.scores.columns:
        return
    both = part.common([(run, SIGHTED), (run, condition)])
    pair = (both.column(run, SIGHTED), both.column(run, condition), both.clusters)
    yield finding("reliance", paired_difference(*pair, resamples=resamples), **where)
    yield finding("blind share", blind_share(*pair, resamples=resamples), **where)
    yield finding("blind corrected", blind_corrected(*pair, resamples=resamples), **where)


def _gain_and_leakage(part: Questions, run: str, group: Group, base: Run, resamples: int) -> Iterator[dict[str, Any]]:
    """Multi-modal gain S_v − S_wv and leakage max(0, S_wv − S_t), on questions that both were asked."""
    text = _text_column(part, base)
    if (run, SIGHTED) not in part.scores.columns or not text:
        return
    all_three = part.common([(run, SIGHTED), (run, "none"), text])
    where = {"run": run, "task": part.task, "level": group.level, "group": group.name, "condition": "none"}
    sighted, blind, told = (all_three.column(*one) for one in ((run, SIGHTED), (run, "none"), text))
    yield finding("MG", paired_difference(sighted, blind, all_three.clusters, resamples=resamples), **where)
    ahead = paired_difference(blind, told, all_three.clusters, resamples=resamples)
    value, low, high = (max(0.0, end) if end == end else end for end in (ahead.value, ahead.low, ahead.high))
    yield finding("ML", Estimate(value, low, high, ahead.n, ahead.clusters), **where)


def _task_means(
    questions: Questions, run: str, base: Run | None, condition: str, resamples: int
) -> Iterator[tuple[str, Bootstrapped]]:
    """What a family's average is taken of: each measure's mean over one task, over its axes where it has any."""
    columns = [(run, condition)] if condition == SIGHTED else [(run, SIGHTED), (run, condition)]
    if any(column not in questions.scores.columns for column in columns):
        return
    seed = sum(questions.task.encode())  # tasks are independent, so are their resamples
    both = questions.common(columns)
    means = {"sighted": both.column(run, SIGHTED)} if condition == SIGHTED else {}
    if condition != SIGHTED:
        blind = both.column(run, condition)
        means = {"blind": blind, "reliance": both.column(run, SIGHTED) - blind}
    functions, kinds = [mean_of(-2)], [""]
    if questions.about["l2_category"].notna().any():
        functions, kinds = [_over_questions, _macro_of(both.about)], ["", f"\t{MACRO}"]
    for measure, value in means.items():
        found = bootstrap(*_by_axis(both, value), functions, resamples=resamples, seed=seed)
        yield from ((measure + kind, one) for kind, one in zip(kinds, found, strict=True))
    text = _text_column(questions, base) if base and condition == "none" else None
    if text:
        all_three = questions.common([*columns, text])
        values = [all_three.column(*column) for column in [*columns, text]]
        gaps = np.column_stack([values[0] - values[1], values[1] - values[2]])
        found = bootstrap(gaps, all_three.clusters, [mean_of(0), mean_of(1)], resamples=resamples, seed=seed)
        yield from zip(("MG", "ML"), found, strict=True)


def _text_column(questions: Questions, base: Run) -> tuple[str, str] | None:
    """Where the base LLM's scores are: asked without the picture, or else under the first condition it has."""
    given = [condition for label, condition in questions.columns if label == base.label]
    return (base.label, "none" if "none" in given else given[0]) if given else None


def _averages_over_axes(questions: Questions, run: str, resamples: int) -> Iterator[dict[str, Any]]:
    """The two averages of a task with categories and axes, for the sighted pass and each blind one."""
    if not questions.about["l2_category"].notna().any() or (run, SIGHTED) not in questions.scores.columns:
        return
    where = {"run": run, "task": questions.task, "level": "average"}
    for condition in (SIGHTED, *_conditions(questions, run)):
        both = questions.common(list(dict.fromkeys([(run, SIGHTED), (run, condition)])))
        sighted, blind = both.column(run, SIGHTED), both.column(run, condition)
        values = {"sighted": sighted} if condition == SIGHTED else {"blind": blind, "reliance": sighted - blind}
        for measure, value in values.items():
            official, macro = bootstrap(
                *_by_axis(both, value), [_over_questions, _macro_of(both.about)], resamples=resamples
            )
            for name, found in ((OFFICIAL, official), (MACRO, macro)):
                bounds = GAPS if measure == "reliance" else SHARES
                yield finding(measure, found.interval(bounds=bounds), **where, group=name, condition=condition)


def _by_axis(questions: Questions, value: Array) -> tuple[Array, NDArray[np.object_]]:
    """Columns: for each axis its value and its membership, then the value over all."""
    axes = _axes(questions.about)
    members = np.array([axes == axis for axis in dict.fromkeys(axes)], float).T
    return np.column_stack([members * value[:, None], members, value]), questions.clusters


def _over_questions(totals: Array) -> Array:
    return totals[..., -2] / totals[..., -1]


def _macro_of(about: pd.DataFrame) -> Callable[[Array], Array]:
    axes = list(dict.fromkeys(_axes(about)))
    category_of = [axis.partition("\0")[0] for axis in axes]
    shares = np.array([1 / category_of.count(one) / len(set(category_of)) for one in category_of])
    count = len(axes)
    return lambda totals: (totals[..., :count] / totals[..., count : 2 * count]) @ shares


def _axes(about: pd.DataFrame) -> NDArray[np.object_]:
    names = about[["category", "l2_category"]].fillna("(none)").astype(str)
    return (names["category"] + "\0" + names["l2_category"]).to_numpy()
