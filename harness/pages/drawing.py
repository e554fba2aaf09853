"""Drawing: marks with intervals, shares, heat maps and curves, as SVG that takes its colours from the page's style.

One drawing serves a page (colours by class, light or dark) and a file (`figure.write_svg`, colours of paper). Nothing
here computes a number.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

from sightscale.harness.pages.text import show_line
from sightscale.harness.statistics import Estimate

WIDE, NARROW = 760, 346  # pixels: beside a reader's text, and on a phone
PAPER = ("#0b66a8", "#c4500b", "#00785a", "#a8437f", "#8a6200", "#4b5ec4")  # at least 4.5 to 1 on white
SHADES = ("#3f8f6b", "#c9a227", "#c4500b", "#7a6bb5", "#8b1e3f")  # of outcomes, in the order of `Outcome`
STYLE = (
    "text{font:12px 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;fill:#22262b}"
    ".soft{fill:#626a73}.rule{stroke:#dde1e6}.zero{stroke:#626a73}.tick{stroke:#626a73}"
    "polyline.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}.cell{stroke:#ffffff;stroke-width:2}"
    ".on-dark{fill:#ffffff}.line{stroke:#626a73;stroke-dasharray:6 4}"
    + "".join(f".s{n}{{fill:{c};stroke:{c}}}" for n, c in enumerate(PAPER))
    + "".join(f".o{n}{{fill:{c}}}" for n, c in enumerate(SHADES))
)
LINE, LETTER = 15, 6.4  # pixels of one series' line, and of a letter
LONGEST_NAME = 36  # characters beside a row; longer ones are cut


@dataclass(frozen=True)
class Mark:
    """A value with its interval (shares of 1, or differences of them) in the place of one series."""

    series: int
    value: float
    low: float
    high: float
    says: str


@dataclass(frozen=True)
class Row:
    """A named row of marks; `at` is a reference on the scale, such as chance, and `link` what a click filters."""

    name: str
    marks: tuple[Mark, ...]
    at: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Bar:
    """A named bar of shares that sum to 1, one for each series."""

    name: str
    shares: tuple[float, ...]
    says: str
    link: str = ""


def draw_intervals(
    rows: Sequence[Row], series: Sequence[str], axis: str, *, width: int = WIDE, signed: bool = False
) -> str:
    """Marks with intervals on a scale from 0 to 100, or around zero when `signed`: an SVG element."""
    low, high, step = _scale(rows) if signed else (0.0, 1.0, 0.25 if width < 500 else 0.2)
    frame = _Frame(width, [row.name for row in rows], max(1, len(series)), low, high)
    parts = frame.grid(step, signed) + ([frame.upright(0.0, "zero")] if signed and low < 0 < high else [])
    for number, row in enumerate(rows):
        top = frame.top(number)
        parts.append(frame.label(number, row.name))
        if row.at is not None and row.at == row.at:
            x = frame.x(row.at)
            parts.append(
                f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 2}" y2="{top + frame.body + 2}" '
                'stroke-width="2" stroke-dasharray="2 2"/>'
            )
        parts += [_mark(frame, mark, top + LINE * mark.series + LINE / 2, row.link) for mark in row.marks]
    return frame.close(parts, axis)


def draw_shares(bars: Sequence[Bar], axis: str, *, width: int = WIDE) -> str:
    """Stacked bars from 0 to 100: an SVG element."""
    frame = _Frame(width, [bar.name for bar in bars], 1, 0.0, 1.0)
    parts = frame.grid(0.25 if width < 500 else 0.2, False)
    for number, bar in enumerate(bars):
        parts.append(frame.label(number, bar.name))
        start = 0.0
        boxes = []
        for series, share in enumerate(bar.shares):
            left, right = frame.x(start), frame.x(start + share)
            start += share
            if share > 0:
                boxes.append(
                    f'<rect class="o{series}" data-series="{series}" x="{left:.1f}" y="{frame.top(number)}" '
                    f'width="{max(0.8, right - left - 0.6):.1f}" height="{LINE}" rx="2"/>'
                )
        parts.append(f'<g class="mark" {_says(bar.says, bar.link)}>{"".join(boxes)}</g>')
    return frame.close(parts, axis)


def draw_interval_mark(value: float, low: float, high: float) -> str:
    """A share with its interval as a mark for one cell of a table."""
    left, right = 100 * max(0.0, low), 100 * min(1.0, high)
    return (
        '<svg class="micro" viewBox="-3 0 106 10" width="72" height="8" aria-hidden="true">'
        '<line class="rule" x1="0" x2="100" y1="5" y2="5"/>'
        f'<line class="s0" x1="{left:.1f}" x2="{right:.1f}" y1="5" y2="5" stroke-width="3"/>'
        f'<circle class="s0" cx="{100 * min(1.0, max(0.0, value)):.1f}" cy="5" r="3.6"/></svg>'
    )


@dataclass(frozen=True)
class Cell:
    """One cell of a heat map: where it stands, and its value with the interval."""

    row: str
    column: str
    estimate: Estimate


def draw_cells(cells: Sequence[Cell], row_axis: str, column_axis: str, *, width: int = WIDE) -> str:
    """A heat map with each share written in its cell: an SVG element. Rows and columns stand in the order given."""
    rows = list(dict.fromkeys(cell.row for cell in cells))
    columns = list(dict.fromkeys(cell.column for cell in cells))
    narrow = width < 500
    left = 14 if narrow else int(30 + LETTER * max(min(LONGEST_NAME, len(name)) for name in rows))
    across = (width - left - 14) / len(columns)
    down, head = 58, 46
    height = head + down * len(rows) + (20 * len(rows) if narrow else 0) + 10
    values = [cell.estimate.value for cell in cells if not cell.estimate.is_missing]
    low, high = min(values, default=0.0), max(values, default=1.0)
    letters = max(4, int(across / LETTER) - 1)
    parts = [
        f'<text class="soft" x="{left + across * (number + 0.5):.1f}" y="{head - 8}" text-anchor="middle">'
        f"{escape(show_line(name, letters))}</text>"
        for number, name in enumerate(columns)
    ]
    middle = left + across * len(columns) / 2
    parts.append(f'<text class="soft" x="{middle:.0f}" y="14" text-anchor="middle">{escape(column_axis)}</text>')
    if not narrow:
        parts.append(f'<text class="soft" x="{left - 12}" y="14" text-anchor="end">{escape(row_axis)}</text>')
    tops = {}
    for number, name in enumerate(rows):
        tops[name] = head + (down + (20 if narrow else 0)) * number + (20 if narrow else 0)
        at = (left, tops[name] - 6, "start") if narrow else (left - 12, tops[name] + down / 2 + 4, "end")
        label = escape(show_line(name, 50 if narrow else LONGEST_NAME))
        parts.append(f'<text x="{at[0]}" y="{at[1]:.0f}" text-anchor="{at[2]}">{label}</text>')
    for cell in cells:
        x, y = left + across * columns.index(cell.column), tops[cell.row]
        share = 0.0 if high <= low or cell.estimate.is_missing else (cell.estimate.value - low) / (high - low)
        ink = "on-dark" if share > 0.55 else "on-light"
        says = f"{cell.row} · {cell.column}: {cell.estimate.show()} %, {cell.estimate.n:,} questions"
        centre = f'x="{x + across / 2:.1f}" text-anchor="middle"'
        parts.append(
            f'<g class="mark" {_says(says, "")}><rect class="cell s0" x="{x:.1f}" y="{y}" width="{across:.1f}" '
            f'height="{down}" fill-opacity="{0.12 + 0.8 * share:.2f}"/>'
            f'<text class="{ink}" {centre} y="{y + 26}" style="font-weight:bold">{cell.estimate.show_value()}</text>'
            f'<text class="{ink}" {centre} y="{y + 44}" style="font-size:10px">{cell.estimate.show_interval()}</text>'
            "</g>"
        )
    return (
        f'<svg class="{"narrow" if narrow else "wide"}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">{"".join(parts)}</svg>'
    )


@dataclass(frozen=True)
class Panel:
    """A small plot of one quantity over steps: its title, and the points of its curve."""

    title: str
    points: tuple[tuple[float, float], ...]
    logarithmic: bool = False


def draw_curves(panels: Sequence[Panel], axis: str, *, width: int = WIDE, columns: int = 2) -> str:
    """Panels of curves, each on its own scale, `columns` side by side: an SVG element."""
    columns = columns if width > 500 else 1
    across, down = width / columns, 190
    rows = -(-len(panels) // columns)
    parts = []
    for number, panel in enumerate(panels):
        x, y = across * (number % columns), down * (number // columns)
        parts.append(f'<g transform="translate({x:.0f} {y})">{_draw_panel(panel, axis, across, down)}</g>')
    return (
        f'<svg class="{"narrow" if width < 500 else "wide"}" viewBox="0 0 {width} {down * rows}" width="{width}" '
        f'height="{down * rows}">{"".join(parts)}</svg>'
    )


def _draw_panel(panel: Panel, axis: str, width: float, height: int) -> str:
    left, right, top, bottom = 62.0, width - 18, 30.0, height - 40.0
    points = [(x, y) for x, y in panel.points if isfinite(x) and isfinite(y) and (y > 0 or not panel.logarithmic)]
    parts = [f'<text x="{left}" y="18" style="font-weight:bold">{escape(show_line(panel.title, 44))}</text>']
    if not points:
        return "".join([*parts, f'<text class="soft" x="{left}" y="{(top + bottom) / 2:.0f}">nothing logged</text>'])
    heights = [log10(y) if panel.logarithmic else y for _, y in points]
    low, high = min(heights), max(heights)
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    high, last = (high if high > low else low + 1e-9), (last if last > first else first + 1)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * (x - first) / (last - first), bottom - (bottom - top) * (y - low) / (high - low)

    for part in (0.0, 0.5, 1.0):
        value = low + part * (high - low)
        _, y = place(first, value)
        text = f"{10**value if panel.logarithmic else value:.3g}"
        parts.append(f'<line class="rule" x1="{left}" x2="{right:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        step = first + part * (last - first)
        x, _ = place(step, low)
        anchor = {0.0: "start", 1.0: "end"}.get(part, "middle")
        parts.append(f'<text class="soft" x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{step:,.0f}</text>')
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(x, y) for (x, _), y in zip(points, heights, strict=True)))
    parts.append(f'<polyline class="curve s0" fill="none" points="{line}"/>')
    middle = (left + right) / 2
    parts.append(f'<text class="soft" x="{middle:.0f}" y="{bottom + 32}" text-anchor="middle">{escape(axis)}</text>')
    return "".join(parts)


@dataclass(frozen=True)
class Band:
    """A series over steps: for each step its value and the ends of its interval, as shares."""

    series: int
    points: tuple[tuple[float, float, float, float], ...]


def draw_bands(bands: Sequence[Band], axis: str, scale: str, *, width: int = WIDE) -> str:
    """Lines with their intervals behind them, from 0 to 100 or below where a band goes there: an SVG element."""
    left, right, top, bottom, height = 52.0, width - 18.0, 14.0, 236.0, 276
    ends = [end for band in bands for point in band.points for end in point[1:] if isfinite(end)]
    low = min(0.0, floor(min(ends, default=0.0) / 0.25) * 0.25)
    steps = [point[0] for band in bands for point in band.points]
    first, last = min(steps, default=0.0), max(steps, default=1.0)
    last = last if last > first else first + 1

    def place(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * (x - first) / (last - first), bottom - (bottom - top) * (y - low) / (1 - low)

    parts = []
    value = low
    while value <= 1.0001:
        y = place(first, value)[1]
        rule = "zero" if abs(value) < 1e-9 else "rule"
        parts.append(f'<line class="{rule}" x1="{left}" x2="{right:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft" x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * value:.0f}</text>')
        value += 0.25
    for part, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        x, text = place(first + part * (last - first), low)[0], f"{first + part * (last - first):,.0f}"
        parts.append(f'<text class="soft" x="{x:.1f}" y="{bottom + 16}" text-anchor="{anchor}">{text}</text>')
    for band in bands:
        parts += _draw_band(band, place)
    middle = (left + right) / 2
    axes = f"{axis}; {scale}"
    parts.append(f'<text class="soft" x="{middle:.0f}" y="{bottom + 32}" text-anchor="middle">{escape(axes)}</text>')
    return (
        f'<svg class="{"narrow" if width < 500 else "wide"}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}">{"".join(parts)}</svg>'
    )


def _draw_band(band: Band, place: Callable[[float, float], tuple[float, float]]) -> list[str]:
    known = [point for point in band.points if all(isfinite(number) for number in point)]
    around = [place(x, high) for x, _, _, high in known] + [place(x, low) for x, _, low, _ in reversed(known)]
    line = [place(x, value) for x, value, _, _ in band.points if isfinite(value)]
    shown = [" ".join(f"{x:.1f},{y:.1f}" for x, y in points) for points in (around, line)]
    return [
        f'<polygon class="s{band.series}" fill-opacity="0.14" stroke="none" points="{shown[0]}"/>',
        f'<polyline class="curve s{band.series}" fill="none" points="{shown[1]}"/>',
        *(f'<circle class="s{band.series}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in line),
    ]


class _Frame:
    """Where rows and values lie in a drawing; on a narrow one names stand above their rows."""

    def __init__(self, width: int, names: Sequence[str], lines: int, low: float, high: float) -> None:
        self.width, self.low, self.high = width, low, high
        self.stacked = width < 500
        longest = max((min(LONGEST_NAME, len(name)) for name in names), default=0)
        self.left = 14 if self.stacked else int(24 + LETTER * longest)
        self.right = width - 22
        self.body = LINE * lines
        self.head = 20 if self.stacked else 0
        self.step = self.body + self.head + 12
        self.count = len(names)
        self.height = 10 + self.step * self.count + 42

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * (value - self.low) / (self.high - self.low)

    def top(self, number: int) -> int:
        return 10 + self.step * number + self.head

    def label(self, number: int, name: str) -> str:
        if self.stacked:
            return f'<text x="{self.left}" y="{self.top(number) - 6}">{escape(show_line(name, 50))}</text>'
        middle = self.top(number) + self.body / 2 + 4
        text = escape(show_line(name, LONGEST_NAME))
        return f'<text x="{self.left - 12}" y="{middle:.0f}" text-anchor="end">{text}</text>'

    def upright(self, value: float, kind: str) -> str:
        x = self.x(value)
        return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{self.height - 36}"/>'

    def grid(self, step: float, signed: bool) -> list[str]:
        parts = []
        for number in range(round(self.low / step), round(self.high / step) + 1):
            value = number * step
            parts.append(self.upright(value, "rule"))
            text = f"{100 * value:+.0f}" if signed and number else f"{100 * value:.0f}"
            parts.append(
                f'<text class="soft" x="{self.x(value):.1f}" y="{self.height - 20}" text-anchor="middle">{text}</text>'
            )
        return parts

    def close(self, parts: Sequence[str], axis: str) -> str:
        middle = (self.left + self.right) / 2
        named = f'<text class="soft" x="{middle:.0f}" y="{self.height - 4}" text-anchor="middle">{escape(axis)}</text>'
        return (
            f'<svg class="{"narrow" if self.stacked else "wide"}" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}">{"".join(parts)}{named}</svg>'
        )


def _mark(frame: _Frame, mark: Mark, y: float, link: str) -> str:
    ends = [min(frame.high, max(frame.low, one)) for one in (mark.low, mark.high)]
    whisker = ""
    if ends[0] == ends[0] and ends[1] == ends[1]:
        whisker = (
            f'<line x1="{frame.x(ends[0]):.1f}" x2="{frame.x(ends[1]):.1f}" y1="{y:.1f}" y2="{y:.1f}" '
            'stroke-width="2" stroke-linecap="round"/>'
        )
    return (
        f'<g class="mark s{mark.series % len(PAPER)}" data-series="{mark.series}" {_says(mark.says, link)}>'
        f'<rect x="{frame.left}" y="{y - LINE / 2:.1f}" width="{frame.right - frame.left}" height="{LINE}" '
        f'fill="none" stroke="none" pointer-events="all"/>{whisker}'
        f'<circle cx="{frame.x(mark.value):.1f}" cy="{y:.1f}" r="4.5" stroke="none"/></g>'
    )


def _says(text: str, link: str) -> str:
    return f'data-tip="{escape(show_line(text, 200))}"' + (f' data-link="{escape(link)}"' if link else "")


def _scale(rows: Sequence[Row]) -> tuple[float, float, float]:
    """Ends that hold every interval and zero, on round steps."""
    ends = [end for row in rows for mark in row.marks for end in (mark.low, mark.high, mark.value) if end == end]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    step = next(one for one in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / one <= 6 or one == 0.5)
    first, last = int(low // step), -int(-high // step)
    return first * step, max(last, first + 1) * step, step
