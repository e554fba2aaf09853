"""Runs: records of several runs side by side, matched question by question."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightscale.harness.analysis.findings import ALL
from sightscale.harness.evaluation import read_records
from sightscale.harness.statistics import Array

RIGHT = 0.5  # a question counts as right above this score; only shares of a 2AFC lie between 0 and 1
QUESTION = ["item_id", "category", "l2_category", "cluster", "chance", "blind_probability", "target", "answer_format"]


@dataclass(frozen=True)
class Run:
    """One run: a label to show, its records, and what was written behind `=` on the command line."""

    label: str
    records: pd.DataFrame
    note: str | None = None


@dataclass(frozen=True)
class Questions:
    """One task as every run was asked it: `about` describes the questions, `scores` has a column for (run, condition).

    Both are indexed by doc_id; a question that a run wasn't asked has a missing score.
    """

    task: str
    about: pd.DataFrame
    scores: pd.DataFrame

    def common(self, columns: Sequence[tuple[str, str]]) -> "Questions":
        """Only the questions with a score in all of `columns`."""
        kept = self.scores.loc[:, list(columns)].dropna()
        return Questions(self.task, self.about.loc[kept.index], kept)

    def column(self, run: str, condition: str) -> Array:
        """Scores of one run under one condition."""
        return self.scores[(run, condition)].to_numpy(float)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The (run, condition) pairs that have scores."""
        levels = (self.scores.columns.get_level_values(level).astype(str) for level in (0, 1))
        return list(zip(*levels, strict=True))

    @property
    def clusters(self) -> NDArray[np.object_]:
        """The cluster of each question."""
        return self.about["cluster"].to_numpy(object)


@dataclass(frozen=True)
class Group:
    """Some questions of a task: `level` is task, category or axis."""

    level: str
    name: str
    members: NDArray[np.bool_]


def read_run(argument: str) -> Run:
    """A run from `PATH` or `PATH=NOTE`, where PATH is a run's folder or a records file.

    Raises ValueError when there is none, and when it holds no row.
    """
    path, note = Path(argument), None
    if not path.exists() and "=" in argument:
        before, _, note = argument.rpartition("=")
        path = Path(before)
    records = read_records(path)
    if records.empty:
        raise ValueError(f"{path} holds no records; run it again or leave it out")
    if records["run_id"].nunique() > 1:
        raise ValueError(f"{path} holds records of {records['run_id'].nunique()} runs; give one run's folder at a time")
    return Run(str(records["model"].iloc[0]), records, note)


def read_runs(arguments: Sequence[str]) -> list[Run]:
    """Runs with labels that tell them apart. Raises ValueError for a run given twice, and as `read_run` does."""
    runs = [read_run(argument) for argument in arguments]
    seen: dict[str, str] = {}
    for argument, run in zip(arguments, runs, strict=True):
        run_id = str(run.records["run_id"].iloc[0])
        if run_id in seen:
            raise ValueError(f"{argument} and {seen[run_id]} are the same run ({run_id}); give each once")
        seen[run_id] = argument
    labels = [run.label for run in runs]
    folders = [Path(argument.rpartition("=")[0] or argument).name for argument in arguments]
    told = [
        f"{label} ({folder})" if labels.count(label) > 1 else label
        for label, folder in zip(labels, folders, strict=True)
    ]
    told = [f"{name} #{number + 1}" if told.count(name) > 1 else name for number, name in enumerate(told)]
    return [Run(label, run.records, run.note) for label, run in zip(told, runs, strict=True)]


def match_questions(runs: Sequence[Run]) -> Iterator[Questions]:
    """Each task that any run was asked, in the order of first appearance, with all runs' scores side by side.

    Raises ValueError when two runs' data or questions differ under the same task and number.
    """
    rows = pd.concat([run.records.assign(run=run.label) for run in runs], ignore_index=True)
    for task, part in rows.groupby("task", sort=False):
        _check_same_questions(str(task), part)
        about = part.drop_duplicates("doc_id").set_index("doc_id")[QUESTION].sort_index()
        scores = part.pivot(index="doc_id", columns=["run", "condition"], values="score").reindex(about.index)
        yield Questions(str(task), about, scores)


def split_groups(about: pd.DataFrame) -> Iterator[Group]:
    """The whole task, then its categories and axes where it has any; questions without one are named so."""
    yield Group("task", ALL, np.ones(len(about), bool))
    for level, columns in (("category", ["category"]), ("axis", ["category", "l2_category"])):
        if about[columns[-1]].notna().any():
            names = about[columns].fillna("(none)").astype(str).agg(" / ".join, axis=1)
            for name in names.unique():
                yield Group(level, str(name), (names == name).to_numpy())


def _check_same_questions(task: str, part: pd.DataFrame) -> None:
    sources = part["data"].dropna().unique()
    if len(sources) > 1:
        raise ValueError(f"task {task!r} was asked on different data: {sources[0]} and {sources[1]}; give equal ones")
    names = part.groupby("doc_id")["item_id"].nunique()
    if (names > 1).any():
        number = names.index[names > 1][0]
        first, second = part.loc[part["doc_id"] == number, "item_id"].unique()[:2]
        raise ValueError(
            f"task {task!r} isn't the same in all runs: question {number} is {first!r} in one and {second!r} in another"
        )


def parse_size(text: str, where: str) -> float:
    """A model's size in billions of parameters, from `8`, `8B`, `0.6b` or `600M`. Raises ValueError naming `where`."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("B", "M") else (text, "B")
    try:
        size = float(number) / (1000 if unit == "M" else 1)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} is no size; write billions of parameters, such as 8 or 0.6") from error
    if not 0 < size < 1e6:
        raise ValueError(f"{where}: {text!r} is no size; write billions of parameters, such as 8 or 0.6")
    return size


def show_size(billions: float) -> str:
    """A model's size as it is read most easily: 8B, 0.6B, 650M or 0.05M parameters."""
    return f"{billions:g}B" if billions >= 0.1 else f"{round(1000 * billions, 6):g}M"


def read_column(run: Run, name: str) -> str | None:
    """The one value of a column of a run's records as text, or None when it is missing."""
    values = run.records[name].dropna().unique()
    return str(values[0]) if len(values) else None
