"""Plots: scores against size or tokens, with the front of what no other beats, as a report's figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from sightscale.harness.pages import NARROW, WIDE, Figure, show_line
from sightscale.harness.statistics import Estimate
from sightscale.leaderboards.entry import KINDS

SERIES = (*KINDS, "published by the study")
PUBLISHED = len(KINDS)  # among SERIES
MOST_POINTS = 250  # drawn in one plot; the front's own always are
LEFT, RIGHT, TOP, BOTTOM = 44, 18, 12, 52  # pixels around the plot


@dataclass(frozen=True)
class Point:
    """A system: its series, where it lies (`across` is positive, on a logarithmic scale), its page."""

    series: int
    name: str
    across: float
    score: Estimate
    in_words: str  # `across`
    link: str = ""


def find_front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats or equals with less across, from left to right."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.across, -point.score.value)):
        if not front or point.score.value > front[-1].score.value:
            front.append(point)
    return front


def draw_front(name: str, title: str, points: Sequence[Point], axis: str, about: str = "") -> Figure | None:
    """A figure of the points and the front of the measured ones; None without measured points."""
    measured = [point for point in points if point.series != PUBLISHED]
    if not measured:
        return None
    front = find_front(measured)
    ahead = {id(point) for point in front}
    rest = sorted((point for point in measured if id(point) not in ahead), key=lambda point: -point.score.value)
    rest = rest[: max(0, MOST_POINTS - len(front))]
    drawn_points = [*(point for point in points if point.series == PUBLISHED), *rest, *front]
    best = front[-1]
    highest = f"Highest: {show_line(best.name)} ({100 * best.score.value:.1f} %, {best.in_words})."
    finding = f"{highest} {_describe_front(front)} {about}".strip()
    left_out = len(points) - len(drawn_points)
    finding += f" {left_out:,} entries below the line are left out here; the table holds them." if left_out else ""
    drawn = [_draw(drawn_points, front, axis, width) for width in (WIDE, NARROW)]
    return Figure(name, title, finding, SERIES[: 1 + max(point.series for point in drawn_points)], *drawn)


def _describe_front(front: Sequence[Point]) -> str:
    if len(front) == 1:
        return "No measured entry reaches it with less."
    return f"Dashed: the best score with as much or less, of {len(front)} entries."


def _draw(points: Sequence[Point], front: Sequence[Point], axis: str, width: int) -> str:
    height = 380 if width > 500 else 320
    low, high = (log10(end([point.across for point in points])) for end in (min, max))
    room = max(0.21, 0.05 * (high - low))  # so that a lone point has a tick of 1, 2, 5 beside it
    low, high = low - room, high + room
    ends = [end for point in points for end in (point.score.value, point.score.low, point.score.high) if end == end]
    bottom, top = floor(10 * min(ends)) / 10, ceil(10 * max(ends) + 1e-9) / 10

    def x(across: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * (log10(across) - low) / (high - low)

    def y(score: float) -> float:
        return height - BOTTOM - (height - TOP - BOTTOM) * (score - bottom) / (top - bottom)

    parts = []
    step = 1 if top - bottom <= 0.65 else 2
    for tenth in range(round(10 * bottom), round(10 * top) + 1, step):
        at = y(tenth / 10)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{width - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="soft" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10 * tenth}</text>')
    last = -1e9
    for value in _ticks(10**low, 10**high):
        at = x(value)
        if at - last < 46:
            continue
        last = at
        parts.append(f'<line class="rule" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{height - BOTTOM}"/>')
        parts.append(
            f'<text class="soft" x="{at:.1f}" y="{height - BOTTOM + 18}" text-anchor="middle">{_short(value)}</text>'
        )
    path = "".join(
        f"{'M' if number == 0 else 'H'}{x(point.across):.1f}{' ' if number == 0 else 'V'}{y(point.score.value):.1f}"
        for number, point in enumerate(front)
    )
    parts.append(f'<path class="front" d="{path}H{width - RIGHT}"/>')
    parts += [_mark(point, x(point.across), y) for point in points]
    parts.append(
        f'<text class="soft" x="{(LEFT + width - RIGHT) / 2:.0f}" y="{height - 10}" text-anchor="middle">'
        f"{escape(axis)}</text>"
    )
    kind = "wide" if width > 500 else "narrow"
    return (
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


def _mark(point: Point, x: float, y: Callable[[float], float]) -> str:
    at, score = y(point.score.value), point.score
    whisker = (
        f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{y(score.low):.1f}" y2="{y(score.high):.1f}"/>'
        if score.has_interval
        else ""
    )
    ends = f" [{100 * score.low:.1f}, {100 * score.high:.1f}]" if score.has_interval else ""
    says = escape(
        f"{show_line(point.name)} · {SERIES[point.series]}: {100 * score.value:.1f}{ends} %, {point.in_words}"
    )
    shape = {
        0: f'<circle cx="{x:.1f}" cy="{at:.1f}" r="5" stroke="none"/>',
        1: f'<rect x="{x - 4.5:.1f}" y="{at - 4.5:.1f}" width="9" height="9" stroke="none"/>',
        2: f'<path d="M{x:.1f} {at - 6:.1f}l6 10.5h-12z" stroke="none"/>',
        PUBLISHED: f'<path class="hollow" d="M{x:.1f} {at - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z"/>',
    }[point.series]
    # What can be pointed at is 24 pixels wide, the mark itself is smaller.
    target = f'<circle class="target" cx="{x:.1f}" cy="{at:.1f}" r="14"/>'
    mark = (
        f'<g class="mark s{point.series}" data-series="{point.series}" data-tip="{says}">{whisker}{shape}{target}</g>'
    )
    return f'<a href="{escape(point.link)}" aria-label="{says}">{mark}</a>' if point.link else mark


def _ticks(low: float, high: float) -> list[float]:
    steps = [factor * 10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1) for factor in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def _short(value: float) -> str:
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= 0.999 * unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
