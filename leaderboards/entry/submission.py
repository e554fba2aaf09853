"""A submission: an entry's claims with the records and the manifest that stand behind them, read within bounds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightscale.leaderboards.entry.entry import Entry
from sightscale.leaderboards.entry.folders import LONGEST, MANIFEST, UnreadableFile, first_reason, read_json

if TYPE_CHECKING:
    import pandas as pd

Text = Annotated[str, Field(max_length=4000)]
TaskName = Annotated[str, Field(max_length=120)]
MAX_TASKS = 1000  # of a run; each is checked by itself
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Made(BaseModel):
    """Fields that verification reads; further ones stay as they are, for the report of the records."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


class ConditionFacts(_Made):
    """What a manifest says of one condition."""

    settings: dict[str, Any] = {}
    records_sha256: Text | None = None


class PartMade(_Made):
    """One model of a run."""

    name: Text
    parameters: Number | None = None


class RunManifest(_Made):
    """A run's manifest: what verification reads of it, and whatever else stands there."""

    run_id: Text
    model: Text
    identity: Text
    kind: Text
    mode: Text
    parts: Annotated[dict[str, PartMade], Field(max_length=16)]
    tasks: Annotated[list[TaskName], Field(max_length=MAX_TASKS)]
    limit: Number | None
    seed: Number
    data: Text
    data_revision: Text
    options: Text
    answers: Text | None = None  # how they are read from likelihoods; None for written ones
    scorer: Text
    conditions: Annotated[dict[str, ConditionFacts], Field(max_length=64)]
    task_details: Annotated[dict[str, dict[str, Any]], Field(max_length=MAX_TASKS)]
    started: Text
    software: Annotated[dict[str, str | None], Field(min_length=1, max_length=64)]
    tokens: dict[str, Number]


class _Manifests(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    runs: Annotated[list[RunManifest], Field(min_length=1, max_length=200)]


@dataclass(frozen=True)
class Submission:
    """An entry with its records and its runs' manifests, by run."""

    folder: Path
    entry: Entry
    manifests: Mapping[str, RunManifest]
    records: "pd.DataFrame"

    @property
    def manifest(self) -> RunManifest:
        """The first run's, whose settings all runs of an entry share."""
        return next(iter(self.manifests.values()))


def read_manifests(path: Path) -> dict[str, RunManifest]:
    """The manifests of an entry, by run. Raises UnreadableFile naming the field."""
    fields = read_json(path, LONGEST[MANIFEST])
    try:
        runs = _Manifests.model_validate(fields).runs
    except ValidationError as error:
        raise UnreadableFile(path.name, first_reason(error)) from error
    by_id = {run.run_id: run for run in runs}
    if len(by_id) != len(runs):
        raise UnreadableFile(path.name, "runs: a run stands twice")
    return by_id
