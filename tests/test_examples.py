"""The examples run from start to end on what ships, and end in a figure."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).resolve().parents[1]
QUICKSTART, NOTEBOOK = HERE / "examples" / "quickstart.py", HERE / "examples" / "reliance_notebook.py"


def run_example(script: Path, folder: Path) -> str:
    """What a script prints when it runs in that folder, without a hub."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=folder, env=environment, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def check_figures(folder: Path) -> None:
    """The figure is there as a paper needs it: SVG with a mark for each condition, PDF and PNG."""
    svg = ElementTree.parse(folder / "scores.svg").getroot()
    marks = [group for group in svg.iter() if group.get("class", "").startswith("mark ")]
    assert len(marks) == 3
    assert "With the picture and without: easy_vqa_nano" in (folder / "scores.svg").read_text()
    assert (folder / "scores.pdf").read_bytes()[:4] == b"%PDF"
    assert (folder / "scores.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_the_quickstart_ends_in_a_figure(tmp_path: Path) -> None:
    printed = run_example(QUICKSTART, tmp_path)
    assert "none: reliance +" in printed and "mismatched: reliance +" in printed
    check_figures(tmp_path / "runs" / "quickstart")


@pytest.mark.slow
def test_the_notebook_runs_cell_by_cell_and_ends_in_a_figure(tmp_path: Path) -> None:
    run_example(NOTEBOOK, tmp_path)
    check_figures(tmp_path / "runs" / "notebook")


def test_the_notebook_is_in_the_percent_format_and_its_last_cell_shows_the_figure() -> None:
    text = NOTEBOOK.read_text()
    header, *cells = text.split("\n# %%")
    assert header.startswith("# ---\n# jupyter:") and "format_name: percent" in header
    words = [cell for cell in cells if cell.startswith(" [markdown]\n")]
    assert len(words) >= 4 and all(line.startswith("#") for cell in words for line in cell.split("\n")[1:] if line)
    last = ast.parse(text).body[-1]
    assert isinstance(last, ast.Expr) and isinstance(last.value, ast.Name) and last.value.id == "figure"


def test_a_figure_shows_itself_in_a_notebook() -> None:
    from sightscale.harness.pages import Figure, write_svg

    figure = Figure("one", "One", "", (), '<svg viewBox="0 0 10 10"></svg>', "")
    assert figure._repr_svg_() == write_svg(figure)
