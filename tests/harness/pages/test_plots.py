"""Plots: every kind drawn to every file, without a network, with a stranger's text in it."""

from pathlib import Path

import pandas as pd
import pytest

from sightscale.harness.pages.plots import draw_bars, draw_forest, draw_grid, draw_scatter, save_chart

HOSTILE = "</script><script>alert(1)</script>"
ROWS = pd.DataFrame(
    {"name": ["gqa", HOSTILE], "value": [0.1, -0.02], "low": [0.05, -0.06], "high": [0.14, 0.02], "series": ["a", "b"]}
)
ENDS = {"value": 0.0, "low": -0.05, "high": 0.05}
POINTS = pd.DataFrame(
    {"name": ["gqa", HOSTILE]} | {f"{side}_{end}": [0.1 + add, 0.4 + add] for side in "xy" for end, add in ENDS.items()}
)
CELLS = ROWS.assign(perception="8B", reasoning=["8B", HOSTILE])
CHARTS = {
    "bars": draw_bars(ROWS, title=HOSTILE, axis="drop", series="series"),
    "forest": draw_forest(ROWS, title="t", axis="difference"),
    "scatter": draw_scatter(POINTS, title="t", x_axis="x", y_axis="y", line=(0.1, 0.8)),
    "grid": draw_grid(CELLS, title="t", x_axis="reasoning", y_axis="perception"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn(name: str, tmp_path: Path) -> None:
    save_chart(CHARTS[name], tmp_path / "deep" / f"{name}.png")
    assert (tmp_path / "deep" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    save_chart(CHARTS[name], tmp_path / f"{name}.svg")
    drawn = (tmp_path / f"{name}.svg").read_text()
    assert drawn.startswith("<svg") and "<script" not in drawn and "NaN" not in drawn


def test_a_page_opens_without_a_network_and_runs_nobodys_script(tmp_path: Path) -> None:
    save_chart(CHARTS["bars"], tmp_path / "bars.html")
    page = (tmp_path / "bars.html").read_text()
    assert "<script>alert(1)" not in page
    assert page.count("</script>") == 2 and "<script src" not in page and "<link" not in page


def test_an_empty_table_draws_an_empty_chart_and_another_suffix_is_refused(tmp_path: Path) -> None:
    save_chart(draw_bars(ROWS[:0], title="t", axis="a"), tmp_path / "empty.svg")
    save_chart(draw_forest(ROWS[:0], title="t", axis="a"), tmp_path / "empty2.svg")
    with pytest.raises(ValueError, match="written as"):
        save_chart(CHARTS["bars"], tmp_path / "bars.gif")
