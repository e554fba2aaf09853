"""Curves: the loss and the learning rate of each stage, drawn from the training log."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import altair as alt
import pandas as pd
from PIL import Image

from sightscale.trainers.stages import read_log


def draw_curves(log: Path, output: Path, stages: Sequence[str]) -> None:
    """Write the log's curves as a PNG, a row for each of the stages. Raises ValueError when none was logged."""
    entries = pd.DataFrame(read_log(log), columns=["stage", "step", "loss", "learning_rate"])
    stages = [stage for stage in stages if stage in set(entries["stage"])]
    if not stages:
        raise ValueError(f"{log} holds no training step yet")
    rows = []
    for stage in stages:
        own = entries[entries["stage"] == stage]
        base = alt.Chart(own).encode(x=alt.X("step:Q", title="step"))
        loss = base.mark_line(color="#0b6e99").encode(y=alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False)))
        rate = base.mark_line(color="#b5541c").encode(
            y=alt.Y("learning_rate:Q", title="learning rate", axis=alt.Axis(format=".1e"))
        )
        size = {"width": 360, "height": 150}
        rows.append(loss.properties(title=f"{stage}: loss", **size) | rate.properties(title="learning rate", **size))
    drawn = BytesIO()
    alt.vconcat(*rows).configure_view(strokeWidth=0).save(drawn, format="png", scale_factor=1.5)
    with Image.open(drawn) as picture:
        picture.convert("RGB").save(output, optimize=True)  # a quarter of the bytes
