"""Figures: every kind drawn to every file, with strangers' names in it, with nothing to draw, with many rows."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from sightscale.harness.pages import (
    Bar,
    Cell,
    Figure,
    Mark,
    Panel,
    Point,
    Row,
    draw_cells,
    draw_curves,
    draw_intervals,
    draw_points,
    draw_shares,
    make_figure,
    save_figure,
    save_figures,
)
from sightscale.harness.statistics import Estimate

HOSTILE = "</svg><script>alert('1')</script>\u202e\x07&"
NAN = float("nan")
SCORE = Estimate(0.5, 0.4, 0.6, 90, 90)
BARE = Estimate(0.5, NAN, NAN, 90, 0)
ROWS = [Row(HOSTILE, (Mark(0, 0.2, 0.1, 0.3, HOSTILE), Mark(1, -0.1, NAN, NAN, "says"))), Row("plain", ())]
POINTS = [Point(HOSTILE, SCORE, Estimate(0.1, -0.1, 0.2, 9, 9)), Point("b", BARE, BARE)]
CELLS = [Cell(HOSTILE, column, score) for column, score in (("8B", SCORE), (HOSTILE, Estimate(NAN, NAN, NAN, 0, 0)))]
PANELS = [
    Panel(HOSTILE, ((1, 3.0), (2, 1.0), (3, NAN), (4, float("inf")))),
    Panel("rate", ((1, 1e-3), (9, 1e-6)), logarithmic=True),
    Panel("empty", ()),
    Panel("one", ((5, 2.0),)),
]
DRAWINGS: dict[str, Callable[[int], str]] = {
    "forest": lambda width: draw_intervals(ROWS, ["x", HOSTILE], "axis", width=width, signed=True),
    "shares": lambda width: draw_shares([Bar(HOSTILE, (0.5, 0.5), HOSTILE)], "axis", width=width),
    "scatter": lambda width: draw_points(POINTS, "x", "y", width=width, line=(0.1, 0.8)),
    "grid": lambda width: draw_cells(CELLS, "rows", "columns", width=width),
    "curves": lambda width: draw_curves(PANELS, "step", width=width),
}


def figure(name: str) -> Figure:
    return make_figure(name, HOSTILE, HOSTILE, ("x", HOSTILE), DRAWINGS[name])


@pytest.mark.parametrize("name", DRAWINGS)
def test_every_figure_is_written_to_every_file(name: str, tmp_path: Path) -> None:
    paths = save_figure(figure(name), tmp_path / "deep")
    content = {path.suffix: path.read_bytes() for path in paths}
    assert content[".png"].startswith(b"\x89PNG") and content[".pdf"].startswith(b"%PDF")
    drawing = ET.fromstring(content[".svg"])
    assert not [element for element in drawing.iter() if element.tag.endswith("script")]
    assert b"NaN" not in content[".svg"] and b"nan" not in content[".svg"] and b"inf" not in content[".svg"]
    with Image.open(BytesIO(content[".png"])) as picture:
        assert picture.width == pytest.approx(760 * 300 / 72, abs=2)  # 300 dots an inch


@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("width", [760, 346])
def test_every_text_lies_on_its_page(name: str, width: int) -> None:
    drawing = ET.fromstring(DRAWINGS[name](width))
    height = float(drawing.get("height") or "nan")
    assert float(drawing.get("width") or "nan") == width
    for text in (element for element in drawing.iter() if element.tag == "text"):
        assert 0 <= float(text.get("x") or "nan") <= width and 0 <= float(text.get("y") or "nan") <= height


def test_what_there_is_nothing_of_is_left_out_and_another_suffix_refused(tmp_path: Path) -> None:
    empty = make_figure("empty", "t", "", ("x",), lambda width: "")
    assert save_figures([empty, figure("grid")], tmp_path) == ["grid"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grid.pdf", "grid.png", "grid.svg"]
    with pytest.raises(ValueError, match="is written as"):
        save_figure(figure("grid"), tmp_path, [".gif"])
    with pytest.raises(ValueError, match="cannot write"):
        save_figure(figure("grid"), tmp_path / "grid.svg" / "below")


def test_a_heat_map_says_each_cells_score_and_a_line_stays_within_its_scales() -> None:
    grid = ET.fromstring(draw_cells([Cell("a", "b", SCORE), Cell("a", "c", BARE)], "r", "c", width=760))
    texts = [element.text for element in grid.iter("text")]
    assert texts.count("50.0") == 2 and "[40.0, 60.0]" in texts
    steep = ET.fromstring(draw_points(POINTS, "x", "y", width=760, line=(-0.9, 2.0)))
    [line] = [element for element in steep.iter("line") if element.get("class") == "line"]
    assert all(0 <= float(line.get(end) or "nan") <= 380 for end in ("y1", "y2"))
    level = draw_points(POINTS, "x", "y", width=760, line=(NAN, NAN))
    assert 'class="line"' not in level


def test_two_hundred_rows_are_drawn_in_order() -> None:
    rows = [Row(f"row {number}", (Mark(0, number / 200, 0.0, 1.0, "says"),)) for number in range(200)]
    drawing = ET.fromstring(draw_intervals(rows, ["x"], "axis"))
    marks = [float(circle.get("cx") or "nan") for circle in drawing.iter("circle")]
    assert len(marks) == 200 and marks == sorted(marks)
