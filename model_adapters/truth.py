"""Truth: what documents of the mini suite tell about themselves, for models that are scripted in part or whole."""

from collections.abc import Mapping
from typing import Any

from sightscale.model_adapters.engines import Completion, Prompt
from sightscale.tasks.pictures import open_picture

TRUTH = "truth"  # as a perception module: it hands on the document's own true description
DATA = "data"  # as a focus file: the document's own focus


def sees_its_pictures(doc: Mapping[str, Any], prompt: Prompt) -> bool:
    """Whether the prompt shows the document's own pictures, pixel by pixel and in order."""
    pixels = [open_picture(picture).tobytes() for picture in _pictures(doc)]
    return bool(pixels) and [picture.tobytes() for picture in prompt.images] == pixels


def describe_truly(doc: Mapping[str, Any], prompt: Prompt) -> Completion:
    """The true description of the pictures shown; an empty one when they aren't the document's own."""
    if doc.get("truth_description") is None:
        return Completion("", error="the document tells no true description (--data mini does)", finish_reason="error")
    return Completion(str(doc["truth_description"]) if sees_its_pictures(doc, prompt) else "", finish_reason="stop")


def _pictures(doc: Mapping[str, Any]) -> list[Any]:
    """A document's pictures in the order in which it is asked."""
    if "image_0" in doc:
        names = sorted((name for name in doc if name.startswith("image_")), key=lambda name: int(name[6:]))
        return [doc[name] for name in names if doc[name] is not None]
    if "reference" not in doc:
        return [doc["image"]]
    first, last = ("left", "right") if doc["order"] == "AB" else ("right", "left")
    return [doc[first], doc["reference"], doc[last]]
