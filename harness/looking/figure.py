"""The figure "Does it still look?": scores and reliance over a training's steps, each with its interval."""

from collections.abc import Sequence

from sightscale.harness.looking.looks import Look
from sightscale.harness.pages import Band, Figure, draw_bands, make_figure
from sightscale.harness.statistics import Estimate, Style
from sightscale.tasks.errors import UserError

SERIES = ("with the picture", "blind", "reliance")


def draw_looks(looks: Sequence[Look], title: str = "Does it still look?") -> Figure:
    """A figure of a training's looks, for `save_figure`. Raises UserError if there are none."""
    if not looks:
        raise UserError("there are no looks to draw")
    last = looks[-1]
    bands = [_band(looks, number, name) for number, name in enumerate(("sighted", "blind", "reliance"))]
    finding = (
        f"At step {last.step:,} the model scores {last.sighted.show()} % with the picture and {last.blind.show()} % "
        f"under {last.condition}: reliance {last.reliance.show(Style.POINTS)} points."
    )
    return make_figure(
        "does_it_still_look", title, finding, SERIES, lambda width: draw_bands(bands, "step", "per cent", width=width)
    )


def _band(looks: Sequence[Look], series: int, name: str) -> Band:
    estimates: list[tuple[int, Estimate]] = [(look.step, getattr(look, name)) for look in looks]
    return Band(
        series,
        tuple(
            (float(step), estimate.value, estimate.low, estimate.high)
            for step, estimate in estimates
            if not estimate.is_missing
        ),
    )
