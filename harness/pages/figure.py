"""Figures: drawings for a wide and a narrow page with a title and what they show, saved as files for papers.

All drawings are SVG made here: a page can link, colour and describe its marks without any script, light or dark, and
one drawing serves the page and the paper.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import vl_convert

from sightscale.harness.pages.drawing import LETTER, NARROW, STYLE, WIDE
from sightscale.harness.pages.text import show_line
from sightscale.tasks.errors import UserError, blaming

DPI = 300  # of a PNG: what journals ask for
SUFFIXES = (".svg", ".pdf", ".png")
# What a page's script reads; a paper's figure needs none of it.
_OF_PAGES = re.compile(r' data-(?:series|link)="[^"]*"')
_TIP = re.compile(r' data-tip="([^"]*)">')


@dataclass(frozen=True)
class Figure:
    """A figure: drawings for a wide and a narrow page, its series, and its finding in words.

    `kind` is how series are coloured: `s` as marks, `o` as outcomes. Drawings are empty where there is nothing to draw.
    """

    name: str
    title: str
    finding: str
    series: tuple[str, ...]
    wide: str
    narrow: str
    kind: str = "s"

    def _repr_svg_(self) -> str:
        """The figure as SVG: a notebook shows it."""
        return write_svg(self)


def make_figure(
    name: str, title: str, finding: str, series: Sequence[str], draw: Callable[[int], str], kind: str = "s"
) -> Figure:
    """A figure of what `draw` makes of a width in pixels."""
    return Figure(name, title, finding, tuple(series), draw(WIDE), draw(NARROW), kind)


def write_svg(figure: Figure) -> str:
    """The wide drawing as a whole SVG file with its title, a legend and the colours of paper.

    What a page shows when a mark is pointed at is the mark's title here.
    """
    size = figure.wide.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    width, height = (float(side) for side in size)
    rows = _arrange_legend(figure.series if len(figure.series) > 1 else (), width)
    legend = [
        f'<rect class="{figure.kind}{number}" x="{x:.0f}" y="{37 + 18 * row}" width="10" height="10" rx="2"/>'
        f'<text class="soft" x="{x + 15:.0f}" y="{46 + 18 * row}">{escape(name)}</text>'
        for number, (name, x, row) in enumerate(rows)
    ]
    foot = 8  # so that no letter touches the edge
    top = 42 + 18 * (1 + rows[-1][2] if rows else 0)
    drawing = _TIP.sub(r"><title>\1</title>", _OF_PAGES.sub("", figure.wide))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height + top + foot:.0f}" '
        f'viewBox="0 0 {width:.0f} {height + top + foot:.0f}">'
        f"<title>{escape(show_line(figure.title, 200))}</title><style>{STYLE}</style>"
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="14" y="24" style="font-size:15px;font-weight:bold">{escape(show_line(figure.title, 100))}</text>'
        f'{"".join(legend)}<g transform="translate(0 {top})">{drawing}</g></svg>\n'
    )


def save_figure(figure: Figure, folder: Path, suffixes: Iterable[str] = SUFFIXES) -> list[Path]:
    """Write a figure as SVG, PDF and 300-dpi PNG, named after it; return the files.

    Raises UserError for any other suffix, and if the folder can't be written to.
    """
    svg = write_svg(figure)
    paths = []
    for suffix in suffixes:
        if suffix not in SUFFIXES:
            raise UserError(f"{figure.name}{suffix}: a figure is written as {', '.join(SUFFIXES)}")
        path = folder / f"{figure.name}{suffix}"
        with blaming(path, "write"):
            folder.mkdir(parents=True, exist_ok=True)
            if suffix == ".png":
                path.write_bytes(vl_convert.svg_to_png(svg, ppi=DPI))
            elif suffix == ".pdf":
                path.write_bytes(vl_convert.svg_to_pdf(svg))
            else:
                path.write_text(svg, encoding="utf-8")
        paths.append(path)
    return paths


def save_figures(figures: Iterable[Figure], folder: Path) -> list[str]:
    """Write every figure that shows something; return their names."""
    drawn = [figure for figure in figures if figure.wide]
    for figure in drawn:
        save_figure(figure, folder)
    return [figure.name for figure in drawn]


def _arrange_legend(series: Sequence[str], width: float) -> list[tuple[str, float, int]]:
    """Each name, where it starts and on which row, so that none leaves the page."""
    places: list[tuple[str, float, int]] = []
    x, row = 14.0, 0
    for name in series:
        text = show_line(name, 60)
        needed = 34 + LETTER * len(text)
        if x > 14 and x + needed > width:
            x, row = 14.0, row + 1
        places.append((text, x, row))
        x += needed
    return places
