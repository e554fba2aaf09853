"""Training curves: what a training log holds, drawn."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import vl_convert
from PIL import Image

from sightscale.harness.pages import Panel, draw_curves, make_figure, write_svg
from sightscale.tasks.errors import blaming
from sightscale.trainers.curves import read_curves

COLOURS = 64  # of the picture's palette; the curves need few, and a card's picture lies in every checkpoint


def draw_training(log: Path, output: Path, stages: Sequence[str], title: str = "Training") -> None:
    """Write the log's curves as a PNG, loss beside learning rate for each of the stages.

    Raises UserError when none was logged, and where the file can't be written.
    """
    panels = [
        panel
        for curve in read_curves(log, stages)
        for panel in (
            Panel(f"{curve.stage}: loss", curve.loss),
            Panel(f"{curve.stage}: learning rate", curve.learning_rate),
        )
    ]
    figure = make_figure("curves", title, "", ("loss",), partial(_draw, panels))
    with Image.open(BytesIO(vl_convert.svg_to_png(write_svg(figure), scale=1.2))) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    with blaming(output, "write"):
        output.parent.mkdir(parents=True, exist_ok=True)
        small.save(output, optimize=True)


def _draw(panels: Sequence[Panel], width: int) -> str:
    return draw_curves(panels, "step", width=width)
