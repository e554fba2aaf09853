"""Training pictures: opened as they are, or changed so that a small set looks larger than it is."""

import random
from pathlib import Path

from PIL import Image, ImageChops

SHIFT = 8  # pixels at most, either way; what leaves on one side comes back on the other


def open_picture(path: Path, change: int = 0) -> Image.Image:
    """The picture at `path` as RGB; a `change` other than 0 decides flips, a transposition and a shift."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if not change:
        return picture
    rng = random.Random(change)
    for method in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.TRANSPOSE):
        if rng.random() < 0.5:
            picture = picture.transpose(method)
    return ImageChops.offset(picture, rng.randint(-SHIFT, SHIFT), rng.randint(-SHIFT, SHIFT))
