"""Runs: records of several runs side by side, matched question by question."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sightscale.harness.analysis.findings import ALL, Level
from sightscale.harness.evaluation import check_rows, drop_unscored, find_runs, read_records
from sightscale.harness.statistics import Array
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Outcome

logger = logging.getLogger(__name__)

RIGHT = 0.5  # a question counts as right above this score; only shares of a 2AFC lie between 0 and 1
MATCHED = [
    *("task", "condition", "doc_id", "score", "outcome", "data", "document_hash", "order"),
    *("item_id", "category", "l2_category", "cluster", "chance", "blind_probability", "target", "answer_format"),
]
QUESTION = ["item_id", "category", "l2_category", "cluster", "chance", "blind_probability", "target", "answer_format"]

TRUTH = "truth"  # the perception module that hands on ground-truth descriptions


@dataclass(frozen=True)
class Placement:
    """A run's place on a scale or in a grid: sizes of its language models in billions of parameters.

    A run on a scale has a `size`. In a grid it has those of its `perception` module, None for the truth, and of
    its `reasoning` module.
    """

    size: float | None = None
    perception: float | None = None
    reasoning: float | None = None

    @property
    def in_grid(self) -> bool:
        """Whether it names two modules."""
        return self.reasoning is not None

    @property
    def on_truth(self) -> bool:
        """Whether its perception module is the truth."""
        return self.in_grid and self.perception is None

    def __str__(self) -> str:
        if not self.in_grid:
            return show_size(self.size or 0.0)
        assert self.reasoning is not None
        return f"{TRUTH if self.perception is None else show_size(self.perception)}:{show_size(self.reasoning)}"


@dataclass(frozen=True)
class Run:
    """One run: a label to show, its records, and where the user placed it (`RUN=8`, `RUN=0.6:8`), if anywhere."""

    label: str
    records: pd.DataFrame
    placement: Placement | None = None


@dataclass(frozen=True)
class Questions:
    """One task as every run was asked it: `about` describes the questions, `scores` has a column for (run, condition).

    `failed` has the same columns: whether the model wrote no answer. All are indexed by doc_id; a question that a run
    wasn't asked has a missing score.
    """

    task: str
    about: pd.DataFrame
    scores: pd.DataFrame
    failed: pd.DataFrame

    def common(self, columns: Sequence[tuple[str, str]]) -> "Questions":
        """Only the questions with a score in all of `columns`; of several, those that failed in none.

        A failed answer counts as wrong in its own score. Beside another answer it is no pair: the difference would be
        one between a model and its machine.
        """
        wanted = list(dict.fromkeys(columns))
        scored = self.scores.loc[:, wanted].dropna()
        if len(wanted) > 1:
            scored = scored[~self.failed.loc[scored.index, wanted].any(axis=1)]
        return Questions(self.task, self.about.loc[scored.index], scored, self.failed.loc[scored.index, wanted])

    def select(self, members: NDArray[np.bool_]) -> "Questions":
        """Only these questions."""
        return Questions(self.task, self.about[members], self.scores[members], self.failed[members])

    def of(self, runs: Sequence[str]) -> "Questions":
        """Only these runs' scores, of which there are fewer to go through."""
        wanted = self.scores.columns.get_level_values(0).isin(runs)
        return replace(self, scores=self.scores.loc[:, wanted], failed=self.failed.loc[:, wanted])

    def column(self, run: str, condition: str) -> Array:
        """Scores of one run under one condition."""
        return self.scores[(run, condition)].to_numpy(float)

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The (run, condition) pairs that have scores."""
        levels = (self.scores.columns.get_level_values(level).astype(str) for level in (0, 1))
        return list(zip(*levels, strict=True))

    @property
    def clusters(self) -> NDArray[Any]:
        """The cluster of each question."""
        return self.about["cluster"].to_numpy()


@dataclass(frozen=True)
class Group:
    """Some questions of a task: `level` is task, category or axis."""

    level: Level
    name: str
    members: NDArray[np.bool_]


def read_run(argument: str, columns: Sequence[str] | None = None) -> Run:
    """A run from `PATH` or `PATH=PLACEMENT`, where PATH is a run's folder or a records file.

    `columns` are read as `read_records` does. Raises UserError when there is none, when it holds no row or
    one that can't be used, and for a placement that can't be read.
    """
    path, placement = Path(argument), None
    if not path.exists() and "=" in argument:
        before, _, text = argument.rpartition("=")
        path, placement = Path(before), parse_placement(text, before)
    records = read_records(path, columns)
    if records.empty:
        raise UserError(f"{path} holds no records; run it again or leave it out")
    if records["run_id"].nunique() > 1:
        raise UserError(f"{path} holds records of {records['run_id'].nunique()} runs; give one run's folder at a time")
    check_rows(records, str(path))
    return Run(str(records["model"].iloc[0]), drop_unscored(records, str(path)), placement)


def read_runs(arguments: Sequence[str], columns: Sequence[str] | None = None) -> list[Run]:
    """Runs with labels that tell them apart; an argument may be a folder that holds several runs' folders.

    `columns` are read as `read_records` does. Raises UserError for a run given twice, and as `read_run` does.
    """
    arguments = [
        run
        for argument in arguments
        for run in (map(str, find_runs(Path(argument))) if Path(argument).is_dir() else [argument])
    ]
    runs = [read_run(argument, columns) for argument in arguments]
    seen: dict[str, str] = {}
    for argument, run in zip(arguments, runs, strict=True):
        run_id = str(run.records["run_id"].iloc[0])
        if run_id in seen:
            raise UserError(f"{argument} and {seen[run_id]} are the same run ({run_id}); give each once")
        seen[run_id] = argument
    kinds = dict.fromkeys(_answers_of(run) for run in runs)
    if len(kinds) > 1:
        logger.warning(f"these runs' answers are of several kinds: {', '.join(kinds)}; differences may come from that")
    labels = [run.label for run in runs]
    folders = [Path(argument.rpartition("=")[0] or argument).name for argument in arguments]
    names = [
        f"{label} ({folder})" if labels.count(label) > 1 else label
        for label, folder in zip(labels, folders, strict=True)
    ]
    names = [f"{name} #{number + 1}" if names.count(name) > 1 else name for number, name in enumerate(names)]
    return [Run(name, run.records, run.placement) for name, run in zip(names, runs, strict=True)]


def _answers_of(run: Run) -> str:
    """How a run's answers are read: written ones, or by likelihoods."""
    named = list(run.records["answers"].dropna().unique()) if "answers" in run.records else []
    return str(named[0]) if named else "written"


