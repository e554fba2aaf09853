"""Scatter: points with intervals in both directions, as SVG in the page's own colours."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from urllib.parse import urlencode

from sightscale.harness.pages.labels import Label, place_labels
from sightscale.harness.pages.text import show_line
from sightscale.harness.statistics import Estimate, Style

HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 380, 52, 22, 26, 48
LETTER, LONGEST = 6.4, 26  # pixels of a letter, and letters of a name
STEPS = (0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True)
class Point:
    """A named point with an interval for either direction."""

    name: str
    x: Estimate
    y: Estimate
    task: str = ""  # whose samples a click filters; its name where it differs from the point's


def draw_points(
    points: Sequence[Point], x_axis: str, y_axis: str, *, width: int, line: tuple[float, float] | None = None
) -> str:
    """Points with whiskers, on scales in points of a score that hold every interval and zero: an SVG element.

    `line` is an intercept and a slope in the units of the data (shares of 1), drawn over the reach of the points.
    """
    kind = "narrow" if width < 500 else "wide"
    across = _scale([point.x for point in points], 8 if width >= 500 else 4)
    up = _scale([point.y for point in points], 7)
    to_x = _place(across, LEFT, width - RIGHT)
    to_y = _place(up, HEIGHT - BOTTOM, TOP)
    parts = []
    for value in across:
        x = to_x(value)
        rule = "zero" if abs(value) < 1e-9 else "rule"
        parts.append(f'<line class="{rule}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(
            f'<text class="soft" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{100 * value:.0f}</text>'
        )
    for value in up:
        y = to_y(value)
        rule = "zero" if abs(value) < 1e-9 else "rule"
        parts.append(f'<line class="{rule}" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * value:.0f}</text>')
    if line is not None and all(isfinite(number) for number in line):
        parts += _draw_line(points, line, across, up, to_x, to_y)
    names = [show_line(point.name, LONGEST) for point in points]
    places = [(to_x(point.x.value), to_y(point.y.value)) for point in points]
    frame = (LEFT - 40.0, TOP - 8.0, width - 2.0, HEIGHT - BOTTOM - 2.0)
    labels = place_labels(places, [LETTER * len(name) for name in names], frame)
    parts += [_draw(point, to_x, to_y, name, label) for point, name, label in zip(points, names, labels, strict=True)]
    parts.append(f'<text class="soft" x="4" y="14">{escape(show_line(y_axis, 50))}</text>')
    middle = (LEFT + width - RIGHT) / 2
    parts.append(
        f'<text class="soft" x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(show_line(x_axis, 50 if width < 500 else 100))}</text>"
    )
    size = f'viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}"'
    return f'<svg class="{kind}" {size}>{"".join(parts)}</svg>'


def _draw_line(
    points: Sequence[Point],
    line: tuple[float, float],
    across: Sequence[float],
    up: Sequence[float],
    to_x: "_Place",
    to_y: "_Place",
) -> list[str]:
    """The line over the points' reach, as far as it lies within the scales."""
    intercept, slope = line
    ends = [end for point in points for end in (point.x.low, point.x.high, point.x.value) if end == end]
    reach = [max(across[0], min(ends, default=across[0])), min(across[-1], max(ends, default=across[-1]))]
    if slope:
        inside = sorted((edge - intercept) / slope for edge in (up[0], up[-1]))
        reach = [max(reach[0], inside[0]), min(reach[1], inside[1])]
    if reach[0] >= reach[1]:
        return []
    x1, x2 = (to_x(x) for x in reach)
    y1, y2 = (to_y(intercept + slope * x) for x in reach)
    return [f'<line class="line" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>']


def _draw(point: Point, to_x: "_Place", to_y: "_Place", name: str, label: Label) -> str:
    x, y = to_x(point.x.value), to_y(point.y.value)
    whiskers = ""
    if point.x.low == point.x.low:
        whiskers += f'<line x1="{to_x(point.x.low):.1f}" x2="{to_x(point.x.high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    if point.y.low == point.y.low:
        whiskers += f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{to_y(point.y.low):.1f}" y2="{to_y(point.y.high):.1f}"/>'
    if label.far:
        whiskers += (
            f'<line stroke-dasharray="2 2" x1="{x:.1f}" x2="{label.x:.1f}" y1="{y:.1f}" y2="{label.y - 4:.1f}"/>'
        )
    drop, gain = point.x.show(Style.POINTS), point.y.show(Style.POINTS)
    tip = escape(show_line(f"{point.name}: drop {drop}, reliance {gain} points", 200))
    link = escape(urlencode({"task": point.task or point.name}))
    return (
        f'<g class="mark s0" data-series="0" data-tip="{tip}" data-link="{link}">'
        f'<g stroke-opacity="0.45">{whiskers}</g>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" stroke="none"/>'
        f'<text x="{label.x:.1f}" y="{label.y:.1f}" text-anchor="{label.side}" stroke="none">{escape(name)}</text></g>'
    )


class _Place:
    """Where a value of a scale lies between two pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        within = min(self.high, max(self.low, value))
        return self.start + (self.end - self.start) * (within - self.low) / (self.high - self.low)


def _place(scale: Sequence[float], start: float, end: float) -> _Place:
    return _Place(scale[0], scale[-1], start, end)


def _scale(estimates: Sequence[Estimate], most: int) -> list[float]:
    """Round steps that hold every end and zero, at most about `most` of them."""
    ends = [end for estimate in estimates for end in (estimate.value, estimate.low, estimate.high) if end == end]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    step = next((step for step in STEPS if (high - low) / step <= most), STEPS[-1])
    first, last = int(low // step), max(-int(-high // step), int(low // step) + 1)
    return [number * step for number in range(first, last + 1)]
