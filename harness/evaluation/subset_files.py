"""Subsets: a task with some of another task's documents, as files that plain lmms-eval reads from any folder.

The YAML file holds everything that the other task's files say and no path of this machine. Beside it are the pointer to
the data, and a Python file with the documents' numbers, which refuses other data.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import find_card
from sightscale.tasks.errors import UserError, blaming

_CODE = '''"""Which documents of {task} are kept, by their numbers."""

from {module} import {function}

ALL = {total}  # documents of {task} when these were chosen
KEPT = {kept}


def keep(pointer):
    """The kept documents. Raises ValueError where the data are others than those that they were chosen from."""
    docs = {function}(pointer)
    if len(docs) != ALL:
        raise ValueError(f"{task} has {{len(docs)}} documents here, and {{ALL}} when {{len(KEPT)}} of them were chosen")
    return docs.select(KEPT)
'''


class _Function(str):
    """What `!function` names."""


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    pass


_Loader.add_constructor("!function", lambda loader, node: _Function(node.value))
_Dumper.add_representer(_Function, lambda dumper, name: dumper.represent_scalar("!function", name))


def write_subset(task: str, numbers: Sequence[int], total: int, name: str, folder: Path) -> Path:
    """Write a task `name` with the documents `numbers` of one of our tasks, which has `total`; return the YAML file.

    The folder may be moved to another machine that has sightscale. Raises UserError for a task that isn't ours or is a
    group, and if the folder can't be written to.
    """
    card = find_card(name=task)
    if card.members:
        raise UserError(f"{task} is a group; export a subset of each of its tasks: {', '.join(card.members)}")
    [source] = [path for path in TASK_FOLDER.rglob("*.yaml") if f"\ntask: {task}\n" in f"\n{path.read_text()}"]
    config = _read_whole(source)
    [(split, pointer)] = config["dataset_kwargs"]["data_files"].items()
    code, (module, _, function) = f"keep_{name}", config["process_docs"].rpartition(".")
    config |= {
        "task": name,
        "dataset_kwargs": {"data_files": {split: f"{name}.jsonl"}},
        "process_docs": _Function(f"{code}.keep"),
        "metadata": config["metadata"] | {"questions": len(numbers)},
    }
    path = folder / f"{name}.yaml"
    with blaming(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / pointer, folder / f"{name}.jsonl")
        (folder / f"{code}.py").write_text(
            _CODE.format(task=task, total=total, kept=[int(n) for n in numbers], module=module, function=function),
            encoding="utf-8",
        )
        path.write_text(
            f"# {len(numbers)} of the {total} documents of {task}: those that leak least without their picture.\n"
            + yaml.dump(config, Dumper=_Dumper, sort_keys=False, allow_unicode=True),
            encoding="utf-8",
        )
    return path


def _read_whole(path: Path) -> dict[str, Any]:
    """What a task's file says together with what it includes."""
    config: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    if "include" not in config:
        return config
    base = _read_whole(path.parent / config.pop("include"))
    return base | config | {"metadata": base.get("metadata", {}) | config.get("metadata", {})}
