"""Rendering: a scene's picture, drawn by whatever its kind names."""

from importlib import import_module
from typing import Any

from PIL import Image

RENDERERS = {
    "things": "scenes:render_things",
    "cover": "covers:render_cover",
    "street": "signs:render_street",
    "plate": "knowledge:render_plate",
    "yard": "yards:render_yard",
    "product": "products:render_product",
}


def render(scene: dict[str, Any]) -> Image.Image:
    """The picture of a scene. Raises ValueError for a kind that nothing draws."""
    if scene["kind"] not in RENDERERS:
        raise ValueError(f"no renderer for scenes of kind {scene['kind']!r}")
    module, function = RENDERERS[scene["kind"]].split(":")
    return getattr(import_module(f"sightscale.tasks.mini.{module}"), function)(scene)
