"""Coverage: every document of every task once under every condition, none missing, further or repeated."""

from collections.abc import Iterator

import pandas as pd

from sightscale.harness.records import KEY
from sightscale.leaderboards.entry import REQUIRED_CONDITIONS, SIGHTED
from sightscale.leaderboards.findings import Finding, error, warning
from sightscale.leaderboards.folders import ENTRY, RECORDS
from sightscale.leaderboards.scores import known_tasks
from sightscale.leaderboards.submission import Submission
from sightscale.leaderboards.text import show

SAME = ("item_id", "category", "l2_category", "image_hash", "answer_format", "options", "order", "target", "cluster")
CONDITIONS = ("sighted", "none", "black", "noise", "mean", "mismatched")


def check_coverage(submission: Submission) -> Iterator[Finding]:
    """Repeated, missing and further documents, as far as the entry and the tasks' cards tell."""
    records, entry = submission.records, submission.entry
    if records.empty:
        yield error(RECORDS, "rows", "there are none")
        return
    yield from _check_keys(records)
    repeated = records.duplicated(KEY)
    if repeated.any():
        first = tuple(records.loc[repeated, KEY].iloc[0])
        yield error(RECORDS, "doc_id", f"{int(repeated.sum())} rows are repeated, the first {show(first)}")
    cards, asked = known_tasks(), {task for one in submission.manifests.values() for task in one.tasks}
    for task, rows in records.groupby("task", sort=False):
        name = show(str(task))
        by_condition = {str(c): set(part["doc_id"]) for c, part in rows.groupby("condition", sort=False)}
        sighted = by_condition.get(SIGHTED, set())
        for condition in REQUIRED_CONDITIONS:
            if condition not in by_condition:
                yield error(RECORDS, name, f"no rows under the condition {condition}, which every entry needs")
        for condition, documents in by_condition.items():
            if documents != sighted:
                yield error(RECORDS, f"{name}, {show(condition)}", _compare(documents, sighted, "as under sighted"))
        expected = _expected_size(submission, cards[str(task)].questions if str(task) in cards else None)
        documents = set(range(expected)) if expected else set(range(max(sighted, default=-1) + 1))
        if sighted != documents:
            yield error(RECORDS, f"{name}, doc_id", _compare(sighted, documents, "of the task"))
        if task not in asked:
            yield error(RECORDS, name, "no manifest names this task")
        yield from _check_same(name, rows)
    for task in sorted(asked - set(records["task"])):
        yield error(RECORDS, show(task), "the manifest names this task and there are no records of it")
    if entry.partial:
        yield warning(ENTRY, "data.limit", f"a partial entry: the first {entry.data.limit} documents of each task")


def _check_keys(records: pd.DataFrame) -> Iterator[Finding]:
    for name in (*KEY, "run_id", "model", "outcome", "score", "response", "target"):
        empty = int(records[name].isna().sum())
        if empty:
            yield error(RECORDS, name, f"{empty} rows have none")
    odd = sorted(set(records["condition"].dropna()) - set(CONDITIONS))
    if odd:
        yield error(RECORDS, "condition", f"{show(odd[0])} is no condition")


def _expected_size(submission: Submission, questions: int | None) -> int | None:
    """How many documents a task has, from its card; None where only the data themselves tell."""
    data = submission.entry.data
    if data.options == "circular" or data.source == "mini" or questions is None:
        return None
    return min(questions, data.limit) if data.limit else questions


def _compare(found: set[int], wanted: set[int], whose: str) -> str:
    missing, further = sorted(wanted - found), sorted(found - wanted)
    told = [f"{len(missing):,} documents {whose} are missing, the first {missing[0]}"] if missing else []
    told += [f"{len(further):,} are further ones, the first {further[0]}"] if further else []
    return "; ".join(told)


def _check_same(task: str, rows: pd.DataFrame) -> Iterator[Finding]:
    """What a question is must not depend on the condition it is asked under."""
    for name in SAME:
        differs = rows.groupby("doc_id")[name].nunique(dropna=False) > 1
        if differs.any():
            number = differs.index[differs][0]
            yield error(
                RECORDS,
                f"{task}, {name}",
                f"{int(differs.sum()):,} documents have several values under different conditions, the first {number}",
            )
