"""Draws the figures of statistics.md to docs/figures/, one for each statistic: `python docs/draw_statistics.py`.

All data are simulated with fixed seeds; the intervals, tests and fits are those of `sightscale.harness.statistics`.
`make docs` needs none of this, since the figures are kept in the repository.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from scipy import stats

from sightscale.harness.pages import Figure, Mark, Point, Row, draw_intervals, draw_points, save_figure
from sightscale.harness.statistics import (
    Array,
    Estimate,
    Sequence as Kind,
    SpreadOfPairs,
    Style,
    bootstrap,
    draw_pictures,
    fit_line,
    fit_response,
    follow,
    holm,
    mean_of,
    mean_score,
    paired_difference,
    questions_for_difference,
    rank_correlation,
    smallest_difference,
)

FOLDER = Path(__file__).resolve().parent / "figures"
WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 24, 10, 50
HALF = 0.5


@dataclass(frozen=True)
class Axis:
    """A scale of a plot: its ends, the values that are written, its name, and whether it is logarithmic."""

    low: float
    high: float
    ticks: Sequence[float]
    name: str
    show: Callable[[float], str] = "{:g}".format
    logarithmic: bool = False

    def place(self, value: float, start: float, end: float) -> float:
        """Where a value lies between two pixels; values beyond the ends lie on them."""
        value, low, high = min(self.high, max(self.low, value)), self.low, self.high
        if self.logarithmic:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return start + (end - start) * (value - low) / (high - low)


@dataclass(frozen=True)
class Plot:
    """A plane with two scales, on which lines, bands and points are drawn."""

    across: Axis
    up: Axis
    height: int = HEIGHT

    def x(self, value: float) -> float:
        """The pixel of a value across."""
        return self.across.place(value, LEFT, WIDTH - RIGHT)

    def y(self, value: float) -> float:
        """The pixel of a value up."""
        return self.up.place(value, self.height - BOTTOM, TOP)

    def line(self, series: int, xs: Sequence[float], ys: Sequence[float]) -> str:
        """A line through points."""
        return f'<polyline class="curve s{series}" style="fill:none" points="{self._points(xs, ys)}"/>'

    def band(self, series: int, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float]) -> str:
        """The area between two lines."""
        ends = f"{self._points(xs, lows)} {self._points(xs[::-1], highs[::-1])}"
        return f'<polygon class="s{series}" style="stroke:none;fill-opacity:0.16" points="{ends}"/>'

    def upright(self, value: float, kind: str = "line") -> str:
        """A line from bottom to top."""
        x = self.x(value)
        return f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self.height - BOTTOM}"/>'

    def level(self, value: float, kind: str = "line") -> str:
        """A line from left to right."""
        y = self.y(value)
        return f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'

    def mark(self, series: int, x: float, y: float, low: float = math.nan, high: float = math.nan) -> str:
        """A point, with a whisker across where its ends are given."""
        whisker = ""
        if low == low and high == high:
            whisker = (
                f'<line class="s{series}" x1="{self.x(low):.1f}" x2="{self.x(high):.1f}" y1="{self.y(y):.1f}" '
                f'y2="{self.y(y):.1f}" stroke-width="2"/>'
            )
        point = f'<circle class="s{series}" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="4.5" stroke="none"/>'
        return whisker + point

    def text(self, x: float, y: float, words: str, anchor: str = "start") -> str:
        """Words beside a place, six pixels away from it."""
        shift = {"start": 6, "end": -6}.get(anchor, 0)
        halo = 'style="paint-order:stroke;stroke:#ffffff;stroke-width:4px"'
        place = f'x="{self.x(x) + shift:.1f}" y="{self.y(y) - 6:.1f}" text-anchor="{anchor}"'
        return f"<text {place} {halo}>{escape(words)}</text>"

    def close(self, parts: Sequence[str]) -> str:
        """The whole drawing, with its scales below the parts."""
        scales = []
        for value in self.across.ticks:
            scales.append(self.upright(value, "rule"))
            scales.append(
                f'<text class="soft" x="{self.x(value):.1f}" y="{self.height - BOTTOM + 18}" text-anchor="middle">'
                f"{escape(self.across.show(value))}</text>"
            )
        for value in self.up.ticks:
            scales.append(self.level(value, "rule"))
            scales.append(
                f'<text class="soft" x="{LEFT - 8}" y="{self.y(value) + 4:.1f}" text-anchor="end">'
                f"{escape(self.up.show(value))}</text>"
            )
        middle, centre = (LEFT + WIDTH - RIGHT) / 2, (TOP + self.height - BOTTOM) / 2
        scales.append(
            f'<text class="soft" x="{middle:.0f}" y="{self.height - 10}" text-anchor="middle">'
            f"{escape(self.across.name)}</text>"
        )
        scales.append(
            f'<text class="soft" text-anchor="middle" transform="translate(16 {centre:.0f}) rotate(-90)">'
            f"{escape(self.up.name)}</text>"
        )
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        return f'<svg class="wide" {size}>{"".join(scales)}{"".join(parts)}</svg>'

    def _points(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        return " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in zip(xs, ys, strict=True))


def show_percent(share: float) -> str:
    """A share as per cent."""
    return f"{100 * share:.0f}"


def show_points(share: float) -> str:
    """A difference of shares as points, with its sign."""
    return f"{100 * share:+.0f}" if share else "0"


def make_mark(series: int, estimate: Estimate, style: Style = Style.SHARE) -> Mark:
    """A mark of an estimate, whose words are its numbers."""
    return Mark(series, estimate.value, estimate.low, estimate.high, estimate.show(style))


def draw_scores() -> Figure:
    """One score on fewer and fewer pictures."""
    rows = []
    for pictures in (300, 100, 50, 20):
        rng = np.random.default_rng(2)
        ease = np.repeat(rng.beta(2.1, 0.9, pictures), 300 // pictures)  # questions on one picture are alike
        scores = (rng.random(300) < ease) * 1.0
        wrong = float(scores.sum() > 210)  # 70 % are to be right in every row
        scores[rng.permutation(np.flatnonzero(scores == wrong))[: int(abs(scores.sum() - 210))]] = 1 - wrong
        estimate = mean_score(scores, np.repeat(np.arange(pictures), 300 // pictures))
        rows.append(Row(f"{pictures} pictures", (make_mark(0, estimate),)))
    drawing = draw_intervals(rows, ["score"], "score of 300 questions, % (95 % interval)")
    return Figure("statistics_scores", "Fewer pictures, wider intervals", "", ("score",), drawing, "")


def draw_differences() -> Figure:
    """Two runs on the same questions: taken as independent, and paired."""
    rng = np.random.default_rng(3)
    hardness = rng.random(200)
    first = (hardness < 0.72 + 0.1 * rng.standard_normal(200)) * 1.0
    second = (hardness < 0.63 + 0.1 * rng.standard_normal(200)) * 1.0
    paired = paired_difference(first, second)
    reach = 1.96 * math.sqrt(first.var() / 200 + second.var() / 200)
    unpaired = Estimate(paired.value, paired.value - reach, paired.value + reach, 200, 200)
    rows = [
        Row("as if independent", (make_mark(0, unpaired, Style.POINTS),)),
        Row("paired by question", (make_mark(0, paired, Style.POINTS),)),
    ]
    axis = "difference of two runs on the same 200 questions, points (95 % interval)"
    drawing = draw_intervals(rows, ["difference"], axis, signed=True)
    return Figure("statistics_differences", "Pairs make a difference visible", "", ("difference",), drawing, "")


def draw_few() -> Figure:
    """Few differences among 30 questions: a bootstrap alone, and the exact interval."""
    rows = []
    for gains, losses in ((3, 0), (5, 0), (6, 0), (8, 1)):
        first, second = np.zeros(30), np.zeros(30)
        first[:gains], second[gains : gains + losses] = 1, 1
        rng = np.random.default_rng(0)
        means = rng.choice(first - second, (10_000, 30)).mean(axis=1)
        low, high = np.quantile(means, [0.025, 0.975])
        plain = Estimate(float((first - second).mean()), float(low), float(high), 30, 30)
        p = stats.binomtest(gains, gains + losses).pvalue
        name = f"{gains} gains, {losses} losses (p = {p:.2f})"
        exact = paired_difference(first, second)
        rows.append(Row(name, (make_mark(0, plain, Style.POINTS), make_mark(1, exact, Style.POINTS))))
    series = ("bootstrap alone", "exact where few differ")
    axis = "difference, points (95 % interval; p of McNemar's exact test)"
    drawing = draw_intervals(rows, series, axis, signed=True)
    return Figure("statistics_few", "Few differences among 30 questions", "", series, drawing, "")


def draw_margins() -> Figure:
    """Four intervals, and what a margin of 3 points says of each."""
    ticks = [-0.09, -0.06, -0.03, 0, 0.03, 0.06, 0.09]
    across = Axis(-0.1, 0.1, ticks, "difference, points (95 % interval)", show_points)
    plot = Plot(across, Axis(0, 5, [], ""), height=220)
    cases = [
        ("equivalent", 0.002, 0.021),
        ("no worse by more than 3 points", 0.03, 0.045),
        ("undecided", -0.02, 0.04),
        ("worse", -0.065, 0.025),
    ]
    parts = [plot.upright(-0.03), plot.upright(0.03), plot.upright(0, "zero")]
    for place, (words, value, reach) in zip((4, 3, 2, 1), cases, strict=True):
        parts.append(plot.mark(0, value, place, value - reach, value + reach))
        parts.append(plot.text(value, place + 0.1, words, "middle"))
    drawing = plot.close(parts)
    return Figure("statistics_margins", "What a margin of 3 points says", "", ("difference",), drawing, "")


def draw_ratios() -> Figure:
    """A loss of half the score, from larger and smaller scores."""
    rows = []
    for score in (0.8, 0.4, 0.2, 0.1, 0.04):
        right = round(300 * score)
        first, second = np.zeros(300), np.zeros(300)
        first[:right] = 1
        second[: right // 2 - 3], second[right : right + 3] = 1, 1  # half is lost: losses less three gains

        def relative(totals: Array) -> Array:
            return (totals[..., 0] - totals[..., 1]) / totals[..., 0]

        (drop,) = bootstrap(np.column_stack([first, second]), None, [relative])
        rows.append(Row(f"from {100 * score:.0f} %", (make_mark(0, drop.interval(), Style.POINTS),)))
    axis = "relative drop of 300 questions, per cent of the score (95 % interval)"
    drawing = draw_intervals(rows, ["relative drop"], axis, signed=True)
    title = "A relative drop says little from a low score"
    return Figure("statistics_ratios", title, "", ("relative drop",), drawing, "")


def draw_dose() -> Figure:
    """A monotone curve over doses with its band, and the half dose with its interval."""
    rng = np.random.default_rng(5)
    doses = [4, 8, 16, 32, 64]
    levels = np.array([0.35, 0.37, 0.45, 0.66, 0.82, 0.86, 0.88])
    scores = (rng.random((300, 1)) * 0.6 + rng.random((300, 7)) * 0.4 < levels) * 1.0
    response = fit_response(scores, doses)
    places = [2.0, *doses, 128.0]
    names = dict(zip(places, ["no picture", *map(str, doses), "whole"], strict=True))
    across = Axis(1.8, 140, places, "dose: downscale to this many pixels", names.__getitem__, logarithmic=True)
    plot = Plot(across, Axis(0.2, 1, [0.2, 0.4, 0.6, 0.8, 1], "score, %", show_percent))
    fitted = list(response.fitted)
    height = fitted[0] + HALF * (fitted[-1] - fitted[0])
    half = response.half
    parts = [
        plot.band(0, places, list(response.low), list(response.high)),
        plot.line(0, places, fitted),
        *(plot.mark(0, x, y) for x, y in zip(places, fitted, strict=True)),
        plot.mark(1, half.value, height, half.low, half.high),
        plot.text(half.high, height - 0.04, f"half dose {half.value:.0f} [{half.low:.0f}, {half.high:.0f}]"),
    ]
    series = ("fitted score, 95 % band", "half dose, 95 % interval")
    return Figure("statistics_dose", "Dose and response", "", series, plot.close(parts), "")


def draw_relation() -> Figure:
    """Drops and reliance of ten tasks with the line that allows for their errors."""
    rng = np.random.default_rng(6)
    reliance = np.linspace(0.08, 0.5, 10) + rng.normal(0, 0.03, 10)
    drop = 0.02 + 0.28 * reliance + rng.normal(0, 0.025, 10)
    error = 0.03
    points = [
        Point(
            f"task {number}",
            Estimate(d, d - 1.96 * error, d + 1.96 * error, 300, 300),
            Estimate(r, r - 1.96 * error, r + 1.96 * error, 300, 300),
        )
        for number, (d, r) in enumerate(zip(drop, reliance, strict=True), 1)
    ]
    line = fit_line(drop, reliance, np.full(10, error**2 / 4), np.zeros(10))
    tau = float(rank_correlation(drop, reliance))
    axes = ("drop from the largest model to the smallest, points", "reliance, points")
    drawing = draw_points(points, *axes, width=WIDTH, line=(float(line.intercept), float(line.slope)))
    title = f"Drop and reliance of ten tasks (Kendall's tau {tau:.2f})"
    return Figure("statistics_relation", title, "", ("tasks",), drawing, "")


def draw_sequences() -> Figure:
    """Two confidence sequences of one run, and where each may stop."""
    rng = np.random.default_rng(11)
    differences = rng.choice([1.0, 0.0, -1.0], 600, p=[0.24, 0.68, 0.08])
    counts = [*range(10, 100, 6), *range(100, 601, 25)]
    across = Axis(0, 600, range(0, 601, 100), "questions asked so far")
    plot = Plot(across, Axis(-0.4, 0.8, [-0.4, 0, 0.4, 0.8], "reliance, points", show_points))
    parts = [plot.level(0, "zero")]
    for series, kind in enumerate((Kind.BETTING, Kind.MIXTURE)):
        shown = [count for count in counts if kind is Kind.BETTING or count >= 30]
        draws = [draw_pictures(differences[:count], order=np.arange(count)) for count in shown]
        estimates = [follow(draw, sequence=kind) for draw in draws]
        lows, highs = [estimate.low for estimate in estimates], [estimate.high for estimate in estimates]
        parts += [
            plot.band(series, shown, lows, highs),
            plot.line(series, shown, lows),
            plot.line(series, shown, highs),
        ]
        stop = next((count for count, low in zip(shown, lows, strict=True) if low > 0), None)
        if stop:
            parts.append(plot.mark(series, stop, 0))
            parts.append(plot.text(stop, -0.12 - 0.1 * series, f"{kind}: clear of zero after {stop}"))
    means = [float(differences[:count].mean()) for count in counts]
    parts.append(f'<g style="stroke-dasharray:2 3">{plot.line(2, counts, means)}</g>')
    series_names = ("betting", "mixture", "mean so far")
    title = "Intervals that hold after every question"
    return Figure("statistics_sequences", title, "", series_names, plot.close(parts), "")


def draw_tests() -> Figure:
    """Eight p-values, before and after Holm's correction."""
    values = [0.0004, 0.003, 0.009, 0.012, 0.03, 0.045, 0.2, 0.6]
    across = Axis(0.5, 8.5, range(1, 9), "tasks, by p-value")
    up = Axis(0.0002, 1, [0.001, 0.01, 0.05, 0.1, 1], "p", "{:g}".format, logarithmic=True)
    plot = Plot(across, up)
    parts = [plot.level(0.05), plot.text(8.5, 0.05, "5 %", "end")]
    for number, (value, adjusted) in enumerate(zip(values, holm(values), strict=True), 1):
        parts += [plot.mark(0, number, value), plot.mark(1, number, adjusted)]
    series = ("p of the task alone", "p after Holm's correction over 8 tasks")
    return Figure("statistics_tests", "Several tests, corrected together", "", series, plot.close(parts), "")


