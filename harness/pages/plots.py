"""Plots: findings as figures fit for a paper, in the terminal's own files, a page, or another program.

Colours are Okabe and Ito's, which colour-blind readers tell apart.
Nothing here computes a number, and nothing needs a network.
"""

import json
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from sightscale.harness.pages.labels import SIDES, place_labels

INK, FAINT, GRID = "#222222", "#8a8a8a", "#e4e4e4"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
SUFFIXES = (".png", ".svg", ".html", ".json")
ROW = 22  # pixels of one row of bars or marks
WIDTH = 420
SCATTER_HEIGHT = 360
LETTER = 5.9  # pixels of a letter of a point's name, about


def draw_bars(
    rows: pd.DataFrame,
    *,
    title: str,
    axis: str,
    label: str = "name",
    series: str | None = None,
    ordered: bool = False,
) -> alt.LayerChart:
    """Horizontal bars with intervals: columns `label`, value, low, high (shares of 1), and `series` if there are some.

    Sorted by the last series, the largest first, unless `ordered` already.
    """
    data = _in_points(rows)
    last = data[data[series] == data[series].iloc[-1]] if series and len(data) else data
    order = list(dict.fromkeys((data if ordered else last.sort_values("value", ascending=False))[label]))
    place: dict[str, Any] = {"y": alt.Y(f"{label}:N", sort=order, title=None, axis=_names())}
    names = list(dict.fromkeys(data[series])) if series else []
    colour: Any = alt.value(COLOURS[0])
    if series:
        place["yOffset"] = alt.YOffset(f"{series}:N", sort=names)
        colour = _colour(series, names)
    base = alt.Chart(data).encode(**place)
    bars = base.mark_bar().encode(x=alt.X("value:Q", title=axis, axis=_ticks()), color=colour)
    whiskers = base.mark_rule(color=INK, strokeWidth=1.3).encode(x="low:Q", x2="high:Q")
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=INK, strokeWidth=1).encode(x="at:Q")
    height = max(1, len(order)) * max(ROW, 15 * max(1, len(names)))
    return _dress(bars + whiskers + zero, title, WIDTH, height)


def draw_forest(
    rows: pd.DataFrame, *, title: str, axis: str, label: str = "name", series: str | None = None
) -> alt.LayerChart:
    """Differences with intervals around zero, in the order given: `label`, value, low, high, maybe `series`."""
    data = _in_points(rows)
    data["sign"] = [_sign(low, high) for low, high in zip(data["low"], data["high"], strict=True)]
    order = list(dict.fromkeys(data[label]))
    place: dict[str, Any] = {"y": alt.Y(f"{label}:N", sort=order, title=None, axis=_names())}
    names = list(dict.fromkeys(data[series])) if series else list(dict.fromkeys(data["sign"]))
    if series:
        place["yOffset"] = alt.YOffset(f"{series}:N", sort=names)
        colour = _colour(series, names)
    else:
        signs = ("above zero", "below zero", "zero within")
        scale = alt.Scale(domain=signs, range=(COLOURS[0], COLOURS[1], FAINT))
        colour = alt.Color("sign:N", scale=scale, title="95 % interval")
    base = alt.Chart(data).encode(**place)
    whiskers = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", title=axis, axis=_ticks()), x2="high:Q", color=colour
    )
    marks = base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q", color=colour)
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=INK, strokeDash=[4, 3]).encode(x="at:Q")
    height = max(1, len(order)) * max(ROW, 15 * (len(names) if series else 1))
    return _dress(zero + whiskers + marks, title, WIDTH, height)


