"""torchvision's few functions in torch alone, held against Pillow and against numbers worked out by hand."""

import importlib
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from sightscale.model_adapters.engines import picture_functions as ours
from sightscale.model_adapters.engines.picture_functions import InterpolationMode


def draw(width: int = 37, height: int = 53) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def test_a_picture_becomes_numbers_and_back() -> None:
    picture = draw()
    numbers = ours.pil_to_tensor(picture)
    assert numbers.shape == (3, 53, 37) and numbers.dtype == torch.uint8
    assert ours.to_pil_image(numbers).tobytes() == picture.tobytes()
    assert ours.pil_to_tensor(picture.convert("L")).shape == (1, 53, 37)
    assert ours.to_pil_image(numbers.float() / 255).size == (37, 53)


@pytest.mark.parametrize("mode", ["BILINEAR", "BICUBIC"])
@pytest.mark.parametrize("number_type", [torch.uint8, torch.float32])
def test_resizing_is_within_a_level_of_pillows(mode: str, number_type: torch.dtype) -> None:
    picture = draw()
    numbers = ours.pil_to_tensor(picture).to(number_type)
    resized = ours.resize(numbers[None].repeat(2, 1, 1, 1), (28, 20), InterpolationMode[mode])
    wanted = np.asarray(picture.resize((20, 28), Image.Resampling[mode])).transpose(2, 0, 1)
    assert resized.dtype == number_type and resized.shape == (2, 3, 28, 20)
    assert np.abs(resized[1].numpy().clip(0, 255) - wanted.astype(float)).max() <= 1.5
    assert ours.resize(numbers, (53, 37)) is numbers


def test_resizing_to_the_nearest_repeats_pixels() -> None:
    numbers = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2)
    doubled = ours.resize(numbers, (4, 4), InterpolationMode.NEAREST)
    assert doubled.tolist() == [[[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]]


def test_padding_cropping_and_normalizing() -> None:
    numbers = torch.ones(3, 1, 2)
    padded = ours.pad(numbers, [1, 0, 0, 1], fill=[7, 8, 9])
    assert padded[1].tolist() == [[8, 1, 1], [8, 8, 8]]
    assert torch.equal(ours.pad(numbers, [1, 0, 0, 1], 7)[0], padded[0])
    assert torch.equal(ours.crop(padded, 0, 1, 1, 2), numbers)
    assert ours.normalize(numbers, [0, 1, 2], [1, 2, 4])[:, 0, 0].tolist() == [1, 0, -0.25]


def test_nothing_else_finds_them_under_torchvisions_name() -> None:
    before = sys.modules.get("torchvision")
    with ours.standing_in():
        functional = importlib.import_module("torchvision.transforms.v2.functional")
    assert functional is ours
    assert sys.modules.get("torchvision") is before
    with pytest.raises(ModuleNotFoundError), ours.standing_in():
        importlib.import_module("torchvision.ops")
    assert sys.modules.get("torchvision") is before
