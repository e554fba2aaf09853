"""Rendering: a scene's picture, drawn by whatever its kind names."""

from importlib import import_module
from typing import Any

from PIL import Image

RENDERERS = {
    "things": "drawing.scenes:render_things",
    "cover": "sets.ocrvqa:render_cover",
    "street": "sets.textvqa:render_street",
    "plate": "sets.scienceqa:render_plate",
    "yard": "sets.vqav2:render_yard",
    "distorted": "sets.similarity:render_distorted",
    "product": "sets.vizwiz:render_product",
    "face": "sets.mmstar_coarse:render_face",
    "topic": "sets.mmstar_coarse:render_topic",
    "styled": "sets.mmstar_coarse:render_styled",
    "table": "sets.mmstar_fine:render_table",
    "program": "sets.mmstar_logic:render_program",
    "row": "sets.mmstar_logic:render_row",
    "flow": "sets.mmstar_logic:render_flow",
    "tree": "sets.mmstar_logic:render_tree",
    "triangle": "sets.mmstar_math:render_triangle",
    "rectangle": "sets.mmstar_math:render_rectangle",
    "dial": "sets.mmstar_math:render_dial",
    "coins": "sets.mmstar_math:render_coins",
    "chart": "sets.mmstar_math:render_chart",
    "chain": "sets.mmstar_science:render_chain",
    "pushes": "sets.mmstar_science:render_pushes",
    "gears": "sets.mmstar_science:render_gears",
    "circuit": "sets.mmstar_science:render_circuit",
    "map": "sets.mmstar_science:render_map",
    "climate": "sets.mmstar_science:render_climate",
}


def render(scene: dict[str, Any]) -> Image.Image:
    """The picture of a scene. Raises ValueError for a kind that nothing draws."""
    if scene["kind"] not in RENDERERS:
        raise ValueError(f"no renderer for scenes of kind {scene['kind']!r}")
    module, function = RENDERERS[scene["kind"]].split(":")
    picture: Image.Image = getattr(import_module(f"sightscale.tasks.mini.{module}"), function)(scene)
    return picture
