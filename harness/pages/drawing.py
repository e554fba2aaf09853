"""Drawing: rows of marks with intervals, or of stacked shares, as SVG that takes its colours from the page's style.

One drawing serves a page (colours by class, light or dark) and a file (`as_file`, colours of paper). Nothing here
computes a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from sightscale.harness.pages.text import show_line

WIDE, NARROW = 760, 346  # pixels: beside a reader's text, and on a phone
PAPER = ("#0b66a8", "#c4500b", "#00785a", "#a8437f", "#8a6200", "#4b5ec4")  # at least 4.5 to 1 on white
SHADES = ("#3f8f6b", "#c9a227", "#c4500b", "#8b1e3f")  # of outcomes: answered, refused, unparsed, failed
STYLE = (
    "text{font:12px 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;fill:#22262b}"
    ".soft{fill:#626a73}.rule{stroke:#dde1e6}.zero{stroke:#626a73}.tick{stroke:#626a73}"
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


def as_file(drawing: str, title: str, series: Sequence[str], kind: str = "s") -> str:
    """A drawing as a whole SVG file with its title, a legend and the colours of paper."""
    size = drawing.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    width, height = (float(one) for one in size)
    legend, x = [], 14.0
    for number, name in enumerate(series):
        shown = show_line(name, 40)
        legend.append(f'<rect class="{kind}{number}" x="{x:.0f}" y="37" width="10" height="10" rx="2"/>')
        legend.append(f'<text class="soft" x="{x + 15:.0f}" y="46">{escape(shown)}</text>')
        x += 34 + LETTER * len(shown)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height + 60:.0f}" '
        f'viewBox="0 0 {width:.0f} {height + 60:.0f}"><title>{escape(title)}</title><style>{STYLE}</style>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="14" y="24" style="font-size:15px;font-weight:bold">{escape(show_line(title, 100))}</text>'
        f'{"".join(legend)}<g transform="translate(0 60)">{drawing}</g></svg>\n'
    )


def draw_interval_mark(value: float, low: float, high: float) -> str:
    """A share with its interval as a mark for one cell of a table."""
    left, right = 100 * max(0.0, low), 100 * min(1.0, high)
    return (
        '<svg class="micro" viewBox="-3 0 106 10" width="72" height="8" aria-hidden="true">'
        '<line class="rule" x1="0" x2="100" y1="5" y2="5"/>'
        f'<line class="s0" x1="{left:.1f}" x2="{right:.1f}" y1="5" y2="5" stroke-width="3"/>'
        f'<circle class="s0" cx="{100 * min(1.0, max(0.0, value)):.1f}" cy="5" r="3.6"/></svg>'
    )


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
        shown = escape(show_line(name, LONGEST_NAME))
        return f'<text x="{self.left - 12}" y="{middle:.0f}" text-anchor="end">{shown}</text>'

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
