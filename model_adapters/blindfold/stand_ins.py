"""Blind conditions: what stands in for a picture when a model is not to see it.

`none` leaves the picture and its place in the prompt out; `black`, `noise` (seeded) and `mean` (the
picture's own mean colour, so not free of information about colour) keep its size; `mismatched`
shows another document's picture, never one with the same pixels.
"""

import hashlib
import random
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, ImageStat

from sightscale.model_adapters.engines import hash_image
from sightscale.tasks.doses import parse_dose
from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import ALTERED_CONDITIONS


def parse_conditions(text: str) -> list[str]:
    """Conditions other than sighted from a comma-separated list, each once. Raises UserError for an unknown name."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    names = list(dict.fromkeys(str(parse_dose(name) or name) for name in names))
    unknown = [name for name in names if name not in ALTERED_CONDITIONS and not parse_dose(name)]
    if unknown:
        known = f"{', '.join(ALTERED_CONDITIONS)}, and doses such as downscale:32"
        raise UserError(f"unknown blind condition {unknown[0]!r}; known: {known}")
    return names


def black(image: Image.Image) -> Image.Image:
    """A black picture of the same size."""
    return Image.new("RGB", image.size)


def mean_colour(image: Image.Image) -> Image.Image:
    """A picture of the same size in the mean colour of an RGB picture."""
    red, green, blue = (round(value) for value in ImageStat.Stat(image).mean)
    return Image.new("RGB", image.size, (red, green, blue))


def noise(image: Image.Image, seed: str) -> Image.Image:
    """Uniform noise of the same size; `seed` decides every pixel."""
    rng = np.random.default_rng(list(hashlib.sha256(seed.encode()).digest()))
    return Image.fromarray(rng.integers(0, 256, (image.height, image.width, 3), dtype=np.uint8))


def mismatched(
    images: list[Image.Image], doc_id: int, n_docs: int, read_images: Callable[[int], list[Image.Image]], seed: str
) -> list[Image.Image]:
    """Other documents' pictures in place of `images`, none with the pixels of any of them.

    The choice depends on `seed`, the document and the data, not on the model. A document whose pictures can't be read
    stands in for none. Raises UserError when every other document shows the same pictures.
    """
    hashes = {hash_image(image) for image in images}
    pictures: list[Image.Image] = []
    for other in _others(doc_id, n_docs, seed):
        try:
            drawn = read_images(other)
        except Exception:  # it may be broken in any way, which costs its own question and no other
            continue
        pictures += [image for image in drawn if hash_image(image) not in hashes]
        if len(pictures) >= len(images):
            return pictures[: len(images)]
    raise UserError(
        "the condition `mismatched` needs documents with different pictures, and there are none; "
        "leave it out of --blind"
    )


def _others(doc_id: int, n_docs: int, seed: str) -> Iterator[int]:
    """The other documents in a seeded order, without shuffling a large data set for each of them."""
    rng = random.Random(f"{seed}:{doc_id}")
    tried = {doc_id}
    while len(tried) < n_docs and len(tried) <= 64:
        other = rng.randrange(n_docs)
        if other not in tried:
            tried.add(other)
            yield other
    rest = [other for other in range(n_docs) if other not in tried]
    rng.shuffle(rest)
    yield from rest
