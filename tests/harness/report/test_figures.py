"""Figures are well-formed whatever is written in them, and lie where their numbers are."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from sightscale.harness.pages.drawing import (
    NARROW,
    PAPER,
    SHADES,
    WIDE,
    Bar,
    Mark,
    Row,
    draw_intervals,
    draw_shares,
)
from sightscale.harness.pages.figure import make_figure, save_figure, write_svg
from sightscale.harness.report.contents import compute_contents
from sightscale.harness.report.folders import read_given


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_marks_stand_on_their_scale(width: int) -> None:
    rows = [Row("one", (Mark(0, 0.0, 0.0, 0.2, "a"), Mark(1, 1.0, 0.5, 1.0, "b")), at=0.5)]
    svg = draw_intervals(rows, ["x", "y"], "score", width=width)
    at = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', svg)]
    tick = float(re.findall(r'class="tick" x1="([\d.]+)"', svg)[0])
    assert at[0] < tick < at[1] <= width and tick == pytest.approx((at[0] + at[1]) / 2, abs=0.1)


def test_a_scale_of_differences_holds_every_end_and_zero() -> None:
    svg = draw_intervals([Row("one", (Mark(0, -0.21, -0.33, -0.1, "a"),))], ["x"], "points", signed=True)
    shown = [int(one) for one in re.findall(r">([+-]?\d+)</text>", svg)]
    assert min(shown) <= -33 and max(shown) >= 0 and 0 in shown


def test_bars_fill_their_scale() -> None:
    svg = draw_shares([Bar("one", (0.25, 0.0, 0.25, 0.5), "says")], "% of answers")
    widths = [float(one) for one in re.findall(r'<rect class="o\d"[^>]*width="([\d.]+)"', svg)]
    assert len(widths) == 3 and widths[2] == pytest.approx(2 * widths[0], abs=2)


def test_figures_of_hostile_names_are_well_formed_files(hostile_run: Path, tmp_path: Path) -> None:
    contents = compute_contents(read_given([hostile_run]), resamples=200)
    assert contents.figures
    for figure in contents.figures:
        save_figure(figure, tmp_path)
        root = ElementTree.parse(tmp_path / f"{figure.name}.svg").getroot()
        names = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert names <= {"svg", "title", "style", "rect", "text", "g", "line", "circle"}
        assert (tmp_path / f"{figure.name}.png").read_bytes()[:4] == b"\x89PNG"
        assert len(figure.wide) < 200_000
    assert {path.name for path in tmp_path.glob("*.*")} >= {"looking.svg", "categories.png"}


@pytest.mark.parametrize("colour", PAPER)
def test_colours_stand_out_from_paper(colour: str) -> None:
    """4.5 to 1 (WCAG 2.2, 1.4.3)."""
    assert contrast(colour, "#ffffff") >= 4.5


def test_the_page_s_colours_stand_out_in_light_and_dark() -> None:
    style = (Path(__file__).parents[3] / "harness" / "pages" / "web" / "theme.css").read_text()
    for block in (style.partition(":root {")[2], style.partition(':root[data-theme="dark"] {')[2]):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block.partition("}")[0]))
        for ground in ("paper", "card"):
            for name in ("ink", "soft", "accent", "good", "bad", "odd"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
            for number in range(6):
                assert contrast(colours[f"s{number}"], colours[ground]) >= 3, (number, ground)
        for name in ("good", "bad", "odd", "accent"):
            assert contrast(colours[name], colours[f"{name}-wash"]) >= 4.5, name


def test_outcomes_differ_in_the_drawing_and_in_the_legend() -> None:
    bars = [Bar("one", (0.5, 0.5, 0, 0), "says")]
    file = write_svg(
        make_figure("f", "A & B", "", ("x", "<y>"), lambda width: draw_shares(bars, "axis", width=width), "o")
    )
    assert "A &amp; B" in file and "&lt;y&gt;" in file and all(shade in file for shade in SHADES)


def contrast(one: str, two: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2)."""
    high, low = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
