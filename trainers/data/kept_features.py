"""Kept features: what a tower that no longer learns makes of each picture of a list, computed once.

Every stage and every member of a family that trains on these pictures behind that tower reads the same file. It is
written whole or not at all.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sightscale.tasks.errors import blaming
from sightscale.tasks.mini import render
from sightscale.trainers.data.kept_pictures import ListedPicture, PictureList, allocate, open_array

AT_ONCE = 32  # pictures that the tower sees at a time

See = Callable[[list[Image.Image]], torch.Tensor]  # pictures to features: pictures × patches × width


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


def keep_features(pictures: PictureList, see: See, tower: str, folder: Path) -> np.ndarray:
    """The features of a list's pictures from a file in `folder`, computed now if it isn't there; they're `tower`'s."""
    path = folder / f"features-{pictures.key(tower)}.npy"
    features = open_array(path)
    if features is None:
        with blaming(path, "write"):
            folder.mkdir(parents=True, exist_ok=True)
            _compute(pictures, see, path)
        features = open_array(path)
        assert features is not None  # it was written a moment ago
    return features


def _compute(pictures: PictureList, see: See, path: Path) -> None:
    drawn = _draw(pictures)
    unfinished = path.with_suffix(f".{os.getpid()}.partial")
    array, at = None, 0
    try:
        while some := list(islice(drawn, AT_ONCE)):
            with torch.no_grad():
                features = see(some).to(torch.float16).cpu().numpy()
            if array is None:
                array = allocate(unfinished, np.float16, (pictures.place(pictures.items), *features.shape[1:]))
            array[at : at + len(some)] = features
            at += len(some)
        assert array is not None and at == len(array)  # a list has at least one item
        array.flush()  # type: ignore[attr-defined]  # it is a memmap
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _draw(pictures: PictureList) -> Iterator[Image.Image]:
    for k in range(pictures.items):
        for scene in pictures.scenes(k):
            yield render(scene).convert("RGB")
