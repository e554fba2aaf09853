"""Opening a model's processor for pictures alone, with the same pixels on every machine.

Processors that take videos too insist on a video processor, and every one of those is written with torchvision, which
a machine may lack and a checkpoint may say nothing about. Pictures don't need it. Most processors of pictures exist
twice, for Pillow and for torchvision, which round otherwise and of which transformers takes what it finds; here it is
always Pillow's. The few that exist for torchvision alone run without it by `picture_functions`.
"""

import importlib
import sys
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any, cast

import transformers
from PIL import Image
from transformers import CONFIG_MAPPING, AutoImageProcessor, AutoProcessor, ProcessorMixin
from transformers.image_processing_base import ImageProcessingMixin
from transformers.models.auto.auto_mappings import IMAGE_PROCESSOR_MAPPING_NAMES, PROCESSOR_MAPPING_NAMES
from transformers.models.auto.configuration_auto import model_type_to_module_name

from sightscale.model_adapters.engines.architectures import refuse_processor
from sightscale.model_adapters.engines.nano_vlm import FILE as NANO_VLM, NanoVlmProcessor
from sightscale.model_adapters.engines.picture_functions import has_torchvision, standing_in

VIDEO = "video_processor"
PIXELS = "pixel_values"
TILED = ("perception_lm",)  # processors that stack pictures, and fail where these have other numbers of tiles
PILLOW, TENSORS = "pil", "torchvision"  # transformers' names of the two kinds
FOR_VIDEOS = ("num2words",)  # packages that a processor insists on, though it only spells numbers of frames with them


def open_processor(location: str | Path, model_type: str, **options: Any) -> Any:
    """The processor of a model of this type, opened as by `AutoProcessor.from_pretrained(location, **options)`.

    It takes no videos. Pictures go through Pillow where transformers knows how. Raises ImportError where torchvision is
    really needed and isn't there, and ValueError for a processor that puts no question to its model.
    """
    if (Path(location) / NANO_VLM).is_file():
        return NanoVlmProcessor.from_pretrained(location)
    backend, named = _find_backend(location, model_type, options.get("revision"))
    stands_in = backend == TENSORS and not has_torchvision()
    if stands_in:
        _register(named)
    if backend:
        options["backend"] = backend
    kind, is_hidden = _find_class(model_type)
    if kind is not None and (is_hidden or VIDEO in kind.get_attributes()):
        opened = for_pictures(kind).from_pretrained(location, **options)
    else:
        opened = AutoProcessor.from_pretrained(location, **options)
    if stands_in and getattr(opened.image_processor, "resample", None) == Image.Resampling.LANCZOS:
        raise ImportError(f"{named} requires the Torchvision library but it was not found")  # torch can't resize so
    refuse_processor(opened)
    if model_type in TILED:
        opened.__class__ = _with_tiles(cast(Hashable, type(opened)))
        opened.image_processor.__class__ = _as_list(cast(Hashable, type(opened.image_processor)))
    return opened


def mark_backend(location: str | Path, model_type: str, revision: str | None = None) -> str:
    """For an engine's identity: nothing where pictures go through Pillow, as nearly all do.

    `picture_functions` makes the same pixels as torchvision, so that a machine without it answers alike.
    """
    backend, _ = _find_backend(location, model_type, revision)
    tensors = backend == TENSORS or (backend is None and has_torchvision())  # a processor of the checkpoint's own
    return "|pictures=torchvision" if tensors else ""


@cache
def _with_tiles(kind: Any) -> Any:
    """A processor class under the same name that leaves its pictures in a list."""
    return type(kind.__name__, (kind,), {"skip_tensor_conversion": [*kind.skip_tensor_conversion, PIXELS]})


@cache
def _as_list(kind: Any) -> Any:
    """A class for pictures under the same name that doesn't stack them."""

    def preprocess(self: Any, images: Any, **options: Any) -> Any:
        return kind._preprocess(self, images, **(options | {"return_tensors": None}))

    return type(kind.__name__, (kind,), {"_preprocess": preprocess})


