"""The page kit that the report and the leaderboard's site share: drawings, tables, hostile text, styles."""

from sightscale.harness.pages.assets import content_policy, read_asset, render_template
from sightscale.harness.pages.drawing import NARROW, WIDE, Bar, Mark, Row, as_file, draw_intervals, draw_shares
from sightscale.harness.pages.plots import draw_bars, draw_forest, draw_grid, draw_scatter, save_chart
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
from sightscale.harness.pages.text import escape_markdown, name_model, show_line, show_text

__all__ = [
    "NARROW",
    "WIDE",
    "Bar",
    "Column",
    "Mark",
    "Point",
    "Row",
    "Shown",
    "Table",
    "as_file",
    "as_frame",
    "content_policy",
    "draw_bars",
    "draw_forest",
    "draw_grid",
    "draw_intervals",
    "draw_points",
    "draw_scatter",
    "draw_shares",
    "escape_markdown",
    "escape_markdown_sentence",
    "make_table",
    "name_model",
    "read_asset",
    "render_markdown",
    "render_template",
    "save_chart",
    "show_cell",
    "show_line",
    "show_text",
]
