"""Curves: the loss and the learning rate of each stage, read from the training log."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sightscale.tasks.errors import UserError
from sightscale.trainers.stages import read_log

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class StageCurve:
    """One stage's curves: (step, value) pairs of its loss and of its learning rate."""

    stage: str
    loss: Points
    learning_rate: Points


def read_curves(log: Path, stages: Sequence[str]) -> list[StageCurve]:
    """The curves of the stages that the log has steps of. Raises UserError when none was logged."""
    entries = read_log(log)
    curves = []
    for stage in stages:
        steps = [entry for entry in entries if entry["stage"] == stage]
        if steps:
            loss, rate = (
                tuple((float(entry["step"]), float(entry[name])) for entry in steps if name in entry)
                for name in ("loss", "learning_rate")
            )
            curves.append(StageCurve(stage, loss, rate))
    if not curves:
        raise UserError(f"{log} holds no training step yet")
    return curves
