"""Opening a model's processor, for its pictures alone where torchvision is missing.

Processors that take videos too insist on a video processor, and every one of those is written with
torchvision. Pictures don't need it.
"""

from functools import cache
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoProcessor, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.utils import is_torchvision_available

VIDEO = "video_processor"


def open_processor(location: str | Path, model_type: str, **options: Any) -> Any:
    """The processor of a model of this type, as `AutoProcessor.from_pretrained(location, **options)` opens it."""
    name = PROCESSOR_MAPPING_NAMES.get(model_type)
    if name is None or is_torchvision_available():
        return AutoProcessor.from_pretrained(location, **options)
    kind = getattr(transformers, name)
    if VIDEO not in kind.get_attributes():
        return AutoProcessor.from_pretrained(location, **options)
    return for_pictures(kind).from_pretrained(location, **options)


@cache
def for_pictures(kind: type[ProcessorMixin]) -> Any:
    """A processor class under the same name that has no video processor."""
    attributes = [attribute for attribute in kind.get_attributes() if attribute != VIDEO]
    return type(kind.__name__, (kind,), {"get_attributes": classmethod(lambda _: list(attributes))})