def draw_scatter(
    points: pd.DataFrame, *, title: str, x_axis: str, y_axis: str, line: tuple[float, float] | None = None
) -> alt.LayerChart:
    """Named points with intervals in both directions: columns name and, for x and y, `_value`, `_low`, `_high`.

    `line` is an intercept and a slope in the units of the data (shares of 1).
    """
    data = points.copy()
    ends = [f"{side}_{end}" for side in ("x", "y") for end in ("value", "low", "high")]
    data[ends] = data[ends].astype(float) * 100
    across, up = (_reach(data[[f"{side}_value", f"{side}_low", f"{side}_high"]].to_numpy()) for side in "xy")
    _add_labels(data, across, up)
    base = alt.Chart(data)
    x = alt.X("x_value:Q", title=x_axis, axis=_ticks(), scale=alt.Scale(domain=across, nice=False))
    y = alt.Y("y_value:Q", title=y_axis, axis=_ticks(), scale=alt.Scale(domain=up, nice=False))
    layers: list[Any] = []
    if line is not None and len(data) and line[1] == line[1]:
        reach = [float(data["x_low"].min()), float(data["x_high"].max())]
        drawn = pd.DataFrame({"x": reach, "y": [100 * line[0] + line[1] * one for one in reach]})
        layers.append(alt.Chart(drawn).mark_line(color=FAINT, strokeDash=[6, 4], clip=True).encode(x="x:Q", y="y:Q"))
    layers += [
        base.mark_rule(color=COLOURS[0], opacity=0.45, strokeWidth=1.4).encode(x="x_low:Q", x2="x_high:Q", y=y),
        base.mark_rule(color=COLOURS[0], opacity=0.45, strokeWidth=1.4).encode(x=x, y="y_low:Q", y2="y_high:Q"),
        base.transform_filter("datum.far")
        .mark_rule(color=FAINT, strokeDash=[2, 2])
        .encode(x=x, y=y, x2="label_x:Q", y2="label_y:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=COLOURS[0]).encode(x=x, y=y),
        *(
            base.transform_filter(f"datum.side == '{side}'")
            .mark_text(align="left" if side == "start" else "right", baseline="middle", fontSize=11, color=INK)
            .encode(x="label_x:Q", y="label_y:Q", text="name:N")
            for side in SIDES
        ),
    ]
    return _dress(alt.LayerChart(layer=layers), title, WIDTH, SCATTER_HEIGHT)


def _reach(values: "np.ndarray[Any, Any]") -> list[float]:
    """The ends of a scale that holds every value and zero, with a little room."""
    known = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(known.min()), float(known.max())
    room = 0.04 * (high - low) or 1.0
    return [low - room, high + room]


def _add_labels(points: pd.DataFrame, across: list[float], up: list[float]) -> None:
    """Where each name stands, in the units of the axes, on which side of that place, and whether far of its point."""
    per_x, per_y = WIDTH / (across[1] - across[0]), SCATTER_HEIGHT / (up[1] - up[0])
    places = [
        ((x - across[0]) * per_x, (up[1] - y) * per_y)
        for x, y in zip(points["x_value"], points["y_value"], strict=True)
    ]
    widths = [LETTER * len(str(name)) for name in points["name"]]
    labels = place_labels(places, widths, (0.0, 0.0, WIDTH + 60.0, float(SCATTER_HEIGHT)))
    points["label_x"] = [across[0] + one.x / per_x for one in labels]
    points["label_y"] = [up[1] - (one.y - 4) / per_y for one in labels]  # a name's middle lies above its baseline
    points["side"], points["far"] = [one.side for one in labels], [one.far for one in labels]


def draw_grid(cells: pd.DataFrame, *, title: str, x_axis: str, y_axis: str) -> alt.LayerChart:
    """A heat map with each score written in its cell: columns perception, reasoning, value, low, high (shares of 1).

    Rows and columns stand in the order given.
    """
    data = _in_points(cells)
    data["text"] = [f"{one:.1f}" for one in data["value"]]
    data["ends"] = [f"[{low:.1f}, {high:.1f}]" for low, high in zip(data["low"], data["high"], strict=True)]
    dark = data["value"].min() + 0.6 * (data["value"].max() - data["value"].min()) if len(data) else 0.0
    columns, rows = (list(dict.fromkeys(data[name])) for name in ("reasoning", "perception"))
    base = alt.Chart(data).encode(
        x=alt.X("reasoning:N", sort=columns, title=x_axis, axis=alt.Axis(labelAngle=0, domain=False, ticks=False)),
        y=alt.Y("perception:N", sort=rows, title=y_axis, axis=alt.Axis(domain=False, ticks=False)),
    )
    scale = alt.Scale(scheme="blues", zero=False)
    boxes = base.mark_rect(stroke="white", strokeWidth=2).encode(color=alt.Color("value:Q", scale=scale, legend=None))
    ink = alt.condition(f"datum.value > {dark}", alt.value("white"), alt.value(INK))
    large = base.mark_text(fontSize=15, fontWeight="bold", dy=-6).encode(text="text:N", color=ink)
    small = base.mark_text(fontSize=10, dy=11).encode(text="ends:N", color=ink)
    return _dress(boxes + large + small, title, 110 * max(1, len(columns)), 64 * max(1, len(rows)))


def save_chart(chart: alt.LayerChart, path: Path) -> None:
    """Write a chart as .png (at twice its size), .svg, .html (self-contained) or .json (Vega-Lite).

    Raises ValueError for another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path.name}: a figure is written as {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        chart.save(str(path), scale_factor=2)
    elif path.suffix == ".html":
        path.write_text(_write_page(chart), encoding="utf-8")
    else:
        chart.save(str(path))


def _write_page(chart: alt.LayerChart) -> str:
    """A page with everything in it. Names come from strangers: no `<` of theirs can end the script."""
    spec = json.dumps(chart.to_dict()).replace("<", "\\u003c")
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub asks for what is optional
    options = '{"actions": {"export": true, "source": false, "compiled": false, "editor": false}}'
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Figure</title>\n'
        f"<script>{bundle}</script>\n</head>\n"
        '<body>\n<div id="figure"></div>\n'
        f'<script>vegaEmbed("#figure", {spec}, {options});</script>\n</body>\n</html>\n'
    )


def _in_points(rows: pd.DataFrame) -> pd.DataFrame:
    """The same with value, low and high in per cent."""
    data = rows.reset_index(drop=True).copy()
    data[["value", "low", "high"]] = data[["value", "low", "high"]].astype(float) * 100
    return data


def _sign(low: float, high: float) -> str:
    return "above zero" if low > 0 else "below zero" if high < 0 else "zero within"


def _colour(field: str, names: list[str]) -> alt.Color:
    longest = max((len(name) for name in names), default=0)
    scale = alt.Scale(domain=names, range=[COLOURS[number % len(COLOURS)] for number in range(len(names))])
    return alt.Color(
        f"{field}:N", scale=scale, title=None, sort=names, legend=alt.Legend(columns=2 if longest > 18 else 4)
    )


def _names() -> alt.Axis:
    return alt.Axis(labelLimit=320, labelPadding=8, domain=False, ticks=False, grid=False)


def _ticks() -> alt.Axis:
    return alt.Axis(gridColor=GRID, domainColor=FAINT, tickColor=FAINT, tickCount=6)


def _dress(chart: alt.LayerChart, title: str, width: int, height: int) -> alt.LayerChart:
    return (
        chart.properties(title=title, width=width, height=height, background="white", padding=12)
        .configure_view(stroke=None)
        .configure_axis(labelFontSize=12, titleFontSize=12, titleFontWeight="normal", labelColor=INK, titleColor=INK)
        .configure_title(fontSize=14, anchor="start", color=INK, fontWeight="bold", offset=10)
        .configure_legend(labelFontSize=12, titleFontSize=12, orient="bottom", labelLimit=300)
    )
