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
    "distorted": "triplets:render_distorted",
    "product": "products:render_product",
    "face": "mmstar_coarse:render_face",
    "topic": "mmstar_coarse:render_topic",
    "styled": "mmstar_coarse:render_styled",
    "table": "mmstar_fine:render_table",
    "program": "mmstar_logic:render_program",
    "row": "mmstar_logic:render_row",
    "flow": "mmstar_logic:render_flow",
    "tree": "mmstar_logic:render_tree",
    "triangle": "mmstar_math:render_triangle",
    "rectangle": "mmstar_math:render_rectangle",
    "dial": "mmstar_math:render_dial",
    "coins": "mmstar_math:render_coins",
    "chart": "mmstar_math:render_chart",
    "chain": "mmstar_science:render_chain",
    "pushes": "mmstar_science:render_pushes",
    "gears": "mmstar_science:render_gears",
    "circuit": "mmstar_science:render_circuit",
    "map": "mmstar_science:render_map",
    "climate": "mmstar_science:render_climate",
}


def render(scene: dict[str, Any]) -> Image.Image:
    """The picture of a scene. Raises ValueError for a kind that nothing draws."""
    if scene["kind"] not in RENDERERS:
        raise ValueError(f"no renderer for scenes of kind {scene['kind']!r}")
    module, function = RENDERERS[scene["kind"]].split(":")
    return getattr(import_module(f"sightscale.tasks.mini.{module}"), function)(scene)
