"""Sources: where a task's rows come from, decided when the task is loaded.

A task's YAML names a one-line pointer file beside it (`dataset_path: json`) and `process_docs: !function
sightscale.tasks.sources.follow_pointer`. lmms-eval loads the pointer; this module replaces it with the rows that it
points to. So one YAML works with the hub's data, the user's copy and the embedded mini suite, with every kind of model,
and under plain lmms-eval.

A pointer holds `hub` (a data set's id, with `splits` to join, `revision`, and `where`, the values that columns must
have) or `package` (a builder of this package with its arguments). It may hold `mini`, the mini suite's set that stands
in for it. A pointer with `unavailable`, a reason, has only that set.

A `DataChoice` says which data to read while tasks are loaded (`reading`). Without one, environment variables decide, so
that plain lmms-eval and subprocesses can choose: `SIGHTSCALE_DATA` (`hub`, the default, or `mini`),
`SIGHTSCALE_DATA_ROOT` (a folder in which `<data root>/<hub id>` comes first), `SIGHTSCALE_OPTIONS` (the order of a
multiple-choice question's options) and `SIGHTSCALE_MINI_QUESTIONS`. Only loading needs the choice; scoring, which
lmms-eval does in its own threads, does not.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import datasets

from sightscale.tasks.answer_keys import check_keys
from sightscale.tasks.errors import UserError
from sightscale.tasks.mini import DEFAULT_QUESTIONS, count_questions
from sightscale.tasks.option_orders import arrange_options, parse_order
from sightscale.tasks.vocabulary import DataOrigin

DATA, DATA_ROOT, OPTIONS = "SIGHTSCALE_DATA", "SIGHTSCALE_DATA_ROOT", "SIGHTSCALE_OPTIONS"
PACKAGES = {
    "easy_vqa": "sightscale.tasks.easy_vqa.rows:build_rows",
    "gqa": "sightscale.tasks.downscaling_15.open_questions:build_gqa",
    "nights": "sightscale.tasks.similarity.releases:build_nights",
    "pieapp": "sightscale.tasks.similarity.releases:build_pieapp",
}
MINI_BUILDER = "sightscale.tasks.mini:build_rows"


@dataclass(frozen=True)
class DataChoice:
    """Which documents tasks read, and the order of a question's options."""

    origin: DataOrigin = DataOrigin.HUB
    root: Path | None = None  # the user's own copies of data sets, each in a folder of its name
    options: str = ""  # `circular`, `shuffled:SEED`, or the data's own order
    mini_questions: int = DEFAULT_QUESTIONS  # of a mini set

    def __post_init__(self) -> None:
        parse_order(self.options)


_CHOICE: ContextVar[DataChoice | None] = ContextVar("sightscale_data_choice", default=None)


def chosen() -> DataChoice:
    """The current choice: what `reading` set, or else what the environment says.

    Raises UserError if the environment's value isn't known.
    """
    return _CHOICE.get() or _from_environment()


def _from_environment() -> DataChoice:
    root = os.environ.get(DATA_ROOT)
    return DataChoice(
        _read_origin(os.environ.get(DATA) or DataOrigin.HUB, DATA),
        Path(root) if root else None,
        os.environ.get(OPTIONS) or "",
        count_questions(),
    )


def _read_origin(name: str, where: str) -> DataOrigin:
    if name not in list(DataOrigin):
        raise UserError(f"{where} is {name!r}; known: {', '.join(DataOrigin)}")
    return DataOrigin(name)


@contextmanager
def reading(
    data: str, data_root: Path | None = None, options: str = "", mini_questions: int | None = None
) -> Iterator[None]:
    """Let tasks that are loaded in the block read these data, with this order of options.

    An argument that isn't given changes nothing. Raises UserError for unknown data or an unknown order, and for a data
    root that isn't a folder.
    """
    if data_root and not data_root.is_dir():
        raise UserError(f"the data root {data_root} is not a folder")
    before = chosen()
    choice = DataChoice(
        _read_origin(data, "data"),
        data_root.absolute() if data_root else before.root,
        options or before.options,
        before.mini_questions if mini_questions is None else mini_questions,
    )
    token = _CHOICE.set(choice)
    try:
        yield
    finally:
        _CHOICE.reset(token)