def draw_smallest() -> Figure:
    """The chance to find a true difference with 100, 300 and 1,000 pairs, and the smallest detectable one."""
    across = Axis(0, 0.2, [0, 0.05, 0.1, 0.15, 0.2], "true difference, points", show_percent)
    plot = Plot(across, Axis(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1], "samples in which it is found, %", show_percent))
    parts = [plot.level(0.8)]
    gaps = np.linspace(0, 0.2, 81)
    for series, pairs in enumerate((100, 300, 1000)):
        first, second = np.zeros(pairs), np.zeros(pairs)
        first[: pairs // 10], second[pairs // 10 : pairs // 5] = 1, 1  # a fifth of the questions differ
        smallest = smallest_difference(first, second).value
        unit = smallest / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
        power = stats.norm.sf(1.96 - gaps / unit) + stats.norm.cdf(-1.96 - gaps / unit)
        parts += [plot.line(series, list(gaps), list(power)), plot.mark(series, smallest, 0.8)]
        parts.append(plot.text(smallest, 0.8, f"{100 * smallest:.1f}", "end"))
    series_names = ("100 questions", "300 questions", "1,000 questions")
    title = "Smallest detectable difference where 20 % of the answers differ"
    return Figure("statistics_smallest", title, "", series_names, plot.close(parts), "")


def draw_needed() -> Figure:
    """How many questions a difference needs, by how often answers differ."""
    gaps = np.linspace(0.01, 0.15, 57)
    across = Axis(0.01, 0.15, [0.01, 0.03, 0.05, 0.1, 0.15], "difference to be found, points", show_percent)
    up = Axis(30, 40_000, [100, 1000, 10_000], "questions", "{:,.0f}".format, logarithmic=True)
    plot = Plot(across, up)
    parts = []
    for series, differing in enumerate((0.4, 0.2, 0.1)):
        shown = [gap for gap in gaps if gap < differing]
        needed = [questions_for_difference(SpreadOfPairs(differing, differing, 300), gap) for gap in shown]
        parts.append(plot.line(series, shown, needed))
    series_names = ("40 % of answers differ", "20 %", "10 %")
    title = "Questions needed to find a difference in 80 % of samples"
    return Figure("statistics_needed", title, "", series_names, plot.close(parts), "")


def draw_leaks() -> Figure:
    """What a model gets right blind, as the questions that leak most are left out."""
    rng = np.random.default_rng(8)
    leak = np.where(rng.random(4000) < 0.3, 0.9, 0.25)  # three questions of ten give their answer away
    witness = leak + rng.normal(0, 0.3, 4000)  # an estimate that errs
    right = rng.random(4000) < leak
    shares = np.linspace(0.1, 1, 46)
    kept = "share of questions kept, those that leak least first, %"
    across = Axis(0.1, 1, [0.2, 0.4, 0.6, 0.8, 1], kept, show_percent)
    plot = Plot(across, Axis(0.2, 0.6, [0.2, 0.3, 0.4, 0.5, 0.6], "blind score of those kept, %", show_percent))
    parts = [plot.level(0.25)]
    for series, values in enumerate((witness, rng.random(4000))):
        order = np.argsort(values)
        blind = [float(right[order[: int(4000 * share)]].mean()) for share in shares]
        parts.append(plot.line(series, list(shares), blind))
    series_names = ("by estimated leak", "at random")
    title = "Leaving out the questions that leak (dashed: guessing)"
    return Figure("statistics_leaks", title, "", series_names, plot.close(parts), "")


def draw_means() -> Figure:
    """The mean of skewed token counts: a symmetric interval, and BCa."""
    rng = np.random.default_rng(9)
    across = Axis(0, 600, range(0, 601, 100), "mean output tokens a question (95 % interval)")
    plot = Plot(across, Axis(0, 4, [], ""), height=190)
    parts = []
    for place, count in ((3, 200), (1.4, 30)):
        tokens = np.exp(rng.normal(4.3, 1.4, count))
        (mean,) = bootstrap(tokens[:, None], None, [mean_of(0)])
        bca, reach = mean.interval(), 1.96 * tokens.std(ddof=1) / math.sqrt(count)
        parts.append(plot.mark(0, bca.value, place, bca.value - reach, bca.value + reach))
        parts.append(plot.mark(1, bca.value, place - 0.6, bca.low, bca.high))
        parts.append(plot.text(0, place - 0.35, f"{count} questions"))
    series = ("symmetric", "BCa bootstrap")
    return Figure("statistics_means", "Means of skewed numbers", "", series, plot.close(parts), "")


FIGURES = (
    draw_scores,
    draw_differences,
    draw_few,
    draw_margins,
    draw_ratios,
    draw_dose,
    draw_relation,
    draw_sequences,
    draw_tests,
    draw_smallest,
    draw_needed,
    draw_leaks,
    draw_means,
)


def main(folder: Path = FOLDER) -> None:
    """Write every figure as SVG."""
    for draw in FIGURES:
        for path in save_figure(draw(), folder, [".svg"]):
            print(path)


if __name__ == "__main__":
    main()
