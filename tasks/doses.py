"""Doses as conditions name them: a degradation of pictures, and its amount within what can be."""

from dataclasses import dataclass

from sightscale.tasks.errors import UserError
from sightscale.tasks.vocabulary import Degradation

LIMITS = {  # of an amount
    Degradation.DOWNSCALE: (1, 4096),
    Degradation.BLUR: (0.1, 512),
    Degradation.SHUFFLE: (2, 64),
    Degradation.OCCLUDE: (0.01, 1),
    Degradation.NOISE: (0.01, 1),
}
WHOLE = (Degradation.DOWNSCALE, Degradation.SHUFFLE)  # their amounts are whole numbers


@dataclass(frozen=True)
class Dose:
    """One degradation and its amount."""

    kind: Degradation
    amount: float

    def __str__(self) -> str:
        return f"{self.kind}:{self.amount:g}"


def parse_dose(text: str) -> Dose | None:
    """A dose from `KIND:AMOUNT`; None for a text that is none. Raises UserError for an amount that can't be."""
    name, colon, number = text.partition(":")
    if not colon or name not in list(Degradation):
        return None
    kind = Degradation(name)
    low, high = LIMITS[kind]
    try:
        amount = float(number)
    except ValueError:
        amount = float("nan")
    if not low <= amount <= high or (kind in WHOLE and amount != int(amount)):
        whole = "a whole number" if kind in WHOLE else "a number"
        raise UserError(f"{text!r} is not a dose; write {kind}:N with {whole} from {low:g} to {high:g}")
    return Dose(kind, amount)
