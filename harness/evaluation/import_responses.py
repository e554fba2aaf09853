"""Response matrices: tables of models × questions, right (1) or wrong (0), as records.

Each row is a model and each column a question. The question's name may begin with a condition in angle brackets:
`<no_image>12`. The cells are scores; there are no answers to read again and no pictures. So each question is its own
cluster, and intervals may be too narrow. A matrix is hostile text: its size is bounded, and nothing is executed.
"""

import csv
import hashlib
import io
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightscale.harness.evaluation.records import SCHEMA
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Condition, Kind, Outcome

MAX_FILE = 200_000_000  # bytes
MAX_NAME = 200  # characters of a model's or a question's name
# Other names of our conditions.
CONDITIONS = {str(condition): condition for condition in Condition} | {
    "": Condition.SIGHTED,
    "no_image": Condition.NONE,
    "no_info": Condition.OPTIONS_ONLY,
}
_HEADING = re.compile(r"(?:<(?P<condition>[^<>]*)>)?(?P<item>[^<].*)", re.DOTALL)


def import_responses(path: Path, task: str, data: str | None = None) -> dict[str, pd.DataFrame]:
    """Records of each model in a response matrix, by its name, in the file's order.

    Documents are numbered in the order in which questions first appear. An empty cell means that the question wasn't
    asked. Raises UserError, naming row and column, for anything that isn't such a table.
    """
    content = _read(path)
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a CSV file: {error}") from error
    rows = [row for row in rows if row]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise UserError(
            f"{path} is not a table of models × questions: it needs a heading row with questions and a "
            "row for each model"
        )
    columns = [_read_heading(path, heading) for heading in rows[0][1:]]
    repeated = [column for column, count in Counter(columns).items() if count > 1]
    if repeated:
        raise UserError(f"{path} has two columns for question {repeated[0][1]!r} under {repeated[0][0]}")
    numbers = {item: number for number, item in enumerate(dict.fromkeys(item for _, item in columns))}
    models: dict[str, pd.DataFrame] = {}
    for row in rows[1:]:
        model = row[0].strip()
        if not model or len(model) > MAX_NAME or not model.isprintable():
            raise UserError(f"{path} has a row without a printable model name")
        if model in models:
            raise UserError(f"{path} has two rows for {model}")
        if len(row) != len(columns) + 1:
            raise UserError(f"{path}: the row of {model} has {len(row) - 1} cells for {len(columns)} questions")
        run_id = hashlib.sha256(model.encode() + b"\0" + task.encode() + b"\0" + content).hexdigest()[:12]
        asked = [
            {
                "condition": str(condition),
                "doc_id": numbers[item],
                "item_id": item,
                "cluster": f"{task}:{numbers[item]}",
                "score": _read_score(path, model, item, cell),
            }
            for (condition, item), cell in zip(columns, row[1:], strict=True)
            if cell.strip()
        ]
        if not asked:
            raise UserError(f"{path}: the row of {model} is empty")
        records = pd.DataFrame(asked).reindex(columns=SCHEMA.names)
        records["run_id"], records["model"], records["kind"] = run_id, model, str(Kind.IMPORTED)
        records["task"], records["data"] = task, data
        records["target"] = records["response"] = records["prompt"] = ""
        records["outcome"] = str(Outcome.ANSWERED)
        models[model] = records.sort_values(["condition", "doc_id"], kind="stable", ignore_index=True)
    return models


def name_folders(models: Sequence[str]) -> dict[str, str]:
    """A folder name for each model, without characters that a file system or a shell can't take."""
    folders: dict[str, str] = {}
    for model in models:
        plain = re.sub(r"[^A-Za-z0-9_.\-]+", "-", model).strip("-.") or "model"
        names = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(1)))
        folders[model] = next(name for name in names if name not in folders.values())
    return folders


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UserError(f"there is no response matrix at {path}")
    if path.stat().st_size > MAX_FILE:
        raise UserError(f"{path} is larger than {MAX_FILE / 1e6:g} MB")
    return path.read_bytes()


def _read_heading(path: Path, heading: str) -> tuple[Condition, str]:
    match = _HEADING.fullmatch(heading.strip())
    name = (match["condition"] or "").strip() if match else ""
    item = match["item"].strip() if match else ""
    if not item or len(item) > MAX_NAME or not item.isprintable():
        raise UserError(f"{path} has a column without a question name")
    if name not in CONDITIONS:
        known = ", ".join(f"<{condition}>" for condition in CONDITIONS if condition)
        raise UserError(f"{path} has a column under <{name[:40]}>; known: {known}")
    return CONDITIONS[name], item


def _read_score(path: Path, model: str, item: str, cell: str) -> float:
    try:
        score = float(cell)
    except ValueError:
        score = float("nan")
    if not 0 <= score <= 1:
        raise UserError(f"{path}: {model} has {cell[:20]!r} for question {item!r}; a score lies between 0 and 1")
    return score
