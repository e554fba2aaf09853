"""Doses: pictures with part of their information taken away, by an amount.

`downscale:PX` shrinks the longer side to PX pixels and enlarges it again; `blur:SIGMA` is a Gaussian of so many
pixels; `shuffle:GRID` cuts the picture into GRID × GRID tiles and mixes them; `occlude:SHARE` covers that share of an
8 × 8 grid with grey; `noise:SHARE` replaces that share of the pixels. Sizes stay, so a model reads as many tokens. What
a dose takes away, a stronger one takes away too: covered tiles and replaced pixels stay so.
"""

import hashlib

import numpy as np
from PIL import Image, ImageFilter

from sightscale.tasks.doses import Dose
from sightscale.tasks.vocabulary import Degradation

TILES = 8  # of an occluded picture, along each side
GREY = (128, 128, 128)


def degrade(image: Image.Image, dose: Dose, seed: str) -> Image.Image:
    """A picture of the same size with what the dose leaves of it; `seed` decides what is random."""
    picture = image.convert("RGB")
    if dose.kind is Degradation.DOWNSCALE:
        return _downscale(picture, int(dose.amount))
    if dose.kind is Degradation.BLUR:
        return picture.filter(ImageFilter.GaussianBlur(dose.amount))
    rng = np.random.default_rng(list(hashlib.sha256(seed.encode()).digest()))
    if dose.kind is Degradation.SHUFFLE:
        return _shuffle(picture, int(dose.amount), rng)
    if dose.kind is Degradation.OCCLUDE:
        return _occlude(picture, dose.amount, rng)
    pixels = np.asarray(picture)
    replaced = rng.random(pixels.shape[:2]) < dose.amount
    drawn = rng.integers(0, 256, pixels.shape, dtype=np.uint8)
    return Image.fromarray(np.where(replaced[..., None], drawn, pixels))


def _downscale(picture: Image.Image, longer: int) -> Image.Image:
    share = longer / max(picture.size)
    if share >= 1:
        return picture
    small = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    return picture.resize(small, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BICUBIC)


def _shuffle(picture: Image.Image, grid: int, rng: np.random.Generator) -> Image.Image:
    """Tiles of one size are mixed; what their grid leaves over at the right and bottom edges stays."""
    width, height = picture.width // grid, picture.height // grid
    if not width or not height:
        raise ValueError(f"a picture of {picture.width} × {picture.height} can't be cut into {grid} × {grid} tiles")
    shuffled = picture.copy()
    places = [(column * width, row * height) for row in range(grid) for column in range(grid)]
    for (left, top), other in zip(places, rng.permutation(len(places)), strict=True):
        source = places[int(other)]
        shuffled.paste(picture.crop((*source, source[0] + width, source[1] + height)), (left, top))
    return shuffled


def _occlude(picture: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    covered = picture.copy()
    count = round(share * TILES**2)
    for tile in rng.permutation(TILES**2)[:count]:
        row, column = divmod(int(tile), TILES)
        box = (
            round(column * picture.width / TILES),
            round(row * picture.height / TILES),
            round((column + 1) * picture.width / TILES),
            round((row + 1) * picture.height / TILES),
        )
        covered.paste(GREY, box)
    return covered
