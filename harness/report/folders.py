"""Folders: the runs behind what a user names, each with its records and its manifest."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sightscale.harness.analysis import Run, read_run
from sightscale.harness.evaluation import check_options, find_runs, read_manifest
from sightscale.harness.looking import Look, find_looks, name_training, read_looks
from sightscale.harness.pages import name_model
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import MANIFEST_FILE, RECORDS_FILE


@dataclass(frozen=True)
class GivenLooks:
    """What a training's looks saw, with a label for it."""

    label: str
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class GivenRun:
    """A run with a label that tells it from the others, its id, and its manifest, empty where it has none."""

    run: Run
    run_id: str
    manifest: dict[str, Any]

    @property
    def label(self) -> str:
        return self.run.label


def part_looks(arguments: Sequence[Path]) -> tuple[list[Path], list[GivenLooks]]:
    """The folders named that hold runs, and the looks of the trainings whose output, or `looking` in it, is named.

    Raises UserError where no folder is left to report on, and as `read_looks` does.
    """
    runs, trainings = [], []
    for path in arguments:
        file = find_looks(path)
        if file is not None:
            trainings.append(GivenLooks(name_training(file), tuple(read_looks(file))))
        if file is None or (path.is_dir() and any(path.rglob(RECORDS_FILE))):
            runs.append(path)
    if not runs:
        raise UserError(
            f"{arguments[0]} holds a training's looks only; add a run of its checkpoint: sightscale report RUN LOOKS"
        )
    return runs, trainings


def read_given(arguments: Sequence[Path]) -> list[GivenRun]:
    """The runs in the folders named: a run's own, or one that holds several.

    Raises UserError when a folder holds none, when a run is given twice, and as `read_run` does.
    """
    runs: list[GivenRun] = []
    seen: dict[str, Path] = {}
    for path in [path for argument in arguments for path in find_runs(argument)]:
        run = read_run(str(path))
        run_id = str(run.records["run_id"].iloc[0])
        if run_id in seen:
            raise UserError(f"{path} and {seen[run_id]} are the same run ({run_id}); give each once")
        seen[run_id] = path
        file = (path if path.is_dir() else path.parent) / MANIFEST_FILE
        manifest = read_manifest(file) if file.is_file() else {}
        records = run.records.assign(options=keep_readable(run.records["options"]))
        runs.append(GivenRun(Run(name_model(run.label), records), run_id, manifest))
    return _tell_apart(runs, [path if path.is_dir() else path.parent for path in seen.values()])


def _tell_apart(given_runs: Sequence[GivenRun], folders: Sequence[Path]) -> list[GivenRun]:
    """Labels that are used once: a shared one gets its folder's name, then a number."""
    labels = [given.label for given in given_runs]
    distinctions: tuple[Callable[[int], str], ...] = (
        lambda number: f" ({folders[number].absolute().name})",
        lambda number: f" #{number + 1}",
    )
    for add in distinctions:
        counts = Counter(labels)
        labels = [label + add(number) if counts[label] > 1 else label for number, label in enumerate(labels)]
    return [
        GivenRun(Run(label, given.run.records), given.run_id, given.manifest)
        for label, given in zip(labels, given_runs, strict=True)
    ]


def keep_readable(options: pd.Series) -> pd.Series:
    """The options of records where they are letters with their texts; anything else counts as missing."""
    good = {text for text in options.dropna().unique() if check_options(text) is not None}
    return options.where(options.isin(good), None)


def describe_run(given: GivenRun) -> Iterator[tuple[str, str]]:
    """What a manifest says of a run, as names and values for a list; the run's id where there is none."""
    manifest = given.manifest
    yield "Model", str(manifest.get("model") or given.run.records["model"].iloc[0])
    yield "Run", given.run_id
    parameters = given.run.records["parameters"].dropna()
    if len(parameters):
        yield "Parameters", f"{int(parameters.iloc[0]):,}"
    if not manifest:
        yield "Manifest", "none beside the records"
        return
    for name in ("started", "finished", "seconds", "data", "limit", "options", "seed", "batch_size", "git_commit"):
        if manifest.get(name) not in (None, ""):
            yield name.replace("_", " ").capitalize(), str(manifest[name])
    for name in ("machine", "software", "tokens"):
        held = manifest.get(name)
        if isinstance(held, dict) and held:
            yield (
                name.capitalize(),
                ", ".join(f"{key} {value}" for key, value in held.items() if value not in (None, [])),
            )


def manifest_text(given: GivenRun) -> str:
    """The whole manifest as indented JSON, or nothing."""
    return json.dumps(given.manifest, indent=1, ensure_ascii=False, default=str) if given.manifest else ""
