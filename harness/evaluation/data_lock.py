"""Data locks: the documents of tasks as they are now, so that a later run refuses others.

A lock holds a short digest of each document's text and pixels, and the data set's commit if the hub gave it. A data set
can change under the same name, and a score on other questions looks just like the first.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from tqdm import tqdm

from sightscale.harness.evaluation.load_tasks import LoadedTask, load_tasks
from sightscale.harness.evaluation.manifest import describe_data
from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.vocabulary import Condition

logger = logging.getLogger(__name__)

DIGITS = 16  # of a document's digest, in hexadecimal
UNREADABLE = "unreadable"  # stands for the digest of a document whose pictures can't be read
MAX_FILE = 500_000_000  # bytes
NAMED = 3  # documents that a message names
_COMMIT = re.compile(r"@([0-9a-f]{40})(?:/|$)")


class LockedTask(BaseModel):
    """A task's documents: the data set's commit, if the hub gave one, and a digest of each, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    commit: str | None = None
    documents: tuple[str, ...]


class Lock(BaseModel):
    """The documents of tasks. `data` and `options` say where they come from and how their options are ordered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    data: str
    options: str = ""
    tasks: dict[str, LockedTask] = Field(min_length=1)


def lock_tasks(names: tuple[str, ...], data: str, options: str, folders: tuple[str, ...] = ()) -> Lock:
    """Read every document of the tasks from the current data. Raises UserError as `load_tasks` does."""
    _, leaves = load_tasks(names, "default", folders)
    locked = {}
    for name, task in leaves.items():
        count = len(task.documents)
        progress = tqdm(_digest_each(task.documents, count), name, count, unit="doc", disable=False)
        locked[name] = LockedTask(commit=find_commit(task.documents), documents=tuple(progress))
    return Lock(data=describe_data(data), options=options, tasks=locked)


def write_lock(lock: Lock, path: Path) -> None:
    """Write a lock as JSON, whole or not at all. Raises UserError if it can't be written."""
    partial = path.with_name(f"{path.name}.partial")
    with blaming(path, "write"):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(lock.model_dump(), indent=1) + "\n", encoding="utf-8")
        partial.replace(path)


def read_lock(path: Path) -> Lock:
    """A lock that `write_lock` wrote. Raises UserError naming the field that is wrong."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise UserError(f"the lock {path} is larger than {MAX_FILE / 1e6:g} MB")
        return Lock.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read the lock {path}: {(error.strerror or str(error)).lower()}") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise UserError(f"{path} is not a data lock: {f'{where}: ' if where else ''}{fault['msg']}") from error


def check_lock(
    lock: Lock, where: str, tasks: Mapping[str, LoadedTask], data: str, options: str, limit: int | None
) -> None:
    """Compare the documents of a run with a lock, before any of them is asked.

    Raises UserError naming the first documents that differ, and for a task that isn't in the lock.
    """
    if (lock.data, lock.options) != (describe_data(data), options):
        was = f"{lock.data}{f', options {lock.options}' if lock.options else ''}"
        now = f"{describe_data(data)}{f', options {options}' if options else ''}"
        raise UserError(f"{where} locks other data: {was}, not {now}")
    for name, task in tasks.items():
        if name not in lock.tasks:
            raise UserError(f"{where} doesn't hold task {name!r}; lock it with `sightscale data lock`")
        documents = task.documents
        locked = lock.tasks[name].documents
        if len(documents) != len(locked):
            raise UserError(f"task {name!r} has {len(documents):,} documents, and {len(locked):,} in {where}")
        count = min(limit or len(locked), len(locked))
        logger.info(f"data: comparing {count:,} documents of {name} with {where}")
        changed = [i for i, digest in enumerate(_digest_each(documents, count)) if digest != locked[i]]
        if changed:
            first = ", ".join(map(str, changed[:NAMED])) + (", …" if len(changed) > NAMED else "")
            raise UserError(
                f"task {name!r}: {len(changed):,} of {count:,} documents differ from those of {where} "
                f"(the first is number {first}); "
                "get the locked data, or lock today's"
            )


def describe_documents(records: pd.DataFrame, commits: dict[str, str | None]) -> dict[str, dict[str, Any]]:
    """For each task of a run's records how many documents were asked, and SHA-256 over their digests in order."""
    sighted = records[records["condition"] == Condition.SIGHTED].sort_values("doc_id")
    return {
        str(task): {
            "documents": len(rows),
            "content": hashlib.sha256("\n".join(rows["document_hash"].fillna(UNREADABLE)).encode()).hexdigest(),
            "commit": commits.get(str(task)),
        }
        for task, rows in sighted.groupby("task", sort=False)
    }


def find_commit(documents: Any) -> str | None:
    """The commit of the data set that documents came from, as the hub resolved it when they were fetched."""
    sources = getattr(documents, "download_checksums", None) or {}
    commits = {match[1] for source in sources if (match := _COMMIT.search(str(source)))}
    return commits.pop() if len(commits) == 1 else None


def _digest_each(documents: Any, count: int) -> Iterator[str]:
    from sightscale.model_adapters.requests import digest_document, read_document

    for number in range(count):
        try:
            yield digest_document(read_document(documents, number))[:DIGITS]
        except Exception:  # a picture may be broken in any way
            yield UNREADABLE
