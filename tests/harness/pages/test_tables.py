"""One table, read alike in a page, in Markdown and in a spreadsheet."""

from pathlib import Path

import pandas as pd

from sightscale.harness.analysis.findings import write_csv
from sightscale.harness.pages.tables import Column, as_frame, make_table, render_markdown, show_cell
from sightscale.harness.statistics import Estimate

COLUMNS = (Column("task", "Task"), Column("score", "Score", "share"), Column("gain", "Gain", "difference"))
ROWS = [
    {"task": "=1+1 | <b>", "score": Estimate(0.631, 0.6, 0.66, 100, 90), "gain": Estimate(-0.02, -0.05, 0.01, 9, 9)},
    {"task": "two", "score": None, "gain": 0.5},
]


def test_cells_are_in_per_cent_with_their_intervals() -> None:
    shown = show_cell("share", ROWS[0]["score"])
    assert (shown.text, shown.interval, shown.ends) == ("63.1", "[60.0, 66.0]", (0.631, 0.6, 0.66))
    assert show_cell("difference", ROWS[0]["gain"]).text == "-2.0" and show_cell("difference", 0.5).text == "+50.0"
    assert show_cell("share", float("nan")).text == "–" and show_cell("share", None).sort == ""
    assert show_cell("count", 12345).text == "12,345" and show_cell("p", 0.0001).text == "< 0.001"
    assert show_cell("number", 12345.6).text == "12,346"


def test_a_label_stands_for_a_text_on_pages_and_not_in_files() -> None:
    columns = (Column("condition", "Condition", labels={"none": "no picture"}),)
    table = make_table("t", "T", "About.", columns, [{"condition": "none"}, {"condition": "black"}])
    markdown = render_markdown(table)
    assert "| no picture |" in markdown and "| black |" in markdown and "none" not in markdown
    assert as_frame(table)["condition"].tolist() == ["none", "black"]


def test_columns_that_say_nothing_are_left_out() -> None:
    table = make_table("t", "T", "About.", [*COLUMNS, Column("empty", "Empty", "share")], ROWS)
    assert [column.name for column in table.columns] == ["task", "score", "gain"]


def test_markdown_keeps_its_columns_whatever_a_name_holds() -> None:
    lines = render_markdown(make_table("t", "T", "About.", COLUMNS, ROWS)).splitlines()
    assert lines[2] == "| Task | Score | Gain |" and lines[3] == "|---|---:|---:|"
    assert lines[4] == "| =1+1 \\| &lt;b&gt; | 63.1 [60.0, 66.0] | -2.0 [-5.0, +1.0] |"
    assert lines[5] == "| two | – | +50.0 |"


def test_a_spreadsheet_gets_raw_numbers_and_no_formula(tmp_path: Path) -> None:
    write_csv(as_frame(make_table("t", "T", "About.", COLUMNS, ROWS)), tmp_path / "t.csv")
    read = pd.read_csv(tmp_path / "t.csv")
    assert list(read.columns) == ["task", "score", "score_low", "score_high", "gain", "gain_low", "gain_high"]
    assert read.loc[0, "task"] == "'=1+1 | <b>" and read.loc[0, "score"] == 0.631 and pd.isna(read.loc[1, "score"])
