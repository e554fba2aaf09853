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

VIDEO = "video_processor"
BY_PILLOW = {"llava_onevision"}  # LLaVA resizes with Pillow; torchvision's bicubic differs by a level or more


def open_processor(location: str | Path, model_type: str, **options: Any) -> Any:
    """The processor of a model of this type, opened as by `AutoProcessor.from_pretrained(location, **options)`.

    It takes no videos where it can do without. Models in `BY_PILLOW` get the same pixels on every machine.
    """
    name = PROCESSOR_MAPPING_NAMES.get(model_type)
    kind = getattr(transformers, name) if name else None
    if kind is None or not _does_without_videos(kind):
        return AutoProcessor.from_pretrained(location, **options)
    if model_type in BY_PILLOW:
        options["backend"] = "pil"
    try:
        return for_pictures(kind).from_pretrained(location, **options)
    except AttributeError as error:
        if error.name != VIDEO:
            raise
        return AutoProcessor.from_pretrained(location, **options)  # this one asks its video processor for settings


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
            super().__init__(**named)

    def get_arguments(cls: Any, *given: Any, **options: Any) -> list[Any]:
        parts = super(cls, cls)._get_arguments_from_pretrained(*given, **options)
        named = dict(zip(attributes, parts, strict=True))
        return [named.get(name) for name in names]

    return type(
        kind.__name__,
        (kind, WithoutVideos),
        {
            "get_attributes": classmethod(lambda _: list(attributes)),
            "_get_arguments_from_pretrained": classmethod(get_arguments),
        },
    )


def _does_without_videos(kind: Any) -> bool:
    """Whether a processor class has a video processor that may be left out."""
    wanted = inspect.signature(kind.__init__).parameters.get(VIDEO)
    return wanted is not None and wanted.default is None