def match_questions(runs: Sequence[Run]) -> Iterator[Questions]:
    """Each task that any run was asked, in the order of first appearance, with all runs' scores side by side.

    A question whose document isn't the same in all of them is left out, and a warning says how many were.

    Raises UserError when two runs' data or questions differ under the same task and number, and when no document of a
    task is the same.
    """
    for task, part in _split_tasks(runs):
        _check_same_questions(str(task), part)
        part = _drop_changed_documents(str(task), part)
        about = part.drop_duplicates("doc_id").set_index("doc_id")[QUESTION].sort_index()
        scores = part.pivot(index="doc_id", columns=["run", "condition"], values="score").reindex(about.index)
        part = part.assign(failed=part["outcome"] == Outcome.FAILED)
        failed = part.pivot(index="doc_id", columns=["run", "condition"], values="failed").reindex(about.index)
        yield Questions(str(task), about, scores, failed.fillna(False).astype(bool))


def _split_tasks(runs: Sequence[Run]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each task's rows of all runs, a task at a time: all tasks of a hundred runs are more than memory may hold."""
    places = [run.records.groupby("task", sort=False, observed=True).indices for run in runs]
    tasks = [str(task) for run in runs for task in run.records["task"].unique()]
    for task in dict.fromkeys(tasks):
        parts = [
            _with_plain_texts(run.records.iloc[rows[task]]).assign(run=run.label)
            for run, rows in zip(runs, places, strict=True)
            if task in rows
        ]
        yield task, _with_numbered_clusters(pd.concat(parts, ignore_index=True))


def _with_plain_texts(part: pd.DataFrame) -> pd.DataFrame:
    """The columns that matching needs, texts as texts: categories of two runs can't be compared."""
    needed = {name: part[name] for name in MATCHED if name in part.columns}
    return pd.DataFrame(
        {
            name: column.cat.categories.array.take(column.cat.codes.to_numpy(), allow_fill=True)
            if isinstance(column.dtype, pd.CategoricalDtype)
            else column.array
            for name, column in needed.items()
        }
    )


def _with_numbered_clusters(part: pd.DataFrame) -> pd.DataFrame:
    """Clusters as numbers in the order of their names, which are looked at thousands of times; as they are where one is
    missing, so that it is found."""
    if part["cluster"].isna().any():
        return part
    return part.assign(cluster=pd.factorize(part["cluster"], sort=True)[0])


def split_groups(about: pd.DataFrame) -> Iterator[Group]:
    """The whole task, then its categories and axes where it has any; questions without one are named so."""
    yield Group(Level.TASK, ALL, np.ones(len(about), bool))
    for level, columns in ((Level.CATEGORY, ["category"]), (Level.AXIS, ["category", "l2_category"])):
        if about[columns[-1]].notna().any():
            names = about[columns].fillna("(none)").astype(str).agg(" / ".join, axis=1)
            for name in names.unique():
                yield Group(level, str(name), (names == name).to_numpy())


def _check_same_questions(task: str, part: pd.DataFrame) -> None:
    sources = part["data"].dropna().unique()
    if len(sources) > 1:
        raise UserError(
            f"task {task!r} was asked on different data: {sources[0]} and {sources[1]}; run it on the same data"
        )
    names = part.groupby("doc_id")["item_id"].nunique()
    if (names > 1).any():
        number = names.index[names > 1][0]
        first, second = part.loc[part["doc_id"] == number, "item_id"].unique()[:2]
        raise UserError(
            f"task {task!r} differs between the runs: question {number} is {first!r} in one and {second!r} "
            "in another; run it on the same data"
        )


def _drop_changed_documents(task: str, part: pd.DataFrame) -> pd.DataFrame:
    """The rows of those questions whose document held the same for every row that says what it held.

    Rows of another order of the options are of another document on purpose, and aren't held against each other.
    """
    hashes = part["document_hash"]
    if hashes.isna().all():
        return part
    codes = pd.Series(pd.factorize(hashes)[0], part.index).where(hashes.notna())
    asked = codes.groupby([part["doc_id"], part["order"].fillna("")])
    differs = asked.transform("min") != asked.transform("max")
    changed = part.loc[differs & hashes.notna(), "doc_id"].unique()
    if not len(changed):
        return part
    names = " and ".join(part.loc[part["doc_id"] == changed[0], "run"].unique()[:2])
    asked_of = part.loc[hashes.notna(), "doc_id"].nunique()
    if len(changed) == asked_of:
        raise UserError(
            f"task {task!r} was asked of other documents in {names}: none of {asked_of:,} is the same; its data "
            "changed between these runs: run one of them again, or pin the data with `sightscale data lock`"
        )
    logger.warning(
        f"task {task}: {len(changed):,} of {asked_of:,} documents differ between {names} (the first is number "
        f"{changed[0]}); these questions are left out"
    )
    return part[~part["doc_id"].isin(changed)]


def parse_placement(text: str, where: str) -> Placement:
    """A placement from `SIZE`, `PERCEPTION:REASONING` or `truth:REASONING`. Raises UserError naming `where`."""
    parts = text.split(":")
    if not text.strip() or len(parts) > 2:
        raise UserError(f"{where}: {text!r} is not a size; write RUN=SIZE, such as RUN=8, or in a grid RUN=0.6:8")
    if len(parts) == 1:
        return Placement(size=parse_size(text, where))
    perception = None if parts[0] == TRUTH else parse_size(parts[0], where)
    return Placement(perception=perception, reasoning=parse_size(parts[1], where))


def parse_size(text: str, where: str) -> float:
    """A model's size in billions of parameters, from `8`, `8B`, `0.6b` or `600M`. Raises UserError naming `where`."""
    number, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("B", "M") else (text, "B")
    try:
        size = float(number) / (1000 if unit == "M" else 1)
    except ValueError as error:
        raise UserError(f"{where}: {text!r} is not a size; write billions of parameters, such as 8 or 0.6") from error
    if not 0 < size < 1e6:
        raise UserError(f"{where}: {text!r} is not a size; write billions of parameters, such as 8 or 0.6")
    return size


def show_size(billions: float) -> str:
    """A model's size as it is read most easily: 8B, 0.6B, 650M or 0.05M parameters."""
    return f"{billions:g}B" if billions >= 0.1 else f"{round(1000 * billions, 6):g}M"


def read_column(run: Run, name: str) -> str | None:
    """The one value of a column of a run's records as text, or None when it is missing."""
    values = run.records[name].dropna().unique()
    return str(values[0]) if len(values) else None
