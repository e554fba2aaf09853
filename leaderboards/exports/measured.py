"""Measured: what a run measured under one condition, as every exporter takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.evaluation import drop_unscored, read_manifest, read_records
from sightscale.harness.statistics import Estimate, mean_score
from sightscale.leaderboards.entry import Average, Part, Score, known_tasks, score_averages, score_tasks
from sightscale.leaderboards.exports.sightscale_converter import describe, list_caveats, standard_error
from sightscale.tasks.catalogue import TaskCard
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import MANIFEST_FILE, Condition, DataOrigin, Role

ACCURACY = "accuracy"


@dataclass(frozen=True)
class Measured:
    """One run under one condition: estimates by task with their intervals, averages, and how it was made."""

    name: str
    condition: str
    manifest: Mapping[str, Any]
    estimates: Mapping[str, Estimate]
    errors: Mapping[str, float]  # standard errors, clustered by picture
    scores: Sequence[Score]
    averages: Sequence[Average]

    @property
    def parts(self) -> list[Part]:
        """The models the system is made of."""
        parts = self.manifest.get("parts") or {Role.MODEL: {"name": self.name, "parameters": None}}
        return [
            Part(role=role, checkpoint=str(part["name"])[:200], parameters=part["parameters"])
            for role, part in parts.items()
        ]

    @property
    def on_hub_data(self) -> bool:
        """Whether the documents are the public data sets' own, all of them, and as they are."""
        made = self.manifest
        return made.get("data") == DataOrigin.HUB and made.get("limit") is None and not made.get("options")

    @property
    def caveats(self) -> str:
        """What a reader must know of the numbers, in one line."""
        return describe(self.manifest, self.condition)

    @property
    def asked(self) -> list[str]:
        """What tells questions and answers from the whole public data sets' and written ones, in words, if anything."""
        return list_caveats(self.manifest)

    def card(self, task: str) -> TaskCard | None:
        """The card of a task of ours."""
        return known_tasks().get(task)


def read_measured(run: Path, condition: str = Condition.SIGHTED, name: str | None = None) -> Measured:
    """What the run in a folder measured. `name` shows it, else the names of its parts.

    Raises UserError in one line when there is no run, or no row under the condition.
    """
    records = read_records(run)
    manifest = read_manifest(run / MANIFEST_FILE)
    asked = drop_unscored(records[records["condition"] == condition], str(run))
    if asked.empty:
        conditions = ", ".join(map(str, records["condition"].unique())) or "nothing"
        raise UserError(f"{run} has no records under {str(condition)!r}; it has {conditions}")
    by_task = {str(task): rows for task, rows in asked.groupby("task", sort=False)}
    parts = manifest.get("parts") or {}
    names = "+".join(str(part["name"]) for role, part in parts.items() if role != Role.FOCUS) or str(
        manifest.get("model")
    )
    return Measured(
        name=name or names,
        condition=condition,
        manifest=manifest,
        estimates={task: mean_score(rows["score"], rows["cluster"]) for task, rows in by_task.items()},
        errors={task: _standard_error(rows) for task, rows in by_task.items()},
        scores=score_tasks(asked),
        averages=score_averages(asked),
    )


def metric_of(task: str) -> str:
    """The name of the metric that a task's score is; accuracy for a task that isn't ours."""
    card = known_tasks().get(task)
    return (card.metric if card else None) or ACCURACY


def as_sighted(measured: Measured) -> Measured:
    """The same numbers where a table shows sighted ones; its name says under which condition they are."""
    if measured.condition == Condition.SIGHTED:
        return measured
    sighted = {"condition": Condition.SIGHTED}
    return replace(
        measured,
        name=f"{measured.name} (blind: {measured.condition})",
        scores=[score.model_copy(update=sighted) for score in measured.scores],
        averages=[average.model_copy(update=sighted) for average in measured.averages],
    )


def _standard_error(rows: pd.DataFrame) -> float:
    scored = rows[rows["score"].notna()]
    return standard_error(scored["score"].tolist(), scored["cluster"].tolist())
