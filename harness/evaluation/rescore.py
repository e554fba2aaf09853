"""Rescoring: reads the raw answers in records again with today's reader.

No model and no data are needed: a row holds its answer, its options and its target. Changes are listed question by
question; unchanged records are the same rows, but for the version of the reader that read them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.evaluation.manifest import describe_scorer, read_manifest, write_manifest
from sightscale.harness.evaluation.records import (
    KEY,
    LENGTH,
    check_options,
    digest_records,
    read_records,
    write_records,
)
from sightscale.tasks import READER_VERSION, Scored, score_response
from sightscale.tasks.boxes import AUTO, ground
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.likelihoods import READ_BY, read_likelihoods, score_likelihoods
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE, AnswerFormat, Outcome

READ = ("prediction", "outcome", "score", "iou")  # the columns that reading an answer fills


@dataclass(frozen=True)
class Change:
    """A question whose answer is read differently than before."""

    task: str
    condition: str
    doc_id: int
    item_id: str
    response: str
    before: tuple[str | None, str, float]  # prediction, outcome, score
    after: tuple[str | None, str, float]


def rescore(records: pd.DataFrame) -> tuple[pd.DataFrame, list[Change]]:
    """The records as today's reader reads them, and the changes. Rows of foreign tasks don't change.

    Raises UserError for a row that doesn't hold what scoring needs.
    """
    rescored = records.copy()
    columns: dict[str, list[Any]] = {name: list(records[name]) for name in (*READ, "reader")}
    changes = []
    rows: Iterable[Any] = records.itertuples(index=False)
    for i, row in enumerate(rows):
        if not isinstance(row.answer_format, str) or row.outcome == Outcome.FAILED:
            continue
        reading = _read(row)
        before = (_text(row.prediction), str(row.outcome), float(row.score))
        after = (reading["prediction"], str(reading["outcome"]), float(reading["score"]))
        if before != after:
            changes.append(
                Change(row.task, row.condition, int(row.doc_id), str(row.item_id), str(row.response), before, after)
            )
        for name, value in reading.items():
            columns[name][i] = value
        columns["reader"][i] = READER_VERSION
    for name, values in columns.items():
        kind = float if name in ("score", "iou") else object
        rescored[name] = pd.Series(values, index=records.index, dtype=kind)
    return rescored, changes


def _read(row: Any) -> dict[str, Any]:
    """The columns in `READ` as they are read from a row's own answer."""
    truncated = row.finish_reason == LENGTH
    response, target = str(row.response or ""), str(row.target)
    kind, _, convention = row.answer_format.partition(":")
    try:
        options = check_options(row.options)
        if options is None:
            raise ValueError("its options are not letters with texts")
        if isinstance(row.answers, str):
            scored = score_likelihoods(read_likelihoods(str(row.likelihoods)), READ_BY[row.answers], target, options)
            return {**_columns(scored), "iou": None}
        scored = score_response(row.answer_format, response, target, options, truncated=truncated)
        overlap = None
        if kind == AnswerFormat.BOX:
            overlap = 0.0 if truncated else ground(response, target, convention or AUTO)[1]
    except (ValueError, KeyError) as error:
        raise UserError(
            f"document {row.doc_id} of {row.task}, {row.condition}, can't be scored again: {error}"
        ) from error
    return {**_columns(scored), "iou": overlap}


def _columns(scored: Scored) -> dict[str, Any]:
    return {"prediction": scored.prediction, "outcome": str(scored.outcome), "score": scored.score}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def write_rescored(run: Path, records: pd.DataFrame, output: Path) -> None:
    """Write a copy of a run's folder with the records from `rescore`; the rest of its manifest stays.

    Raises UserError if `output` exists, or if the run has no manifest.
    """
    manifest = read_manifest(run / MANIFEST_FILE)
    if output.exists():
        raise UserError(f"{output} exists already; choose another --output")
    with blaming(output, "write"):
        output.mkdir(parents=True)
        write_records(records, output / RECORDS_FILE)
        written = read_records(output)
        write_manifest(renew_manifest(manifest, written), output / MANIFEST_FILE)


def renew_manifest(manifest: dict[str, Any], records: pd.DataFrame) -> dict[str, Any]:
    """A run's manifest with today's scorer and the digests of the run's rows in `records`."""
    rows = records[records["run_id"] == manifest["run_id"]]
    conditions = {
        name: {**facts, "records_sha256": digest_records(rows[rows["condition"] == name])}
        for name, facts in manifest["conditions"].items()
    }
    return {**manifest, "scorer": describe_scorer(), "conditions": conditions}


def list_changes(changes: list[Change], longest: int) -> Iterator[str]:
    """A line for each changed question, with at most `longest` characters of its answer."""
    for change in changes:
        answer = " ".join(change.response.split())
        shown = repr(answer if len(answer) <= longest else answer[: longest - 1] + "…")
        (was, outcome, score), (now, new_outcome, new_score) = change.before, change.after
        yield (
            f"{change.task}, {change.condition}, {change.item_id}: {was or outcome} ({score:g}) → "
            f"{now or new_outcome} ({new_score:g})  {shown}"
        )


def count_by_task(records: pd.DataFrame, rescored: pd.DataFrame) -> pd.DataFrame:
    """For each task and condition the number of questions, how many changed, and the mean score before and after."""
    both = records[[*KEY, "score"]].assign(
        after=rescored["score"],
        changed=(
            records[["prediction", "outcome", "score"]].fillna("")
            != rescored[["prediction", "outcome", "score"]].fillna("")
        ).any(axis=1),
    )
    grouped = both.groupby(["task", "condition"], sort=False)
    return grouped.agg(
        questions=("doc_id", "size"), changed=("changed", "sum"), before=("score", "mean"), after=("after", "mean")
    ).reset_index()
