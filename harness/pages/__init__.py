"""The page kit that the report and the leaderboard's site share: drawings, figures, tables, hostile text, styles."""

from sightscale.harness.pages.assets import content_policy, read_asset, render_template
from sightscale.harness.pages.drawing import (
    NARROW,
    WIDE,
    Bar,
    Cell,
    Mark,
    Panel,
    Row,
    draw_cells,
    draw_curves,
    draw_intervals,
    draw_shares,
)
from sightscale.harness.pages.figure import Figure, make_figure, save_figure, save_figures, write_svg
from sightscale.harness.pages.scatter import Point, draw_points
from sightscale.harness.pages.tables import (
    Column,
    Shown,
    Table,
    as_frame,
    escape_markdown_sentence,
    make_table,
    render_markdown,
    show_cell,
)
from sightscale.harness.pages.text import escape_markdown, name_model, show_line, show_parameters, show_text

__all__ = [
    "NARROW",
    "WIDE",
    "Bar",
    "Cell",
    "Column",
    "Figure",
    "Mark",
    "Panel",
    "Point",
    "Row",
    "Shown",
    "Table",
    "as_frame",
    "content_policy",
    "draw_cells",
    "draw_curves",
    "draw_intervals",
    "draw_points",
    "draw_shares",
    "escape_markdown",
    "escape_markdown_sentence",
    "make_figure",
    "make_table",
    "name_model",
    "read_asset",
    "render_markdown",
    "render_template",
    "save_figure",
    "save_figures",
    "show_cell",
    "show_line",
    "show_parameters",
    "show_text",
    "write_svg",
]
