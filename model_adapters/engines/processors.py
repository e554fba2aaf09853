"""Opening a model's processor for pictures alone.

Processors that take videos too insist on a video processor, and every one of those is written with
torchvision, which a machine may lack and a checkpoint may say nothing about. Pictures don't need it.
"""

import inspect
from functools import cache
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoProcessor, ProcessorMixin
from transformers.models.auto.auto_mappings import PROCESSOR_MAPPING_NAMES

from sightscale.model_adapters.engines.nano_vlm import FILE as NANO_VLM, NanoVlmProcessor

VIDEO = "video_processor"
BY_PILLOW = {"llava_onevision"}  # LLaVA resizes with Pillow; torchvision's bicubic differs by a level or more


def open_processor(location: str | Path, model_type: str, **options: Any) -> Any:
    """The processor of a model of this type, opened as by `AutoProcessor.from_pretrained(location, **options)`.

    It takes no videos where it can do without. Models in `BY_PILLOW` get the same pixels on every machine.
    """
    if (Path(location) / NANO_VLM).is_file():
        return NanoVlmProcessor.from_pretrained(location)
    name = PROCESSOR_MAPPING_NAMES.get(model_type)
    kind = getattr(transformers, name) if name else None
    if kind is None or not _does_without_videos(kind):
        return AutoProcessor.from_pretrained(location, **options)
    if model_type in BY_PILLOW:
        options["backend"] = "pil"
    return for_pictures(kind).from_pretrained(location, **options)


@cache
def for_pictures(kind: type[ProcessorMixin]) -> Any:
    """A processor class under the same name that has no video processor."""
    attributes = [attribute for attribute in kind.get_attributes() if attribute != VIDEO]
    return type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda _: list(attributes))})


def _does_without_videos(kind: Any) -> bool:
    """Whether a processor class has a video processor that may be left out."""
    wanted = inspect.signature(kind.__init__).parameters.get(VIDEO)
    return wanted is not None and wanted.default is None
