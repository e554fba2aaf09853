"""The page on statistics: every statistic has its figure, and the script that draws them still does."""

import re
import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
PAGE, FOLDER = HERE / "docs" / "statistics.md", HERE / "docs" / "figures"
FIGURE = re.compile(r"!\[([^\]]+)\]\(figures/(\w+\.svg)\)")
NUMBER = re.compile(r"-?\d+\.?\d*")


def test_every_section_has_a_figure_and_every_figure_stands_on_the_page() -> None:
    _, *sections = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    assert len(sections) >= 10
    assert [section.partition("\n")[0] for section in sections if not FIGURE.search(section)] == []
    shown = [name for _, name in FIGURE.findall(PAGE.read_text())]
    assert sorted(shown) == sorted(path.name for path in FOLDER.glob("statistics_*.svg"))


@pytest.mark.slow
def test_the_figures_are_what_the_script_draws(tmp_path: Path) -> None:
    script = runpy.run_path(str(HERE / "docs" / "draw_statistics.py"))
    script["main"](tmp_path)
    kept = {path.name: path.read_text() for path in FOLDER.glob("statistics_*.svg")}
    drawn = {path.name: path.read_text() for path in tmp_path.glob("*.svg")}
    assert kept.keys() == drawn.keys()
    for name, text in drawn.items():
        assert NUMBER.sub("#", text) == NUMBER.sub("#", kept[name]), name
        pairs = zip(NUMBER.findall(text), NUMBER.findall(kept[name]), strict=True)
        assert all(abs(float(a) - float(b)) <= 0.5 for a, b in pairs), name
