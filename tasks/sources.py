"""Sources: where a task's rows come from, decided when the task is loaded.

A task's YAML names a one-line pointer file beside it (`dataset_path: json`) and `process_docs: !function
sightscale.tasks.sources.follow_pointer`. lmms-eval loads the pointer; this module replaces it by the rows
it points to. So one plain YAML serves the hub's data, the user's own copy and the embedded mini
suite, with every kind of model, under plain lmms-eval too.

A pointer holds `hub` (a data set's id with `splits`, to be joined, `revision`, and `where`, the values that
columns must have) or `package` (a builder of this package with its arguments), and may hold `mini`, the
set of the mini suite that stands in for it. Environment variables choose: `SIGHTSCALE_DATA` (`hub`, the
default, or `mini`), `SIGHTSCALE_DATA_ROOT`, a folder in which `<data root>/<hub id>` is looked for first, and
`SIGHTSCALE_OPTIONS`, the order of a multiple-choice question's options.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import datasets

from sightscale.tasks.errors import UserError
from sightscale.tasks.option_orders import arrange_options, parse_order

DATA, DATA_ROOT, OPTIONS = "SIGHTSCALE_DATA", "SIGHTSCALE_DATA_ROOT", "SIGHTSCALE_OPTIONS"
HUB, MINI = "hub", "mini"
PACKAGES = {
    "easy_vqa": "sightscale.tasks.easy_vqa.rows:build_rows",
    "nights": "sightscale.tasks.similarity.releases:build_nights",
    "pieapp": "sightscale.tasks.similarity.releases:build_pieapp",
}
MINI_BUILDER = "sightscale.tasks.mini:build_rows"


def follow_pointer(pointer: datasets.Dataset) -> datasets.Dataset:
    """The rows that a pointer data set of one line points to.

    Raises UserError when the pointer names no known source, or has no mini data and mini is asked for.
    """
    fields: dict[str, Any] = {key: value for key, value in pointer[0].items() if value is not None}
    return arrange_options(_read(fields), os.environ.get(OPTIONS) or "")


def _read(fields: Mapping[str, Any]) -> datasets.Dataset:
    if chosen_data() == MINI and "mini" in fields:
        return _builder(MINI_BUILDER)(fields["mini"])
    if "hub" in fields:
        if chosen_data() == MINI:
            raise UserError(f"the mini suite has nothing in place of {fields['hub']}; use --data hub")
        return load_hub(
            fields["hub"], fields["splits"], fields["revision"], fields.get("where") or {}, fields.get("config")
        )
    if "package" in fields:
        name = fields["package"]
        if name not in PACKAGES:
            raise UserError(f"unknown package {name!r} in a pointer file; known: {', '.join(sorted(PACKAGES))}")
        return _builder(PACKAGES[name])(**fields.get("arguments", {}))
    raise UserError("a pointer file names neither a hub data set nor a package")


@contextmanager
def reading(data: str, data_root: Path | None = None, options: str = "") -> Iterator[None]:
    """Let tasks that are loaded inside read these data, in this order of options; as before afterwards.

    Raises UserError for unknown data or an unknown order, and for a data root that is no folder.
    """
    if data not in (HUB, MINI):
        raise UserError(f"unknown data {data!r}; known: {HUB}, {MINI}")
    if data_root and not data_root.is_dir():
        raise UserError(f"the data root {data_root} is not a folder")
    parse_order(options)
    wanted = {DATA: data, DATA_ROOT: str(data_root.absolute()) if data_root else None, OPTIONS: options}
    wanted = {name: value for name, value in wanted.items() if value}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update({name: str(value) for name, value in wanted.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def chosen_data() -> str:
    """Which data the tasks read: `hub` or `mini`. Raises UserError when the environment says another."""
    chosen = os.environ.get(DATA) or HUB
    if chosen not in (HUB, MINI):
        raise UserError(f"{DATA} is {chosen!r}; known: {HUB}, {MINI}")
    return chosen


def find_copy(name: str) -> Path | None:
    """The user's own copy of a data set under the data root, if there is one."""
    root = os.environ.get(DATA_ROOT)
    copy = Path(root) / name if root else None
    return copy if copy and copy.is_dir() else None


def load_hub(
    path: str, splits: list[str], revision: str, where: Mapping[str, Any], config: str | None = None
) -> datasets.Dataset:
    """The joined splits of a hub data set, or of the user's copy, whose columns have one of the values `where` lists.

    Pictures aren't decoded to find them. Raises UserError for a split that isn't there.
    """
    copy = find_copy(path)
    loaded = (
        datasets.load_dataset(str(copy), config) if copy else datasets.load_dataset(path, config, revision=revision)
    )
    missing = [split for split in splits if split not in loaded]
    if missing:
        raise UserError(f"{copy or path} has no split {missing[0]!r}; it has {', '.join(loaded)}")
    rows = datasets.concatenate_datasets([loaded[split] for split in splits])
    for column, value in where.items():
        wanted = value if isinstance(value, list) else [value]
        if value is not None:
            rows = rows.select([i for i, one in enumerate(rows[column]) if one in wanted])
    return rows


def _builder(where: str) -> Any:
    module, function = where.split(":")
    return getattr(import_module(module), function)
