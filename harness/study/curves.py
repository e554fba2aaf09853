"""Training curves: what a training log holds, drawn."""

from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path

import vl_convert
from PIL import Image

from sightscale.harness.pages import Band, Figure, Panel, draw_bands, draw_curves, make_figure, write_svg
from sightscale.tasks.errors import blaming
from sightscale.trainers.curves import read_curves, read_looking

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
    _save(make_figure("curves", title, "", ("loss",), partial(_draw, panels)), output)


def draw_looking(measured: Path, output: Path, stage: str, title: str) -> bool:
    """Write a PNG of whether a stage's model looks: held-out answers that are right with and without the pictures.

    Returns whether there was anything to draw. Raises UserError where the file can't be written.
    """
    looks = read_looking(measured, stage)
    if not looks:
        return False
    bands = [
        Band(series, tuple((float(look[0]), look[1 + series], look[1 + series], look[1 + series]) for look in looks))
        for series in (0, 1)
    ]
    step, sighted, blind = looks[-1]
    finding = f"After step {step:,} of {stage}: {sighted:.1%} right with the picture, {blind:.1%} without."
    series = ("with the picture", "without")
    _save(
        make_figure(
            "looking", title, finding, series, lambda width: draw_bands(bands, "step", "per cent", width=width)
        ),
        output,
    )
    return True


def _save(figure: Figure, output: Path) -> None:
    with Image.open(BytesIO(vl_convert.svg_to_png(write_svg(figure), scale=1.2))) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    with blaming(output, "write"):
        output.parent.mkdir(parents=True, exist_ok=True)
        small.save(output, optimize=True)


def _draw(panels: Sequence[Panel], width: int) -> str:
    return draw_curves(panels, "step", width=width)
