"""Doses: pictures keep their size, lose more with a stronger dose, and lose the same again; bad amounts are named."""

import numpy as np
import pytest
from PIL import Image

from sightscale.model_adapters.blindfold.doses import degrade
from sightscale.model_adapters.blindfold.stand_ins import parse_conditions
from sightscale.tasks.doses import Dose, parse_dose
from sightscale.tasks.vocabulary import Degradation


def draw_picture() -> Image.Image:
    """A picture with detail at every scale."""
    rng = np.random.default_rng(0)
    layers = [np.kron(rng.random((96 // size, 128 // size)), np.ones((size, size))) for size in (1, 2, 4, 8, 16, 32)]
    return Image.fromarray((np.stack([sum(layers) / 6] * 3, axis=-1) * 255).astype(np.uint8))


def distance(one: Image.Image, two: Image.Image) -> float:
    return float(np.abs(np.asarray(one, float) - np.asarray(two, float)).mean())


@pytest.mark.parametrize(
    ("kind", "amounts"),
    [
        (Degradation.DOWNSCALE, (96, 48, 24, 12, 4)),  # from weak to strong
        (Degradation.BLUR, (0.5, 1, 2, 4, 16)),
        (Degradation.OCCLUDE, (0.1, 0.25, 0.5, 0.75, 1)),
        (Degradation.NOISE, (0.1, 0.25, 0.5, 0.75, 1)),
    ],
)
def test_a_stronger_dose_leaves_less(kind: Degradation, amounts: tuple[float, ...]) -> None:
    picture = draw_picture()
    shown = [degrade(picture, Dose(kind, amount), "seed") for amount in amounts]
    assert all(one.size == picture.size and one.mode == "RGB" for one in shown)
    distances = [distance(picture, one) for one in shown]
    assert distances == sorted(distances) and distances[0] > 0
    assert shown[1] == degrade(picture, Dose(kind, amounts[1]), "seed")


@pytest.mark.parametrize("kind", [Degradation.OCCLUDE, Degradation.NOISE])
def test_what_a_dose_takes_a_stronger_one_takes_too(kind: Degradation) -> None:
    picture = draw_picture()
    weak, strong = (np.asarray(degrade(picture, Dose(kind, share), "s")) for share in (0.3, 0.6))
    changed = (weak != np.asarray(picture)).any(axis=-1)
    assert (strong[changed] == weak[changed]).all()
    assert changed.mean() == pytest.approx(0.3, abs=0.03)
    assert degrade(picture, Dose(kind, 0.3), "other") != degrade(picture, Dose(kind, 0.3), "s")


def test_shuffled_tiles_are_the_same_tiles() -> None:
    picture = draw_picture()
    shuffled = degrade(picture, Dose(Degradation.SHUFFLE, 4), "s")
    assert shuffled != picture
    assert sorted(np.asarray(shuffled).ravel()) == sorted(np.asarray(picture).ravel())
    with pytest.raises(ValueError, match="can't be cut into 64"):
        degrade(Image.new("RGB", (20, 20)), Dose(Degradation.SHUFFLE, 64), "s")


def test_a_small_picture_isnt_enlarged() -> None:
    picture = draw_picture()
    assert degrade(picture, Dose(Degradation.DOWNSCALE, 128), "s") == picture
    assert degrade(Image.new("L", (1, 900), 7), Dose(Degradation.DOWNSCALE, 4), "s").size == (1, 900)


def test_doses_are_parsed_once_each_and_bad_ones_named() -> None:
    assert parse_conditions("none, downscale:32,downscale:32.0,blur:1.5") == ["none", "downscale:32", "blur:1.5"]
    assert parse_dose("none") is None and parse_dose("sideways:3") is None
    for text, reason in (
        ("downscale:0", "a whole number from 1 to 4096"),
        ("downscale:2.5", "a whole number"),
        ("blur:nan", "a number from 0.1 to 512"),
        ("occlude:1.5", "from 0.01 to 1"),
        ("noise:much", "is not a dose"),
        ("sideways:3", "unknown blind condition 'sideways:3'"),
    ):
        with pytest.raises(ValueError, match=reason):
            parse_conditions(text)
