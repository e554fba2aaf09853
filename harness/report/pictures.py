"""Pictures: thumbnails of the records' pictures, read again from the tasks' documents and checked by hash.

Records hold hashes, not pixels: a picture whose pixels hash otherwise is left out, never shown in another's place.
"""

import base64
import io
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from sightscale.harness.report.folders import GivenRun
from sightscale.model_adapters.engines import hash_image
from sightscale.tasks.catalogue import list_tasks
from sightscale.tasks.errors import UserError, first_line
from sightscale.tasks.pictures import open_all, open_picture, whole_files
from sightscale.tasks.sources import reading
from sightscale.tasks.vocabulary import DataOrigin

logger = logging.getLogger(__name__)

LARGEST = 320  # pixels of a thumbnail's longer side
SMALL = 128  # below this it is kept pixel by pixel


@dataclass(frozen=True)
class Pictures:
    """Thumbnails as data URIs by the hash of the whole picture, and a sentence for each thing that is missing."""

    thumbnails: dict[str, str]
    notes: tuple[str, ...]


def read_pictures(
    given: Sequence[GivenRun],
    wanted: set[tuple[str, int]],
    *,
    data_root: Path | None = None,
    folders: Sequence[str] = (),
) -> Pictures:
    """Thumbnails of the documents `wanted` (task, doc_id). What can't be had is noted, never an error."""
    thumbnails: dict[str, str] = {}
    notes: list[str] = []
    for (data, options, task), hashes in _by_source(given, wanted).items():
        missing = {doc: expected for doc, expected in hashes.items() if not set(expected) <= thumbnails.keys()}
        if not missing:
            continue
        logger.info(f"pictures: reading {task}")
        try:
            with reading(data, data_root, options):
                _check_available(task, data)
                notes += _read_task(task, folders, missing, thumbnails)
        except Exception as error:  # data that isn't here, in whatever way, costs its pictures only
            notes.append(f"{task}: no pictures, since its data can't be read here ({first_line(error)[:200]}).")
    return Pictures(thumbnails, tuple(dict.fromkeys(notes)))


def make_thumbnail(picture: Image.Image) -> str:
    """A data URI of the RGB picture, at most `LARGEST` pixels wide and high: WebP, without loss when it is small."""
    small = picture.copy()
    lossless = max(small.size) <= SMALL
    small.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    written = io.BytesIO()
    small.save(written, "WEBP", quality=72, method=4, lossless=lossless)
    return "data:image/webp;base64," + base64.b64encode(written.getvalue()).decode("ascii")


def _by_source(
    given: Sequence[GivenRun], wanted: set[tuple[str, int]]
) -> dict[tuple[str, str, str], dict[int, tuple[str, ...]]]:
    """The hashes expected of each document, by data, order of options, and task."""
    wanted_hashes: dict[tuple[str, str, str], dict[int, tuple[str, ...]]] = {}
    for one in given:
        data = one.manifest.get("data")
        source = (
            data if data in (DataOrigin.HUB, DataOrigin.MINI) else _guess(one),
            str(one.manifest.get("options") or ""),
        )
        rows = one.run.records.drop_duplicates(["task", "doc_id"])
        for task, doc, hashes in zip(rows["task"], rows["doc_id"], rows["image_hash"], strict=True):
            if isinstance(hashes, str) and hashes and (str(task), int(doc)) in wanted:
                wanted_hashes.setdefault((*source, str(task)), {})[int(doc)] = tuple(hashes.split(","))
    return wanted_hashes


def _guess(one: GivenRun) -> str:
    """Records without a manifest may name their data."""
    named = one.run.records["data"].dropna()
    return DataOrigin.MINI if len(named) and str(named.iloc[0]).startswith(DataOrigin.MINI) else DataOrigin.HUB


def _check_available(task: str, data: str) -> None:
    """Raise ValueError for a task of ours whose data isn't here: loading it would try the network for a minute."""
    card = next((card for card in list_tasks() if card.name == task), None)
    available = card.availability() if card and data == DataOrigin.HUB else "yes"
    if available.startswith("no"):
        raise UserError(available.removeprefix("no: "))


def _read_task(
    task: str, folders: Sequence[str], expected: Mapping[int, tuple[str, ...]], thumbnails: dict[str, str]
) -> list[str]:
    documents, to_pictures = _open_task(task, tuple(folders))
    others = broken = 0
    for doc, hashes in expected.items():
        if doc >= len(documents):
            others += 1
            continue
        try:
            with whole_files():
                document = open_all(documents[doc])
            pictures = [open_picture(picture) for picture in to_pictures(document)]
            by_hash = {hash_image(picture): picture for picture in pictures}
        except Exception:  # a document that can't be read was a failed row, too
            broken += 1
            continue
        others += not set(hashes) <= by_hash.keys()
        for name in hashes:
            if name in by_hash and name not in thumbnails:
                thumbnails[name] = make_thumbnail(by_hash[name])
    notes = []
    if others:
        notes.append(
            f"{task}: {others:,} of {len(expected):,} documents hold another picture here than the records' hash says; "
            "these are not shown."
        )
    if broken:
        notes.append(f"{task}: the pictures of {broken:,} documents can't be read here.")
    return notes


def _open_task(task: str, folders: tuple[str, ...]) -> tuple[Any, Callable[[Any], list[Any]]]:
    """A task's documents, and how to get the pictures out of one."""
    from lmms_eval.tasks import TaskManager

    from sightscale.tasks import TASK_FOLDER

    where = [str(TASK_FOLDER), *folders]
    manager = TaskManager(include_path=where, include_defaults=False, model_name="sightscale")
    if task not in manager.all_tasks:
        manager = TaskManager(include_path=where, model_name="sightscale")
    if task not in manager.all_tasks:
        raise UserError("no task of this name is known")
    loaded: Any = manager.load_task_or_group([task], task_type="chat")[task]
    documents = loaded.eval_docs
    return documents, loaded.doc_to_visual
