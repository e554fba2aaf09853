"""A share of the time: how long looks may take, so that they never take more than that of a training."""

import time
from collections.abc import Callable

from sightscale.tasks.errors import UserError


class TimeShare:
    """Measures the time of a training and of its looks; looks may take `share` of it all."""

    def __init__(self, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """Raises UserError for a share that isn't above 0 and below 1."""
        if not 0 < share < 1:
            raise UserError(f"share {share:g} is out of range; give a part of the training's time, such as 0.02")
        self.share, self.clock = share, clock
        self.spent = 0.0  # seconds that went into looking
        self._begun: float | None = None

    def begin(self) -> None:
        """Start measuring; looks before this don't count."""
        self._begun, self.spent = self.clock(), 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the training began, looks included."""
        return 0.0 if self._begun is None else self.clock() - self._begun

    @property
    def taken(self) -> float:
        """The share that looking has taken so far."""
        return self.spent / self.elapsed if self.elapsed > 0 else 0.0

    def left(self) -> float:
        """Seconds that may go into looking now: a look of that length ends with just the share taken."""
        # A look of s seconds makes it (spent + s) / (elapsed + s).
        return (self.share * self.elapsed - self.spent) / (1 - self.share)
