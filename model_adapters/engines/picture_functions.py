"""The few functions of torchvision that processors of pictures call, in torch alone, for machines without torchvision.

Some processors of transformers exist for torchvision only, or their modules name it when they are imported, though
all they ask of it is to resize, pad and crop a tensor. `standing_in` lets those modules be imported with this one in
its place; nothing else finds it there. Resizing is torch's own, which torchvision calls as well. timm, whose towers
some models see with, names more of it when it is imported, though no tower calls any.
"""

import importlib
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import image_processing_backends, image_utils


class InterpolationMode(Enum):
    """The ways to resize; torch knows all but the last three, of which `processors` refuses `LANCZOS`."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


BY_PILLOW = {
    Image.Resampling.NEAREST: InterpolationMode.NEAREST,
    Image.Resampling.BILINEAR: InterpolationMode.BILINEAR,
    Image.Resampling.BICUBIC: InterpolationMode.BICUBIC,
    Image.Resampling.LANCZOS: InterpolationMode.LANCZOS,
}
SMOOTH = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
NAMED_BY_TIMM = ("transforms", "transforms.functional", "ops", "ops.misc", "datasets")


def pil_to_tensor(picture: Image.Image) -> Tensor:
    """A picture as numbers from 0 to 255, of shape [channels, height, width]."""
    array = np.array(picture)
    return torch.from_numpy(array if array.ndim == 3 else array[:, :, None]).permute(2, 0, 1)


def to_pil_image(tensor: Tensor) -> Image.Image:
    """The picture of a tensor of shape [channels, height, width]; numbers with a fraction go from 0 to 1."""
    if tensor.is_floating_point():
        tensor = tensor.mul(255).byte()
    array = tensor.permute(1, 2, 0).cpu().numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def resize(
    image: Tensor,
    size: Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Tensor:
    """`image`, of shape [..., channels, height, width], at the `size` (height, width), in its own number type."""
    *before, channels, height, width = image.shape
    if (height, width) == tuple(size):
        return image
    flat = image.reshape(-1, channels, height, width)
    as_it_is = flat.dtype in (torch.float32, torch.float64) or (
        flat.dtype == torch.uint8 and _resizes_bytes(interpolation, flat)
    )
    smooth = interpolation in SMOOTH
    resized = torch.nn.functional.interpolate(
        flat if as_it_is else flat.float(),
        size=list(size),
        mode=interpolation.value,
        align_corners=False if smooth else None,
        antialias=bool(antialias) and smooth,
    )
    if not as_it_is:
        resized = (resized.clamp(0, 255) if flat.dtype == torch.uint8 else resized).round().to(flat.dtype)
    return resized.reshape(*before, channels, *size)


def _resizes_bytes(interpolation: InterpolationMode, image: Tensor) -> bool:
    """Whether torchvision resizes bytes as they are, rather than as fractions that it rounds."""
    if interpolation not in SMOOTH:
        return True
    if image.device.type != "cpu":
        return False
    fast = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") or platform.machine() in ("aarch64", "arm64")
    return fast or interpolation is InterpolationMode.BICUBIC


def pad(
    image: Tensor, padding: Sequence[int], fill: float | Sequence[float] | None = 0, padding_mode: str = "constant"
) -> Tensor:
    """`image` with as many columns and rows more at its left, top, right and bottom, of each channel's `fill`."""
    left, top, right, bottom = padding
    around = [left, right, top, bottom]
    if padding_mode != "constant":
        return torch.nn.functional.pad(image, around, mode=padding_mode)
    if fill is None or isinstance(fill, int | float):
        return torch.nn.functional.pad(image, around, value=fill or 0)
    values = list(fill) * (image.shape[-3] if len(fill) == 1 else 1)
    channels = [torch.nn.functional.pad(image[..., i, :, :], around, value=value) for i, value in enumerate(values)]
    return torch.stack(channels, dim=-3)


def crop(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """The part of `image` that begins at a row and a column and lies inside it."""
    return image[..., top : top + height, left : left + width]


def normalize(image: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """`image` less each channel's mean, over its deviation."""
    middle, spread = (torch.as_tensor(values, dtype=image.dtype, device=image.device) for values in (mean, std))
    if middle.ndim == 1:
        middle = middle.view(-1, 1, 1)
    if spread.ndim == 1:
        spread = spread.view(-1, 1, 1)
    return (image.sub_(middle) if inplace else image.sub(middle)).div_(spread)


class _Absent:
    """What a class of torchvision is where torchvision isn't: nothing is one, and none can be made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise ImportError(f"{type(self).__name__} requires the torchvision library but it was not found")


class _Names(ModuleType):
    """A module of torchvision whose every name is a class that can't be made."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return InterpolationMode if name == InterpolationMode.__name__ else type(name, (_Absent,), {})


def has_torchvision() -> bool:
    """Whether torchvision is installed."""
    return find_spec("torchvision") is not None


def import_timm() -> None:
    """Import timm, with names that no tower calls in torchvision's place where that isn't installed."""
    if has_torchvision():
        importlib.import_module("timm")
        return
    with standing_in({f"torchvision.{name}": _Names(f"torchvision.{name}") for name in NAMED_BY_TIMM}):
        importlib.import_module("timm")


@contextmanager
def standing_in(besides: Mapping[str, ModuleType] | None = None) -> Iterator[None]:
    """Let modules that are imported inside the block find these functions under torchvision's name.

    Transformers' base class for tensors keeps them, which its processors resize and pad by. `besides` holds further
    modules by name.
    """
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.v2")
    modules = {name: ModuleType(name) for name in names} | dict(besides or {})
    modules[f"{names[-1]}.functional"] = sys.modules[__name__]
    for name, module in modules.items():
        before, _, last = name.rpartition(".")
        if before:
            setattr(modules[before], last, module)
    backends: Any = image_processing_backends
    backends.tvF = sys.modules[__name__]
    backends.pil_torch_interpolation_mapping = image_utils.pil_torch_interpolation_mapping
    image_utils.pil_torch_interpolation_mapping.update(BY_PILLOW)
    earlier = {name: sys.modules.pop(name) for name in modules if name in sys.modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name in modules:
            del sys.modules[name]
        sys.modules.update(earlier)
