"""Curves: the loss and the learning rate of each stage, and whether it looks, read from the training's logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

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


def read_looking(measured: Path, stage: str) -> list[tuple[int, float, float]]:
    """Of each measurement of a stage its step, and the shares of held-out answers that are right with and without the
    pictures: means over the forms of question that show one. Nothing where the stage shows none."""
    return [
        (entry["step"], fmean(entry["held_out"][form] for form in blind), fmean(blind.values()))
        for entry in read_log(measured)
        if entry["stage"] == stage and (blind := entry.get("held_out_blind"))
    ]
