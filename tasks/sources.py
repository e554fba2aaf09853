"""Sources: where a task's rows come from when they are not a data set on the hub.

A task's YAML names a one-line pointer file beside it (`dataset_path: json`), such as
`{"source": "easy_vqa", "split": "test", "seed": 0}`, and `process_docs: !function
sightscale.tasks.sources.follow_pointer`. lmms-eval loads the pointer; this module replaces it by
the rows it points to. So a task stays one plain YAML that works with every kind of model.
"""

from importlib import import_module
from typing import Any

import datasets

BUILDERS = {
    "easy_vqa": "sightscale.tasks.easy_vqa.rows:build_rows",
}


def follow_pointer(pointer: datasets.Dataset) -> datasets.Dataset:
    """The rows that a pointer data set of one line points to.

    Raises ValueError when the pointer names no known source.
    """
    fields: dict[str, Any] = {key: value for key, value in pointer[0].items() if value is not None}
    name = fields.pop("source", None)
    if name not in BUILDERS:
        raise ValueError(f"unknown data source {name!r} in a pointer file; known: {', '.join(sorted(BUILDERS))}")
    module, function = BUILDERS[name].split(":")
    return getattr(import_module(module), function)(**fields)
