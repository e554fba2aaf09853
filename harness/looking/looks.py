"""Looks: the results of looking at a model in training, one line of JSON each."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jsonlines

from sightscale.harness.statistics import Estimate, Style
from sightscale.tasks.errors import UserError

FILE = "looks.jsonl"
FOLDER = "looking"  # in a training's output folder


@dataclass(frozen=True)
class Look:
    """A score with the picture, a score without it, and their difference on the same questions, as shares.

    Each estimate has a 95 % interval that holds whenever the look ends. `taken` is the share of the training's time
    that looks have taken so far. `stop` says why the training should end; it is empty if it should go on.
    """

    step: int
    epoch: float | None
    condition: str
    sighted: Estimate
    blind: Estimate
    reliance: Estimate
    rule: str
    decided: bool | None
    failed: int
    seconds: float
    taken: float
    stop: str = ""

    def __str__(self) -> str:
        return (
            f"step {self.step:,}: {self.sighted.show()} % with the picture, {self.blind.show()} % under "
            f"{self.condition}, reliance {self.reliance.show(Style.POINTS)} after {self.reliance.n:,} questions"
        )

    def as_logs(self) -> dict[str, float]:
        """The look as numbers for the training's log, as shares; missing numbers are left out."""
        named = {
            f"looking/{name}{end}": getattr(estimate, part)
            for name, estimate in (("sighted", self.sighted), ("blind", self.blind), ("reliance", self.reliance))
            for part, end in (("value", ""), ("low", "_low"), ("high", "_high"))
        }
        named |= {"looking/questions": float(self.reliance.n), "looking/time_share": self.taken}
        return {name: float(value) for name, value in named.items() if math.isfinite(value)}

    def as_dict(self) -> dict[str, Any]:
        """One line of the file; missing numbers are null."""
        return {name: _finite(value) for name, value in asdict(self).items()}


def find_looks(path: Path) -> Path | None:
    """The file with a training's looks: `path`, or in `path`, or in its folder `looking`; None if there is none."""
    places = (path, path / FILE, path / FOLDER / FILE)
    return next((place for place in places if place.name == FILE and place.is_file()), None)


def name_training(file: Path) -> str:
    """The name of the training whose looks `file` holds: its output folder's."""
    folder = file.absolute().parent
    return folder.parent.name if folder.name == FOLDER else folder.name


def read_looks(path: Path | str) -> list[Look]:
    """The looks of a training in the order of their steps, from `looks.jsonl` or its folder.

    If a resumed training repeated a step, the later look counts. The file's last line may be incomplete. Raises
    UserError if the file doesn't exist or holds something else.
    """
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise UserError(f"there are no looks at {file}")
    looks: dict[int, Look] = {}
    with jsonlines.open(file) as lines:
        for line in lines.iter(type=dict, skip_invalid=True):
            try:
                look = _read(line)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(f"{file} has a line that is not a look: {type(error).__name__}: {error}") from error
            looks[look.step] = look
    return [looks[step] for step in sorted(looks)]


def _read(line: Mapping[str, Any]) -> Look:
    estimates = {name: _read_estimate(line[name]) for name in ("sighted", "blind", "reliance")}
    epoch, decided = line["epoch"], line["decided"]
    return Look(
        step=int(line["step"]),
        epoch=None if epoch is None else float(epoch),
        condition=str(line["condition"]),
        rule=str(line["rule"]),
        decided=None if decided is None else bool(decided),
        failed=int(line["failed"]),
        seconds=float(line["seconds"]),
        taken=float(line["taken"]),
        stop=str(line["stop"]),
        **estimates,
    )


def _read_estimate(parts: Mapping[str, Any]) -> Estimate:
    value, low, high = (
        float("nan") if parts[name] is None else float(parts[name]) for name in ("value", "low", "high")
    )
    return Estimate(value, low, high, int(parts["n"]), int(parts["clusters"]))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