def follow_pointer(pointer: datasets.Dataset) -> datasets.Dataset:
    """The rows that a pointer data set of one line points to.

    Raises UserError if the pointer names no known source, if it has no mini data and mini is chosen, or if a question's
    key is none of its options.
    """
    fields: dict[str, Any] = {key: value for key, value in pointer[0].items() if value is not None}
    choice = chosen()
    rows = check_keys(_read(fields, choice), _name(fields))
    return arrange_options(rows, choice.options)


def _name(fields: Mapping[str, Any]) -> str:
    return str(fields.get("hub") or fields.get("package") or "data")


def _read(fields: Mapping[str, Any], choice: DataChoice) -> datasets.Dataset:
    if choice.origin is DataOrigin.MINI and "mini" in fields:
        return _builder(MINI_BUILDER)(fields["mini"], n=choice.mini_questions)
    if "unavailable" in fields:
        raise UserError(f"{fields['unavailable']}; use --data mini, whose questions stand in for it")
    if "hub" in fields:
        if choice.origin is DataOrigin.MINI:
            raise UserError(f"the mini suite has no stand-in for {fields['hub']}; use --data hub")
        return load_hub(
            fields["hub"], fields["splits"], fields["revision"], fields.get("where") or {}, fields.get("config")
        )
    if "package" in fields:
        name = fields["package"]
        if name not in PACKAGES:
            raise UserError(f"unknown package {name!r} in a pointer file; known: {', '.join(sorted(PACKAGES))}")
        return _builder(PACKAGES[name])(**fields.get("arguments", {}))
    raise UserError("a pointer file names neither a hub data set nor a package")


def find_copy(name: str) -> Path | None:
    """The user's own copy of a data set under the data root, if there is one."""
    root = chosen().root
    copy = root / name if root else None
    return copy if copy and copy.is_dir() else None


def load_copy(copy: Path, config: str | None = None) -> datasets.DatasetDict:
    """The splits of a data set in a folder.

    `datasets` keeps what it has read under the folder's own name: a copy elsewhere, or one that has changed, would be
    taken for the first one. So each state of each folder is kept apart.
    """
    state = hashlib.sha256(str(copy.absolute()).encode())
    for path in sorted(copy.rglob("*")):
        known = path.stat()
        state.update(f"\n{path.relative_to(copy)} {known.st_size} {known.st_mtime_ns}".encode())
    folder = Path(datasets.config.HF_DATASETS_CACHE) / "sightscale_copies" / state.hexdigest()[:16]
    loaded: datasets.DatasetDict = datasets.load_dataset(str(copy), config, cache_dir=str(folder))
    return loaded


def load_hub(
    path: str, splits: list[str], revision: str, where: Mapping[str, Any], config: str | None = None
) -> datasets.Dataset:
    """The joined splits of a hub data set, or of the user's copy, whose columns have one of the values `where` lists.

    Pictures aren't decoded to find them. Raises UserError for a split that isn't there.
    """
    copy = find_copy(path)
    loaded = load_copy(copy, config) if copy else datasets.load_dataset(path, config, revision=revision)
    missing = [split for split in splits if split not in loaded]
    if missing:
        raise UserError(f"{copy or path} has no split {missing[0]!r}; it has {', '.join(loaded)}")
    rows = datasets.concatenate_datasets([loaded[split] for split in splits])
    for column, value in where.items():
        wanted = value if isinstance(value, list) else [value]
        if value is not None:
            rows = rows.select([i for i, cell in enumerate(rows[column]) if cell in wanted])
    return rows


def _builder(where: str) -> Any:
    module, function = where.split(":")
    return getattr(import_module(module), function)
