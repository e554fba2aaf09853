"""Kept features: what a tower that no longer learns makes of each picture of a list, computed once.

Every stage and every member of a family that trains on these pictures behind that tower reads the same file. It is
written whole or not at all.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sightscale.tasks.errors import blaming
from sightscale.tasks.mini import render
from sightscale.trainers.data.kept_pictures import ListedPicture, PictureList, allocate, open_array
from sightscale.trainers.data.worker_processes import map_in_processes

AT_ONCE = 32  # pictures that the tower sees at a time, and that a worker process draws

See = Callable[[torch.Tensor], torch.Tensor]  # pictures (n × side × side × 3, uint8) to features: n × patches × width


@dataclass(frozen=True)
class KeptFeatures:
    """The features of every picture of some lists, each an array of pictures × patches × width in half precision."""

    lists: Mapping[PictureList, np.ndarray]

    def find(self, pictures: Sequence[ListedPicture]) -> torch.Tensor:
        """The features of some pictures, as a tower would give them: pictures × patches × width, float32."""
        rows = [self.lists[picture.pictures][picture.number] for picture in pictures]
        return torch.from_numpy(np.stack(rows).astype(np.float32))

    @property
    def tokens(self) -> int:
        """Tokens that a picture is."""
        return int(next(iter(self.lists.values())).shape[1])


def keep_features(pictures: PictureList, see: See, tower: str, folder: Path, side: int, workers: int = 0) -> np.ndarray:
    """The features of a list's pictures from a file in `folder`, computed now if it isn't there; they're `tower`'s.

    `side` is the pictures' side as the tower sees them, in pixels. With `workers` so many processes draw them.
    """
    path = folder / f"features-{pictures.key(tower)}.npy"
    features = open_array(path)
    if features is None:
        with blaming(path, "write"):
            folder.mkdir(parents=True, exist_ok=True)
            _compute(pictures, see, path, draw_pictures(pictures, folder, side, workers))
        features = open_array(path)
        assert features is not None  # it was written a moment ago
    return features


def draw_pictures(pictures: PictureList, folder: Path, side: int, workers: int) -> Iterable[np.ndarray]:
    """A list's pictures in order, `AT_ONCE` items or so at a time: n × side × side × 3, uint8.

    With `workers` so many processes draw them, into a file in `folder`, unless it is there already.
    """

    def draw_some(start: int) -> np.ndarray:
        items = range(start, min(start + AT_ONCE, pictures.items))
        drawn = (render(scene).convert("RGB") for k in items for scene in pictures.scenes(k))
        return np.stack([np.asarray(picture.resize((side, side))) for picture in drawn])

    starts = range(0, pictures.items, AT_ONCE)
    if workers < 2:
        return map(draw_some, starts)
    path = folder / f"drawn-{pictures.key(side)}.npy"
    array = open_array(path)
    if array is None:
        unfinished = path.with_suffix(f".{os.getpid()}.partial")
        array = allocate(unfinished, np.uint8, (pictures.place(pictures.items), side, side, 3))

        def write_some(start: int) -> None:
            some = draw_some(start)
            array[pictures.place(start) : pictures.place(start) + len(some)] = some

        for _ in map_in_processes(write_some, starts, workers):
            pass
        unfinished.replace(path)
    return (array[start : start + 16 * AT_ONCE] for start in range(0, len(array), 16 * AT_ONCE))


def _compute(pictures: PictureList, see: See, path: Path, drawn: Iterable[np.ndarray]) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    array, at = None, 0
    try:
        for some in drawn:
            with torch.no_grad():
                features = see(torch.from_numpy(np.array(some))).to(torch.float16).cpu().numpy()
            if array is None:
                array = allocate(unfinished, np.float16, (pictures.place(pictures.items), *features.shape[1:]))
            array[at : at + len(some)] = features
            at += len(some)
        assert array is not None and at == len(array)  # a list has at least one item
        array.flush()  # type: ignore[attr-defined]  # it is a memmap
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
