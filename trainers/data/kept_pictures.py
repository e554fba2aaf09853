"""Kept pictures: the mini suite's train split drawn once into files, with what covers each patch.

A tower sees each picture several times, and drawing it anew would cost as much as a tenth of a step. The folder is
written whole or not at all, and depends on nothing but what it was asked for.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightscale.tasks.errors import UserError, blaming
from sightscale.tasks.mini import (
    NOTHING,
    PATCH_LABELS,
    REVISION,
    UNKNOWN,
    WHOLE_LABELS,
    Item,
    draw_item,
    label_scene,
    render,
    scenes_of,
)
from sightscale.trainers.data.conversations import IGNORED
from sightscale.trainers.data.worker_processes import map_in_processes
from sightscale.trainers.recipe import Mini

COMPLETE = "complete"
ITEMS_AT_ONCE = 64  # of a worker process


@dataclass(frozen=True)
class PictureList:
    """Items of the train split by number: the one at k is of the set at k, going round. A set may be named twice."""

    sets: Sequence[str]
    items: int
    seed: int

    def set_of(self, k: int) -> str:
        """The set of item k."""
        return self.sets[k % len(self.sets)]

    def item(self, k: int) -> Item:
        """Item k."""
        return draw_item(self.set_of(k), "train", self.seed, k)

    def scenes(self, k: int) -> list[dict[str, Any]]:
        """The scenes of item k, one for each of its pictures, in the order in which a question shows them."""
        return scenes_of(self.item(k).scene)

    @cached_property
    def _each(self) -> list[int]:
        """How many pictures an item of each set has; items of one set have equally many."""
        return [len(self.scenes(k)) for k in range(len(self.sets))]

    def place(self, k: int) -> int:
        """How many pictures stand before those of item k; at `items` the number of all pictures."""
        rounds, rest = divmod(k, len(self.sets))
        return rounds * sum(self._each) + sum(self._each[:rest])

    def key(self, *more: object) -> str:
        """A short name for what this list holds, drawn as `more` says."""
        text = json.dumps([REVISION, list(self.sets), self.items, self.seed, *map(str, more)])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def list_pictures(ingredient: Mini) -> PictureList:
    """The list of pictures that an ingredient of a mixture keeps. Raises ValueError for one that keeps none."""
    if ingredient.items is None:
        raise ValueError("the ingredient keeps no pictures")
    return PictureList(ingredient.sets, ingredient.items, ingredient.items_seed)


@dataclass(frozen=True)
class ListedPicture:
    """A picture of an item of a list, drawn when it is called."""

    pictures: PictureList
    item: int
    which: int

    @property
    def number(self) -> int:
        """Its place among the list's pictures."""
        return self.pictures.place(self.item) + self.which

    def __call__(self) -> Image.Image:
        return render(self.pictures.scenes(self.item)[self.which])


@dataclass(frozen=True)
class KeptPictures:
    """Pictures (side × side × 3, uint8) with their labels as numbers, in files of a folder.

    `patches` is pictures × patches × `PATCH_LABELS`, `boxes` pictures × patches × 4 (fractions; NaN where nothing is),
    `whole` pictures × `WHOLE_LABELS`; a number is the place of the name in `values`, or IGNORED.
    """

    folder: Path

    @cached_property
    def values(self) -> dict[str, list[str]]:
        """Each label's possible values."""
        values: dict[str, list[str]] = json.loads((self.folder / "values.json").read_text())
        return values

    @cached_property
    def pixels(self) -> np.ndarray:
        """The pictures."""
        return self._open("pixels")

    @cached_property
    def patches(self) -> np.ndarray:
        """The names that each patch has."""
        return self._open("patches")

    @cached_property
    def boxes(self) -> np.ndarray:
        """The box of the thing that covers each patch."""
        return self._open("boxes")

    @cached_property
    def whole(self) -> np.ndarray:
        """What holds of the whole picture."""
        return self._open("whole")

    def __len__(self) -> int:
        return len(self.pixels)

    def _open(self, name: str) -> np.ndarray:
        return open_whole_array(self.folder / f"{name}.npy")


