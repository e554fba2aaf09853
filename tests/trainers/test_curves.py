"""Curves: a picture of every stage that was logged, and one line when nothing was."""

import json
from pathlib import Path

import pytest
from PIL import Image

from sightscale.harness.study import draw_training


def write_log(path: Path, stages: int) -> None:
    entries = [
        {"stage": f"stage {k}", "step": step, "of": 50, "loss": 3.0 / step, "learning_rate": 1e-3 / step}
        for k in range(stages)
        for step in range(1, 50)
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_each_stage_has_a_row_of_its_own(tmp_path: Path) -> None:
    sizes = []
    for stages in (1, 3):
        write_log(tmp_path / "log.jsonl", stages)
        draw_training(tmp_path / "log.jsonl", tmp_path / "curves.png", [f"stage {k}" for k in range(stages)])
        with Image.open(tmp_path / "curves.png") as image:
            sizes.append(image.size)
            drawn = [colour for _, colour in image.convert("RGB").getcolors(2**24) or []]
    assert sizes[1][0] == pytest.approx(sizes[0][0], abs=30) and sizes[1][1] > 2.5 * sizes[0][1]
    assert any(blue > red + 60 for red, _, blue in drawn)  # the curves


def test_a_log_that_ends_inside_of_a_line_is_drawn(tmp_path: Path) -> None:
    write_log(tmp_path / "log.jsonl", 1)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"stage": "stage 0", "st')
    draw_training(tmp_path / "log.jsonl", tmp_path / "curves.png", ["stage 0"])
    with Image.open(tmp_path / "curves.png") as image:
        assert len(image.convert("RGB").getcolors(2**24) or []) > 20  # something is drawn


@pytest.mark.parametrize("content", [None, "", "{"])
def test_without_a_step_there_is_nothing_to_draw(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "log.jsonl").write_text(content)
    with pytest.raises(ValueError, match="holds no training step yet"):
        draw_training(tmp_path / "log.jsonl", tmp_path / "curves.png", ["stage 0"])
