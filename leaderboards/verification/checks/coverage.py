"""Coverage: every document of every task once under every condition, none missing, further or repeated."""

import re
from collections.abc import Iterator

import pandas as pd

from sightscale.harness.evaluation import KEY
from sightscale.harness.pages import show_value
from sightscale.leaderboards.entry import (
    ENTRY,
    MAX_ROWS,
    NO_CONDITION,
    RECORDS,
    REQUIRED_CONDITIONS,
    Submission,
    count_documents,
    is_condition,
)
from sightscale.leaderboards.verification.checks.rescoring import leave_out_size
from sightscale.leaderboards.verification.issues import Issue, error, warning
from sightscale.tasks.vocabulary import Condition, Outcome

SAME = ("item_id", "category", "l2_category", "image_hash", "options", "order", "target", "cluster")
NEEDED = (
    *(*KEY, "run_id", "model", "kind", "mode", "data", "outcome", "score", "response", "target", "prompt", "cluster"),
    *("item_id", "input_tokens", "output_tokens", "seconds"),
    *("perception_input_tokens", "perception_output_tokens", "perception_seconds"),
)
FINISH_REASONS = ("stop", "length", "error")
TASK = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,119}"


def check_keys(records: pd.DataFrame) -> Iterator[Issue]:
    """Rows that name no document, so that nothing further can be said of them."""
    if records.empty:
        yield error(RECORDS, "rows", "there are none")
    for name in NEEDED:
        empty = int(records[name].isna().sum())
        if empty:
            yield error(RECORDS, name, f"{empty:,} rows have none")
    for condition in records["condition"].dropna().unique():
        if not is_condition(condition):
            yield error(RECORDS, "condition", f"{show_value(condition)} {NO_CONDITION}")
            break
    for name, known in (
        ("outcome", list(Outcome)),
        ("finish_reason", list(FINISH_REASONS)),
        ("perception_finish_reason", list(FINISH_REASONS)),
    ):
        odd = sorted(set(records[name].dropna()) - set(known))
        if odd:
            yield error(RECORDS, name, f"{show_value(odd[0])} is none of {', '.join(known)}")
    odd = [task for task in records["task"].dropna().unique() if not re.fullmatch(TASK, task)]
    if odd:
        yield error(RECORDS, "task", f"{show_value(odd[0])} is no task's name")
    numbers = pd.to_numeric(records["doc_id"])
    if not numbers.dropna().between(0, MAX_ROWS - 1).all():
        yield error(
            RECORDS, "doc_id", f"{show_value(numbers.min())} to {show_value(numbers.max())} aren't documents' numbers"
        )


def check_coverage(submission: Submission) -> Iterator[Issue]:
    """Repeated, missing and further documents, as far as the entry and the tasks' cards tell."""
    records, entry = submission.records, submission.entry
    repeated = records.duplicated(KEY)
    if repeated.any():
        task, condition, number = records.loc[repeated, KEY].iloc[0]
        first = f"document {number} of {show_value(str(task))}, {show_value(str(condition))}"
        yield error(RECORDS, "doc_id", f"{int(repeated.sum()):,} rows are repeated, the first {first}")
    asked = {task for run in submission.manifests.values() for task in run.tasks}
    for task, rows in records.groupby("task", sort=False):
        name = show_value(str(task))
        by_condition = {str(c): set(part["doc_id"]) for c, part in rows.groupby("condition", sort=False)}
        sighted = by_condition.get(Condition.SIGHTED, set())
        for condition in REQUIRED_CONDITIONS:
            if condition not in by_condition:
                yield error(RECORDS, name, f"no rows under the condition {condition}, which every entry needs")
        for condition, documents in by_condition.items():
            if documents != sighted:
                yield error(
                    RECORDS, f"{name}, {show_value(condition)}", _compare(documents, sighted, "as under sighted")
                )
        expected = _expected_size(submission, str(task))
        documents = set(range(expected)) if expected else set(range(max(sighted, default=-1) + 1))
        if sighted != documents:
            yield error(RECORDS, f"{name}, doc_id", _compare(sighted, documents, "of the task"))
        if task not in asked:
            yield error(RECORDS, name, "no manifest names this task")
        yield from _check_same(name, rows)
    for task in sorted(asked - set(records["task"])):
        yield error(RECORDS, show_value(task), "the manifest names this task and there are no records of it")
    if entry.partial:
        yield warning(ENTRY, "data.limit", f"a limited entry: the first {entry.data.limit} documents of each task")
        yield from _check_limit(submission)


def _check_limit(submission: Submission) -> Iterator[Issue]:
    """A limit that leaves nothing out: the entry is whole, and would stand in a table of its own."""
    data = submission.entry.data
    sizes = {count_documents(str(task), data) for task in submission.records["task"].unique()}
    if data.limit is None or data.options == "circular":  # each question stands there several times
        return
    known = None not in sizes and max(size for size in sizes if size is not None) <= data.limit
    if known or submission.records["doc_id"].max() + 1 < data.limit:
        reason = f"no task has more than {data.limit:,} documents, so nothing is left out; run it without --limit"
        yield error(ENTRY, "data.limit", reason)


def _expected_size(submission: Submission, task: str) -> int | None:
    """How many documents a task has, from its card; None where only the data themselves tell."""
    data = submission.entry.data
    questions = count_documents(task, data)
    if data.options == "circular" or questions is None:
        return None
    return min(questions, data.limit) if data.limit else questions


def _compare(documents: set[int], wanted: set[int], whose: str) -> str:
    missing, further = sorted(wanted - documents), sorted(documents - wanted)
    reasons = [f"{len(missing):,} documents {whose} are missing, the first {missing[0]}"] if missing else []
    reasons += [f"{len(further):,} are further ones, the first {further[0]}"] if further else []
    return "; ".join(reasons)


def _check_same(task: str, rows: pd.DataFrame) -> Iterator[Issue]:
    """What a question is must not depend on the condition it is asked under."""
    columns = {name: rows[name] for name in SAME} | {"answer_format": leave_out_size(rows["answer_format"])}
    for name, values in columns.items():
        differs = values.groupby(rows["doc_id"]).nunique(dropna=False) > 1
        if differs.any():
            number = differs.index[differs][0]
            yield error(
                RECORDS,
                f"{task}, {name}",
                f"{int(differs.sum()):,} documents have several values under different conditions, the first {number}",
            )