def keep_pictures(
    pictures: PictureList, folder: Path, image_size: int, patch_size: int, workers: int = 0
) -> KeptPictures:
    """The pictures of a list in a folder of its own below `folder`, drawn now if they aren't there yet.

    With `workers` so many processes draw them.
    """
    kept = folder / f"pictures-{pictures.key(image_size, patch_size)}"
    if not (kept / COMPLETE).is_file():
        with blaming(kept, "write to"):
            _draw(pictures, kept, image_size, image_size // patch_size, workers)
    return KeptPictures(kept)


def _draw(pictures: PictureList, kept: Path, image_size: int, side: int, workers: int) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    count = pictures.place(pictures.items)
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "pixels": ((image_size, image_size, 3), np.uint8),
        "patches": ((side * side, len(PATCH_LABELS)), np.int16),
        "boxes": ((side * side, 4), np.float16),
        "whole": ((len(WHOLE_LABELS),), np.int16),
    }
    arrays = {name: allocate(kept / f"{name}.npy", kind, (count, *shape)) for name, (shape, kind) in shapes.items()}

    def draw_some(start: int) -> dict[str, list[str]]:
        values, at = _Values(), pictures.place(start)
        for k in range(start, min(start + ITEMS_AT_ONCE, pictures.items)):
            for scene in pictures.scenes(k):
                labelled = label_scene(scene, side)
                arrays["pixels"][at] = labelled.picture.convert("RGB").resize((image_size, image_size))
                for j, name in enumerate(PATCH_LABELS):
                    arrays["patches"][at, :, j] = [values.number(name, value) for value in labelled.patches[name].flat]
                arrays["boxes"][at] = labelled.boxes.reshape(-1, 4)
                arrays["whole"][at] = [values.number(name, labelled.whole[name]) for name in WHOLE_LABELS]
                at += 1
        return values.names

    # Each part numbers the names as they turn up in it; together they are numbered as one process would.
    values = _Values()
    starts = range(0, pictures.items, ITEMS_AT_ONCE)
    for start, names in zip(starts, map_in_processes(draw_some, starts, workers), strict=True):
        some = slice(pictures.place(start), pictures.place(min(start + ITEMS_AT_ONCE, pictures.items)))
        for which, labels in (("patches", PATCH_LABELS), ("whole", WHOLE_LABELS)):
            for j, label in enumerate(labels):
                table = np.array([*(values.number(label, name) for name in names[label]), IGNORED], np.int16)
                numbers = arrays[which][some, ..., j]
                arrays[which][some, ..., j] = table[np.where(numbers == IGNORED, len(table) - 1, numbers)]
    for array in arrays.values():
        array.flush()  # type: ignore[attr-defined]  # it is a memmap
    (kept / "values.json").write_text(json.dumps(values.names))
    (kept / COMPLETE).touch()


def open_whole_array(path: Path) -> np.ndarray:
    """The array in a file of a kept folder, read as it is needed. Raises UserError when not all of it is there."""
    array = open_array(path)
    if array is None:
        raise UserError(f"{path} is cut or damaged; delete {path.parent}, and it is made again")
    return array


def open_array(path: Path) -> np.ndarray | None:
    """The array in a file, read as it is needed; None where there is no file, or not all of it."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return array


def allocate(path: Path, kind: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array in a new file, with all of its room on the disk. Raises OSError when there isn't as much."""
    array: np.ndarray = np.lib.format.open_memmap(path, "w+", kind, shape)
    with path.open("rb+") as file:  # a file with holes would end the process when the disk fills up, without a word
        os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
    return array


class _Values:
    """The values of each label, numbered as they turn up; NOTHING is the first of every label."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {name: [NOTHING] for name in (*PATCH_LABELS, *WHOLE_LABELS)}
        self._numbers = {name: {NOTHING: 0} for name in self.names}

    def number(self, label: str, value: str) -> int:
        if value == UNKNOWN:
            return IGNORED
        numbers = self._numbers[label]
        if value not in numbers:
            numbers[value] = len(self.names[label])
            self.names[label].append(value)
        return numbers[value]


@dataclass(frozen=True)
class Passes:
    """The numbers below `rows` in seeded orders, one pass after the other, `length` numbers in all."""

    rows: int
    length: int
    seed: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> int:
        if not 0 <= i < self.length:
            raise IndexError(i)
        number, at = divmod(i, self.rows)
        return int(_order(self.rows, self.seed, number)[at])


@lru_cache(maxsize=2)
def _order(rows: int, seed: int, number: int) -> np.ndarray:
    return np.random.default_rng([seed, number]).permutation(rows)
