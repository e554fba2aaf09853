"""Subsets: a task with some of another task's documents, as a YAML file that plain lmms-eval reads.

Beside it is a Python file with the documents' numbers, which refuses other data.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from sightscale.tasks import TASK_FOLDER
from sightscale.tasks.catalogue import find_card
from sightscale.tasks.errors import UserError, blaming

_LOADER = re.compile(r"^process_docs: *!function +([\w.]+) *$", re.MULTILINE)
_INCLUDED = re.compile(r"^include: *(\S+) *$", re.MULTILINE)
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


def write_subset(task: str, numbers: Sequence[int], total: int, name: str, folder: Path) -> Path:
    """Write a task `name` with the documents `numbers` of one of our tasks, which has `total`; return the YAML file.

    Raises UserError for a task that isn't ours or is a group, and if the folder can't be written to.
    """
    card = find_card(name=task)
    if card.members:
        raise UserError(f"{task} is a group; export a subset of each of its tasks: {', '.join(card.members)}")
    [source] = [path for path in TASK_FOLDER.rglob("*.yaml") if f"\ntask: {task}\n" in f"\n{path.read_text()}"]
    module, loader = f"keep_{name}", _find_loader(source).rpartition(".")
    lines = [
        f"# {len(numbers)} of the {total} documents of {task}: those that leak least without their picture.",
        f"include: {source}",
        f"task: {name}",
        f"process_docs: !function {module}.keep",
        "metadata:",
        f"  questions: {len(numbers)}",
    ]
    with blaming(folder, "write"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{module}.py").write_text(
            _CODE.format(
                task=task, total=total, kept=[int(number) for number in numbers], module=loader[0], function=loader[2]
            ),
            encoding="utf-8",
        )
        path = folder / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _find_loader(path: Path) -> str:
    """The function that reads a task's documents, named by its file or an included file."""
    text = path.read_text(encoding="utf-8")
    loader, included = _LOADER.search(text), _INCLUDED.search(text)
    if loader:
        return loader[1]
    if not included:
        raise ValueError(f"{path} names no process_docs")
    return _find_loader(path.parent / included[1])