class NoVideos:
    """In a video processor's place: it has no settings, so whoever asks for one is told none."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


@cache
def for_pictures(kind: type[ProcessorMixin]) -> Any:
    """A processor class under the same name that has no video processor.

    Parts are handed on by position, both to the class and by the class, so the place of the one left out stays.
    """
    names = kind.get_attributes()
    attributes = [name for name in names if name != VIDEO]
    if attributes == names:
        return kind

    class WithoutVideos(ProcessorMixin):
        """Stands behind `kind`, so that it gets what `kind` hands to its base class."""

        def __init__(self, *parts: Any, **options: Any) -> None:
            named = dict(zip(names, parts, strict=False)) | options
            named.pop(VIDEO, None)
            base: Any = super()
            base.__init__(**named)

    def get_arguments(cls: Any, *given: Any, **options: Any) -> list[Any]:
        parts = super(cls, cls)._get_arguments_from_pretrained(*given, **options)
        named = dict(zip(attributes, parts, strict=True))
        return [named.get(name) for name in names]

    return type(
        kind.__name__,
        (kind, WithoutVideos),
        {
            VIDEO: NoVideos(),
            "get_attributes": classmethod(lambda _: list(attributes)),
            "_get_arguments_from_pretrained": classmethod(get_arguments),
        },
    )


def _find_class(model_type: str) -> tuple[Any, bool]:
    """The processor class of transformers for this type, or None, and whether transformers hides it.

    It hides one whose module names torchvision, where that isn't there. Raises ModuleNotFoundError for another reason.
    """
    name = PROCESSOR_MAPPING_NAMES.get(model_type)
    if not name:
        return None, False
    try:
        kind = getattr(transformers, name)
    except ModuleNotFoundError:
        if has_torchvision():
            raise
        with standing_in():
            return getattr(transformers, name), True
    if getattr(kind, "is_dummy", False):
        with standing_in():
            return getattr(importlib.import_module(kind.__module__), name), True
    module = sys.modules[kind.__module__]
    for needless in FOR_VIDEOS:
        if getattr(module, needless, str) is None:
            setattr(module, needless, str)
    return kind, False


def _find_backend(location: str | Path, model_type: str, revision: str | None) -> tuple[str | None, str]:
    """The backend of the pictures' processor, or None for one that transformers doesn't know; and its class's name."""
    try:
        described, _ = ImageProcessingMixin.get_image_processor_dict(location, revision=revision)
    except (OSError, ValueError, TypeError):  # no such file, or one that opening the processor will complain about
        described = {}
    named = described.get("image_processor_type") if isinstance(described, dict) else None
    if not isinstance(named, str):
        ours = IMAGE_PROCESSOR_MAPPING_NAMES.get(model_type) or {}
        named = ours.get(TENSORS) or ours.get(PILLOW) or ""
    named = named.removesuffix("Fast").removesuffix("Pil")
    known = [
        names for names in IMAGE_PROCESSOR_MAPPING_NAMES.values() if named in (names.get(TENSORS), names.get(PILLOW))
    ]
    if not known:
        return None, named
    return (PILLOW if any(PILLOW in names for names in known) else TENSORS), named


def _register(named: str) -> None:
    """Let transformers find a processor of pictures that is written for torchvision, by functions of ours."""
    for model_type, names in IMAGE_PROCESSOR_MAPPING_NAMES.items():
        if names.get(TENSORS) == named:
            module = model_type_to_module_name(model_type)
            with standing_in():
                made = importlib.import_module(f"transformers.models.{module}.image_processing_{module}")
            AutoImageProcessor.register(
                CONFIG_MAPPING[model_type], image_processor_classes={TENSORS: getattr(made, named)}, exist_ok=True
            )
            return
